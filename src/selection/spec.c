/* SPDX-License-Identifier: Apache-2.0
 *
 * The spec of a selection: what it may hold, its quotas, and the spec as a JSON object, which the
 * manifest has.
 */
#include "selection/selection.h"
#include "task/json_writer.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_MOST 9007199254740992.0 /* every smaller integer is a double */
#define RANDOM_ENDING ":random"

/* ---- quotas -----------------------------------------------------------------------------------
 */

void lobass_selection_spec_clear(lobass_selection_spec *spec)
{
    for (size_t i = 0; i < spec->n_quotas; i++)
    {
        free(spec->quotas[i].name);
    }
    free(spec->quotas);
    spec->quotas = NULL;
    spec->n_quotas = 0;
}

/* NAME[SIZE] with the amount TEXT is added. */
static lobass_status quota_add(lobass_selection_spec *spec, const char *name, size_t size,
                               const char *text, bool is_random, lobass_error *error)
{
    lobass_source_quota quota = {.amount.kind = LOBASS_AMOUNT_NONE, .is_random = is_random};
    if (strcmp(text, "0") != 0)
    {
        lobass_error refused = {0};
        const lobass_status status = lobass_amount_parse(text, &quota.amount, &refused);
        if (status != LOBASS_OK)
        {
            return lb_fail(error, status, "source \"%.*s\": %s, or 0", (int)size, name,
                           refused.message);
        }
    }
    lobass_source_quota *quotas =
        realloc(spec->quotas, (spec->n_quotas + 1) * sizeof *spec->quotas);
    if (quotas == NULL)
    {
        return lb_fail_memory(error, (spec->n_quotas + 1) * sizeof *spec->quotas);
    }
    spec->quotas = quotas;
    quota.name = lb_copy_text(name, size, error);
    if (quota.name == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    quotas[spec->n_quotas++] = quota;
    return LOBASS_OK;
}

/* Read from its end: a name may hold colons. */
lobass_status lobass_selection_spec_add_quota(lobass_selection_spec *spec, const char *text,
                                              lobass_error *error)
{
    const size_t ending = sizeof RANDOM_ENDING - 1;
    size_t size = strlen(text);
    const bool is_random = size > ending && strcmp(text + size - ending, RANDOM_ENDING) == 0;
    size -= is_random ? ending : 0;
    size_t at = size;
    while (at > 0 && text[at - 1] != ':')
    {
        at--;
    }
    if (at < 2)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "source \"%.200s\": expected NAME:AMOUNT or NAME:AMOUNT" RANDOM_ENDING,
                       text);
    }
    char *amount = lb_copy_text(text + at, size - at, error);
    if (amount == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = quota_add(spec, text, at - 1, amount, is_random, error);
    free(amount);
    return status;
}

static lobass_status fail_unknown(const char *name, const lb_store_source *sources,
                                  size_t n_sources, lobass_error *error)
{
    lb_buffer names = {0};
    for (size_t i = 0; i < n_sources; i++)
    {
        (void)lb_buffer_print(&names, NULL, "%s\"%s\"", i == 0 ? "" : ", ", sources[i].name);
    }
    const lobass_status status = lb_fail(
        error, LOBASS_BAD_ARGUMENT, "source \"%.200s\": the run has none of that name; expected %s",
        name, names.data != NULL ? names.data : "another run");
    lb_buffer_free(&names);
    return status;
}

lobass_status lb_quotas_check(const lobass_selection_spec *spec, const lb_store_source *sources,
                              size_t n_sources, lobass_error *error)
{
    for (size_t i = 0; i < spec->n_quotas; i++)
    {
        const char *name = spec->quotas[i].name;
        bool is_known = false;
        for (size_t s = 0; s < n_sources && !is_known; s++)
        {
            is_known = strcmp(sources[s].name, name) == 0;
        }
        if (!is_known)
        {
            return fail_unknown(name, sources, n_sources, error);
        }
    }
    return LOBASS_OK;
}

/* ---- what it may hold -------------------------------------------------------------------------
 */

