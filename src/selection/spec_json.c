/* SPDX-License-Identifier: Apache-2.0
 *
 * The spec of a selection as a JSON object, {"by", "direction", "amount", "floor", ...}: what the
 * manifest has and what is read back, from it or from a file of its own. Members are those of
 * lobass_selection_spec by the names of the command's options; what is not there is the default,
 * what is not known is refused by name.
 */
#include "selection/selection.h"

#include <stdlib.h>
#include <string.h>

/* ---- writing ----------------------------------------------------------------------------------
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
            lb_json_close(writer);
        }
        lb_json_close(writer);
    }
    if (spec->n_strata > 0)
    {
        lb_json_put_count(writer, "strata", spec->n_strata);
    }
    if (spec->near_duplicates > 0)
    {
        lb_json_put_real(writer, "near_duplicates", spec->near_duplicates);
    }
    lb_json_close(writer);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* A text without NUL; *TEXT is borrowed from OBJECT. */
static lobass_status text_read(const char **text, const json_t *object, const char *where,
                               const char *key, lobass_error *error)
{
    LB_TRY(lb_json_text(object, where, key, false, text, error));
    return strlen(*text) == json_string_length(json_object_get(object, key))
               ? LOBASS_OK
               : lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"%s\": holds a NUL", where, key);
}

static lobass_status by_read(lobass_selection_spec *spec, const json_t *object, const char *where,
                             lobass_error *error)
{
    const char *text = NULL;
    LB_TRY(text_read(&text, object, where, "by", error));
    return lb_score_find(&spec->by, text)
               ? LOBASS_OK
               : lb_fail(error, LOBASS_BAD_FORMAT,
                         "%s: field \"by\": no score is called \"%.100s\"", where, text);
}

static lobass_status direction_read(lobass_selection_spec *spec, const json_t *object,
                                    const char *where, lobass_error *error)
{
    const char *text = NULL;
    LB_TRY(text_read(&text, object, where, "direction", error));
    for (int i = LOBASS_DIRECTION_HIGHEST; i <= LOBASS_DIRECTION_MIDDLE; i++)
    {
        if (strcmp(lobass_direction_name((lobass_direction)i), text) == 0)
        {
            spec->direction = (lobass_direction)i;
            return LOBASS_OK;
        }
    }
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "%s: field \"direction\": expected highest, lowest or middle, found \"%.100s\"",
                   where, text);
}

static lobass_status amount_text_read(lobass_amount *amount, const json_t *object,
                                      const char *where, lobass_error *error)
{
    const char *text = NULL;
    lobass_error cause = {0};
    LB_TRY(text_read(&text, object, where, "amount", error));
    return lb_amount_read(amount, text, &cause) == LOBASS_OK
               ? LOBASS_OK
               : lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"amount\": %s", where,
                         cause.message);
}

static lobass_status amount_read(lobass_selection_spec *spec, const json_t *object,
                                 const char *where, lobass_error *error)
{
    return amount_text_read(&spec->amount, object, where, error);
}

static lobass_status seed_read(lobass_selection_spec *spec, const json_t *object, const char *where,
                               lobass_error *error)
{
    return lb_json_seed(object, where, "seed", &spec->seed, error);
}

static lobass_status ranked_read(lobass_selection_spec *spec, const json_t *object,
                                 const char *where, lobass_error *error)
{
    return lb_json_boolean(object, where, "ranked", false, &spec->is_ranked, error);
}

static lobass_status strata_read(lobass_selection_spec *spec, const json_t *object,
                                 const char *where, lobass_error *error)
{
    int64_t n_strata = 0;
    LB_TRY(
        lb_json_integer(object, where, "strata", 1, LOBASS_STRATA_MOST, false, &n_strata, error));
    spec->n_strata = (uint32_t)n_strata;
    return LOBASS_OK;
}

static lobass_status floor_read(lobass_selection_spec *spec, const json_t *object,
                                const char *where, lobass_error *error)
{
    return lb_json_real(object, where, "floor", false, &spec->floor, error);
}

static lobass_status min_initial_read(lobass_selection_spec *spec, const json_t *object,
                                      const char *where, lobass_error *error)
{
    return lb_json_real(object, where, "min_initial", false, &spec->min_initial, error);
}

static lobass_status max_reference_read(lobass_selection_spec *spec, const json_t *object,
                                        const char *where, lobass_error *error)
{
    return lb_json_real(object, where, "max_reference", false, &spec->max_reference, error);
}

static lobass_status near_duplicates_read(lobass_selection_spec *spec, const json_t *object,
                                          const char *where, lobass_error *error)
{
    return lb_json_real(object, where, "near_duplicates", false, &spec->near_duplicates, error);
}

