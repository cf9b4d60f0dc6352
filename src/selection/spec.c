/* SPDX-License-Identifier: Apache-2.0
 *
 * The spec of a selection: its quotas, and what it may hold. As JSON: spec_json.c.
 */
#include "selection/selection.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_MOST 9007199254740992.0 /* every smaller integer is a double */
#define NEAR_LEAST 0.5                /* below it bands find too much to compare */
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

lobass_status lb_amount_read(lobass_amount *amount, const char *text, lobass_error *error)
{
    lobass_error cause = {0};
    if (strcmp(text, "0") == 0)
    {
        *amount = (lobass_amount){.kind = LOBASS_AMOUNT_NONE};
        return LOBASS_OK;
    }
    const lobass_status status = lobass_amount_parse(text, amount, &cause);
    return status == LOBASS_OK ? LOBASS_OK : lb_fail(error, status, "%s, or 0", cause.message);
}

lobass_status lb_quota_add(lobass_selection_spec *spec, const char *name, size_t size,
                           lobass_amount amount, bool is_random, lobass_error *error)
{
    const size_t n_bytes = (spec->n_quotas + 1) * sizeof *spec->quotas;
    lobass_source_quota *quotas = realloc(spec->quotas, n_bytes);
    if (quotas == NULL)
    {
        return lb_fail_memory(error, n_bytes);
    }
    spec->quotas = quotas;
    char *copy = lb_copy_text(name, size, error);
    if (copy == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    quotas[spec->n_quotas++] =
        (lobass_source_quota){.name = copy, .amount = amount, .is_random = is_random};
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
    lobass_amount amount = {.kind = LOBASS_AMOUNT_NONE};
    lobass_error cause = {0};
    char *written = lb_copy_text(text + at, size - at, error);
    if (written == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = lb_amount_read(&amount, written, &cause);
    free(written);
    return status == LOBASS_OK
               ? lb_quota_add(spec, text, at - 1, amount, is_random, error)
               : lb_fail(error, status, "source \"%.*s\": %s", (int)at - 1, text, cause.message);
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
    if (spec->near_duplicates != 0 &&
        !(spec->near_duplicates >= NEAR_LEAST && spec->near_duplicates <= 1))
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "near-duplicates %g: expected a Jaccard index from %g to 1, or 0 for none",
                       spec->near_duplicates, NEAR_LEAST);
    }
    if (spec->n_strata > LOBASS_STRATA_MOST)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "strata %u: expected at most %d",
                       (unsigned)spec->n_strata, LOBASS_STRATA_MOST);
    }
    return LOBASS_OK;
}
