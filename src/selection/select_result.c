/* SPDX-License-Identifier: Apache-2.0
 *
 * What came of a choice: counts by status, by source and by stratum, for the caller and the
 * manifest.
 */
#include "selection/selection.h"

#include <stdlib.h>
#include <string.h>

void lobass_select_result_clear(lobass_select_result *result)
{
    for (size_t i = 0; i < result->n_sources; i++)
    {
        free(result->sources[i].name);
    }
    free(result->sources);
    free(result->strata);
    result->sources = NULL;
    result->strata = NULL;
    result->n_sources = 0;
    result->n_strata = 0;
}

static lobass_status sources_name(lobass_select_result *result, const lb_choice *choice,
                                  lobass_error *error)
{
    result->sources = lb_alloc(choice->n_sources, sizeof *result->sources, error);
    if (result->sources == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < choice->n_sources; i++)
    {
        const char *name = choice->sources[i].name;
        result->sources[i].name = lb_copy_text(name, strlen(name), error);
        if (result->sources[i].name == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        result->n_sources++;
    }
    return LOBASS_OK;
}

static void source_count(lobass_selected_source *source, const lb_row_summary *summary,
                         bool is_selected)
{
    source->n_records++;
    source->n_selected += is_selected ? 1 : 0;
    source->n_selected_tokens += is_selected ? summary->n_scored : 0;
}

static void stratum_count(lobass_stratum *stratum, const lb_row_summary *summary, bool is_ranked,
                          bool is_selected)
{
    const uint64_t n = summary->n_scored;
    stratum->shortest = stratum->n_rows == 0 || n < stratum->shortest ? n : stratum->shortest;
    stratum->longest = n > stratum->longest ? n : stratum->longest;
    stratum->n_rows++;
    stratum->n_selectable += is_ranked ? 1 : 0;
    stratum->n_selected += is_selected ? 1 : 0;
    stratum->n_selected_tokens += is_selected ? n : 0;
}

lobass_status lb_select_result_fill(lobass_select_result *result, const lb_choice *choice,
                                    const lb_selection *selection, lobass_error *error)
{
    const lb_scores *scores = choice->scores;
    const size_t n_strata = choice->spec->n_strata;
    result->strata = lb_alloc(n_strata, sizeof *result->strata, error);
    if (result->strata == NULL || sources_name(result, choice, error) != LOBASS_OK)
    {
        lobass_select_result_clear(result);
        return LOBASS_OUT_OF_MEMORY;
    }
    result->n_strata = n_strata;
    result->n_records = scores->n_rows;
    for (size_t i = 0; i < scores->n_rows; i++)
    {
        const lb_row_summary *summary = &scores->summaries[i];
        const bool is_selected = selection->is_selected[i];
        result->statuses[scores->rows[i].status]++;
        if (summary->source < result->n_sources)
        {
            source_count(&result->sources[summary->source], summary, is_selected);
        }
        if (selection->strata != NULL && summary->n_scored > 0)
        {
            stratum_count(&result->strata[selection->strata[i]], summary, selection->ranks[i] > 0,
                          is_selected);
        }
    }
    result->n_selected = selection->n_selected;
    result->n_selected_tokens = selection->n_selected_tokens;
    result->n_near_duplicates = selection->n_near_duplicates;
    result->cut = selection->cut;
    result->direction = selection->direction;
    return LOBASS_OK;
}

/* ---- for the manifest -------------------------------------------------------------------------
 */

static void put_share(lb_json_writer *writer, const char *key, uint64_t part, uint64_t whole)
{
    if (whole > 0)
    {
        lb_json_put_real(writer, key, (double)part / (double)whole);
    }
}

void lb_select_result_put(lb_json_writer *writer, const lobass_select_result *result)
{
    lb_json_open(writer, "sources", '[');
    for (size_t i = 0; i < result->n_sources; i++)
    {
        const lobass_selected_source *source = &result->sources[i];
        lb_json_open(writer, NULL, '{');
        lb_json_put_text(writer, "name", source->name);
        lb_json_put_count(writer, "records", source->n_records);
        lb_json_put_count(writer, "selected", source->n_selected);
        put_share(writer, "share_of_records", source->n_selected, source->n_records);
        put_share(writer, "share_of_selection", source->n_selected, result->n_selected);
        lb_json_put_count(writer, "selected_tokens", source->n_selected_tokens);
        put_share(writer, "share_of_tokens", source->n_selected_tokens, result->n_selected_tokens);
        lb_json_close(writer);
    }
    lb_json_close(writer);
    if (result->n_strata == 0)
    {
        return;
    }
    lb_json_open(writer, "strata", '[');
    for (size_t i = 0; i < result->n_strata; i++)
    {
        const lobass_stratum *stratum = &result->strata[i];
        lb_json_open(writer, NULL, '{');
        lb_json_put_count(writer, "shortest", stratum->shortest);
        lb_json_put_count(writer, "longest", stratum->longest);
        lb_json_put_count(writer, "rows", stratum->n_rows);
        lb_json_put_count(writer, "selectable", stratum->n_selectable);
        lb_json_put_count(writer, "selected", stratum->n_selected);
        lb_json_put_count(writer, "selected_tokens", stratum->n_selected_tokens);
        lb_json_close(writer);
    }
    lb_json_close(writer);
}
