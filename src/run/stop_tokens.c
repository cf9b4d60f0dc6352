/* SPDX-License-Identifier: Apache-2.0
 *
 * The tokens at which a model stops: eos_token of the tokenizer, and eos_token_id, a number or a
 * list of them, of generation_config.json and of config.json. A chat model has several of them (an
 * end of text, an end of turn), and any of them ends what it writes.
 */
#include <stdlib.h>

#include "run/run.h"

static lobass_status add_number(lb_ids *ids, const json_t *value, const char *path,
                                lobass_error *error)
{
    const json_int_t id = json_integer_value(value);
    if (!json_is_integer(value) || id < 0 || id > INT32_MAX)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"eos_token_id\": expected an integer from 0 to %d or a list of "
                       "them, found %s",
                       path, INT32_MAX, lb_json_kind(value));
    }
    return lb_ids_contain(ids, (int32_t)id) ? LOBASS_OK : lb_ids_append(ids, (int32_t)id, error);
}

static lobass_status add_file(lb_ids *ids, const char *folder, const char *name,
                              lobass_error *error)
{
    json_t *file = NULL;
    const json_t *member;
    size_t index;
    lobass_status status = LOBASS_OK;
    char *path = lb_path_join(folder, name, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    if (lb_path_look(path) == LB_PATH_MISSING)
    {
        goto done;
    }
    LB_TRY_GOTO(lb_json_load(&file, path, error));
    if (!json_is_object(file))
    {
        status = lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an object, found %s", path,
                         lb_json_kind(file));
        goto done;
    }
    const json_t *value = json_object_get(file, "eos_token_id");
    if (value != NULL && !json_is_null(value) && !json_is_array(value))
    {
        LB_TRY_GOTO(add_number(ids, value, path, error));
    }
    json_array_foreach(value, index, member)
    {
        LB_TRY_GOTO(add_number(ids, member, path, error));
    }
done:
    json_decref(file);
    free(path);
    return status;
}

lobass_status lb_stop_tokens_load(lb_ids *ids, const lobass_tokenizer *tokenizer,
                                  const char *folder, lobass_error *error)
{
    const int32_t own = lb_tokenizer_special_ids(tokenizer).eos;
    ids->count = 0;
    LB_TRY(own >= 0 ? lb_ids_append(ids, own, error) : LOBASS_OK);
    LB_TRY(add_file(ids, folder, "generation_config.json", error));
    return add_file(ids, folder, "config.json", error);
}