static lobass_status check_amount(lobass_amount amount, lobass_error *error)
{
    const bool is_share = amount.kind == LOBASS_AMOUNT_FRACTION;
    switch (amount.kind)
    {
    case LOBASS_AMOUNT_COUNT:
    case LOBASS_AMOUNT_FRACTION:
    case LOBASS_AMOUNT_TOKENS:
        if (!(amount.value > 0 && amount.value <= (is_share ? 1 : COUNT_MOST)))
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT, "amount %g: expected a number above 0%s",
                           amount.value, is_share ? " and at most 1" : "");
        }
        return LOBASS_OK;
    case LOBASS_AMOUNT_ALL:
    case LOBASS_AMOUNT_NONE:
        return LOBASS_OK;
    }
    return lb_fail(error, LOBASS_BAD_ARGUMENT, "amount: no kind has the number %d",
                   (int)amount.kind);
}

lobass_status lb_selection_spec_check(const lobass_selection_spec *spec, lobass_error *error)
{
    const lb_score_rules rules = lb_score_rules_of(spec);
    LB_TRY(lb_score_rules_check(&rules, error));
    LB_TRY(check_amount(spec->amount, error));
    if (spec->amount.kind == LOBASS_AMOUNT_NONE && spec->n_quotas == 0)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "amount none: nothing would be selected; expected an amount or sources");
    }
    for (size_t i = 0; i < spec->n_quotas; i++)
    {
        LB_TRY(check_amount(spec->quotas[i].amount, error));
        for (size_t j = 0; j < i; j++)
        {
            if (strcmp(spec->quotas[i].name, spec->quotas[j].name) == 0)
            {
                return lb_fail(error, LOBASS_BAD_ARGUMENT,
                               "source \"%.200s\": given twice, expected once",
                               spec->quotas[i].name);
            }
        }
    }
    if (spec->n_strata > LOBASS_STRATA_MOST)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "strata %u: expected at most %d",
                       (unsigned)spec->n_strata, LOBASS_STRATA_MOST);
    }
    return LOBASS_OK;
}

/* ---- as JSON ----------------------------------------------------------------------------------
 */

/* As lobass_amount_parse() reads it, the same double again; "0" for none. */
static void put_amount(lb_json_writer *writer, const char *key, lobass_amount amount)
{
    lb_buffer text = {0};
    lobass_status status = LOBASS_OK;
    switch (amount.kind)
    {
    case LOBASS_AMOUNT_FRACTION:
        status = lb_json_append_real(&text, amount.value, writer->error);
        break;
    case LOBASS_AMOUNT_COUNT:
        status = lb_buffer_print(&text, writer->error, "%.0f", amount.value);
        break;
    case LOBASS_AMOUNT_TOKENS:
        status = lb_buffer_print(&text, writer->error, "%.0ftok", amount.value);
        break;
    case LOBASS_AMOUNT_ALL:
        status = lb_buffer_append_text(&text, "all", writer->error);
        break;
    case LOBASS_AMOUNT_NONE:
        status = lb_buffer_append_text(&text, "0", writer->error);
        break;
    }
    if (status == LOBASS_OK)
    {
        lb_json_put_text(writer, key, text.data);
    }
    writer->status = writer->status == LOBASS_OK ? status : writer->status;
    lb_buffer_free(&text);
}

void lb_selection_spec_put(lb_json_writer *writer, const char *key,
                           const lobass_selection_spec *spec)
{
    lb_json_open(writer, key, '{');
    lb_json_put_text(writer, "by", lobass_score_describe(spec->by)->name);
    lb_json_put_text(writer, "direction", lobass_direction_name(spec->direction));
    put_amount(writer, "amount", spec->amount);
    lb_json_put_real(writer, "floor", spec->floor);
    if (spec->min_initial > 0)
    {
        lb_json_put_real(writer, "min_initial", spec->min_initial);
    }
    lb_json_put_real(writer, "max_reference", spec->max_reference); /* infinite: none is put */
    lb_json_put_seed(writer, "seed", spec->seed);
    lb_json_put_boolean(writer, "ranked", spec->is_ranked);
    if (spec->n_quotas > 0)
    {
        lb_json_open(writer, "sources", '[');
        for (size_t i = 0; i < spec->n_quotas; i++)
        {
            lb_json_open(writer, NULL, '{');
            lb_json_put_text(writer, "name", spec->quotas[i].name);
            put_amount(writer, "amount", spec->quotas[i].amount);
            lb_json_put_boolean(writer, "random", spec->quotas[i].is_random);
            lb_json_close(writer, '}');
        }
        lb_json_close(writer, ']');
    }
    if (spec->n_strata > 0)
    {
        lb_json_put_count(writer, "strata", spec->n_strata);
    }
    lb_json_close(writer, '}');
}