/* Refuses a member of OBJECT that is none of N names. */
static lobass_status members_check(const json_t *object, const char *where,
                                   const char *const *names, size_t n, lobass_error *error)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)object, key, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < n && !is_known; i++)
        {
            is_known = strcmp(key, names[i]) == 0;
        }
        if (!is_known)
        {
            lb_buffer list = {0};
            for (size_t i = 0; i < n; i++)
            {
                (void)lb_buffer_print(&list, NULL, "%s%s", i == 0 ? "" : ", ", names[i]);
            }
            const lobass_status status =
                lb_fail(error, LOBASS_BAD_FORMAT, "%s: unknown member \"%.100s\"; expected %s",
                        where, key, list.data != NULL ? list.data : "others");
            lb_buffer_free(&list);
            return status;
        }
    }
    return LOBASS_OK;
}

static lobass_status quota_read(lobass_selection_spec *spec, const json_t *object,
                                const char *where, lobass_error *error)
{
    static const char *const names[] = {"name", "amount", "random"};
    const char *name = NULL;
    lobass_amount amount = {.kind = LOBASS_AMOUNT_NONE};
    bool is_random = false;
    LB_TRY(text_read(&name, object, where, "name", error)); /* tells what is no object, too */
    LB_TRY(members_check(object, where, names, sizeof names / sizeof *names, error));
    LB_TRY(amount_text_read(&amount, object, where, error));
    LB_TRY(lb_json_boolean(object, where, "random", true, &is_random, error));
    return lb_quota_add(spec, name, strlen(name), amount, is_random, error);
}

static lobass_status sources_read(lobass_selection_spec *spec, const json_t *object,
                                  const char *where, lobass_error *error)
{
    const json_t *list = json_object_get(object, "sources");
    if (!json_is_array(list))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"sources\": expected an array, found %s", where,
                       lb_json_kind(list));
    }
    for (size_t i = 0; i < json_array_size(list); i++)
    {
        char place[LOBASS_ERROR_SIZE / 2];
        (void)snprintf(place, sizeof place, "%s: sources[%zu]", where, i);
        LB_TRY(quota_read(spec, json_array_get(list, i), place, error));
    }
    return LOBASS_OK;
}

typedef lobass_status (*member_reader)(lobass_selection_spec *spec, const json_t *object,
                                       const char *where, lobass_error *error);

static const char *const member_names[] = {
    "by",   "direction", "amount",  "floor",  "min_initial",    "max_reference",
    "seed", "ranked",    "sources", "strata", "near_duplicates"};
#define N_MEMBERS (sizeof member_names / sizeof *member_names)

static const member_reader member_readers[N_MEMBERS] = {
    by_read,   direction_read, amount_read,  floor_read,  min_initial_read,    max_reference_read,
    seed_read, ranked_read,    sources_read, strata_read, near_duplicates_read};

static lobass_status spec_read(lobass_selection_spec *spec, const json_t *object, const char *where,
                               lobass_error *error)
{
    lobass_error cause = {0};
    if (!json_is_object(object))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an object, found %s", where,
                       lb_json_kind(object));
    }
    LB_TRY(members_check(object, where, member_names, N_MEMBERS, error));
    spec->amount = (lobass_amount){.kind = LOBASS_AMOUNT_NONE};
    for (size_t i = 0; i < N_MEMBERS; i++)
    {
        if (json_object_get(object, member_names[i]) != NULL)
        {
            LB_TRY(member_readers[i](spec, object, where, error));
        }
    }
    return lb_selection_spec_check(spec, &cause) == LOBASS_OK
               ? LOBASS_OK
               : lb_fail(error, LOBASS_BAD_FORMAT, "%s: %s", where, cause.message);
}

/* DOCUMENT, which is released, is a spec or a manifest. */
static lobass_status document_read(lobass_selection_spec *spec, json_t *document, const char *where,
                                   lobass_error *error)
{
    const json_t *selection = json_object_get(document, "selection");
    char place[LOBASS_ERROR_SIZE / 2];
    (void)snprintf(place, sizeof place, "%s%s", where, selection != NULL ? ": selection.spec" : "");
    const lobass_status status = spec_read(
        spec, selection != NULL ? json_object_get(selection, "spec") : document, place, error);
    json_decref(document);
    if (status != LOBASS_OK)
    {
        lobass_selection_spec_clear(spec);
    }
    return status;
}

lobass_status lb_selection_spec_parse(lobass_selection_spec *spec, const char *data,
                                      size_t size_bytes, const char *where, lobass_error *error)
{
    json_t *document = NULL;
    *spec = lobass_selection_spec_default();
    LB_TRY(lb_json_parse(&document, data, size_bytes, where, error));
    return document_read(spec, document, where, error);
}

lobass_status lobass_selection_spec_load(lobass_selection_spec *spec, const char *path,
                                         lobass_error *error)
{
    json_t *document = NULL;
    *spec = lobass_selection_spec_default();
    LB_TRY(lb_json_load(&document, path, error));
    return document_read(spec, document, path, error);
}
