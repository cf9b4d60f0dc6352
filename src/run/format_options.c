/* SPDX-License-Identifier: Apache-2.0
 *
 * Options as they are recorded: one JSON object on one line with its keys in a fixed order, so that
 * equal options are equal bytes and can be part of a hash. Also how two such objects are compared,
 * and what a model decides where an option was left open.
 */
#include "run/run.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LENGTH_LEAST 2 /* a token before, and one that is scored */

static const char *const eos_names[] = {[LOBASS_EOS_COUNT] = "count", [LOBASS_EOS_SKIP] = "skip"};
static const char *const boundary_names[] = {
    [LOBASS_BOUNDARY_SPLIT] = "split", [LOBASS_BOUNDARY_JOINT] = "joint"};
static const char *const turns_names[] = {[LOBASS_TURNS_ALL] = "all", [LOBASS_TURNS_LAST] = "last"};
static const char *const spans_names[] = {
    [LOBASS_SPANS_PROMPT] = "prompt", [LOBASS_SPANS_BLOCKS] = "blocks"};
static const char *const scored_names[] = {
    [LOBASS_SCORED_RESPONSES] = "responses", [LOBASS_SCORED_ALL] = "all"};
#define N_CHOICES 2U
#define ALPACA_MAX_LENGTH 512 /* tokens; the public Alpaca recipe */
#define CHAT_MAX_LENGTH 2048

/* ---- format options ---------------------------------------------------------------------------
 */

static lobass_status check_choice(const char *name, unsigned value, lobass_error *error)
{
    if (value >= N_CHOICES)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "option \"%s\": no choice has the number %u",
                       name, value);
    }
    return LOBASS_OK;
}

/* Hands the text of BUFFER over, or releases it on failure. */
static lobass_status hand_over(char **text, lb_buffer *buffer, lobass_status status)
{
    if (status != LOBASS_OK)
    {
        lb_buffer_free(buffer);
        return status;
    }
    *text = buffer->data;
    *buffer = (lb_buffer){0};
    return LOBASS_OK;
}

lobass_status lb_format_options_to_json(char **text, const lobass_format_options *options,
                                        lobass_error *error)
{
    lb_buffer buffer = {0};
    *text = NULL;
    LB_TRY(check_choice("eos", (unsigned)options->eos, error));
    LB_TRY(check_choice("boundary", (unsigned)options->boundary, error));
    LB_TRY(check_choice("turns", (unsigned)options->turns, error));
    LB_TRY(check_choice("scored", (unsigned)options->scored, error));
    LB_TRY(check_choice("spans", (unsigned)options->spans, error));
    lb_json_writer writer = lb_json_writer_begin(&buffer, false, error);
    lb_json_open(&writer, NULL, '{');
    lb_json_put_text(&writer, "template",
                     options->template_name != NULL ? options->template_name : "");
    lb_json_put_count(&writer, "max_length", options->max_length);
    lb_json_put_text(&writer, "eos", eos_names[options->eos]);
    lb_json_put_text(&writer, "boundary", boundary_names[options->boundary]);
    lb_json_put_text(&writer, "turns", turns_names[options->turns]);
    lb_json_put_boolean(&writer, "mark_duplicates", options->mark_duplicates);
    /* What came later stands only where it is not as it always was: the options of a run that was
     * prepared before stay the same bytes. */
    if (options->cuts_windows || options->scored != LOBASS_SCORED_RESPONSES)
    {
        lb_json_put_text(&writer, "scored", scored_names[options->scored]);
        lb_json_put_boolean(&writer, "cuts_windows", options->cuts_windows);
    }
    lb_json_put_text(&writer, "fields", options->fields[0] != '\0' ? options->fields : NULL);
    if (options->chat != NULL)
    {
        lb_json_put_text(&writer, "spans", spans_names[options->spans]);
        lb_json_put_value(&writer, "chat", options->chat);
    }
    lb_json_close(&writer);
    return hand_over(text, &buffer, writer.status);
}

static lobass_status read_choice(unsigned *value, const json_t *object, const char *where,
                                 const char *key, const char *const *names, lobass_error *error)
{
    const char *found = NULL;
    LB_TRY(lb_json_text(object, where, key, false, &found, error));
    for (unsigned i = 0; i < N_CHOICES; i++)
    {
        if (strcmp(found, names[i]) == 0)
        {
            *value = i;
            return LOBASS_OK;
        }
    }
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "%s: field \"%s\": expected \"%s\" or \"%s\", found \"%.100s\"", where, key,
                   names[0], names[1], found);
}

/* FIELDS in the form in which it is recorded; NULL: none. */
static lobass_status fields_set(lobass_format_options *options, const char *fields,
                                lobass_error *error)
{
    lb_field_map *map = NULL;
    lb_buffer text = {0};
    lobass_status status = lb_field_map_create(&map, fields, error);
    if (status == LOBASS_OK)
    {
        status = lb_field_map_print(&text, map, error);
    }
    if (status == LOBASS_OK && text.size >= sizeof options->fields)
    {
        status = lb_fail(error, LOBASS_BAD_ARGUMENT, "fields: %zu bytes, expected fewer than %zu",
                         text.size, sizeof options->fields);
    }
    if (status == LOBASS_OK)
    {
        memcpy(options->fields, text.data, text.size);
        options->fields[text.size] = '\0';
    }
    lb_buffer_free(&text);
    lb_field_map_free(map);
    return status;
}

lobass_status lobass_fields_check(const char *text, lobass_error *error)
{
    lobass_format_options unused;
    return fields_set(&unused, text, error);
}

/* The template that was recorded, as it was. */
static lobass_status chat_read(lobass_format_options *options, char **chat, const json_t *object,
                               const char *where, lobass_error *error)
{
    unsigned spans = LOBASS_SPANS_PROMPT;
    LB_TRY(read_choice(&spans, object, where, "spans", spans_names, error));
    char *dumped = json_dumps(json_object_get(object, "chat"), 0);
    *chat = dumped == NULL ? NULL : lb_copy_text(dumped, strlen(dumped), error);
    free(dumped);
    options->spans = (lobass_spans)spans;
    options->template_name = "chat";
    options->chat = *chat;
    return *chat == NULL ? lb_fail_memory(error, 0) : LOBASS_OK;
}

static lobass_status template_read(lobass_format_options *options, char **chat,
                                   const json_t *object, const char *where, lobass_error *error)
{
    const char *name = NULL;
    const lb_template *chosen = NULL;
    if (json_is_object(json_object_get(object, "chat")))
    {
        return chat_read(options, chat, object, where, error);
    }
    LB_TRY(lb_json_text(object, where, "template", false, &name, error));
    LB_TRY(lb_template_find(&chosen, name, error));
    options->template_name = lb_template_name(chosen);
    return LOBASS_OK;
}

static lobass_status options_read(lobass_format_options *options, const json_t *object,
                                  const char *where, lobass_error *error)
{
    int64_t max_length = 0;
    unsigned eos = 0;
    unsigned boundary = 0;
    unsigned turns = 0;
    unsigned scored = LOBASS_SCORED_RESPONSES;
    const char *fields = NULL;
    LB_TRY(lb_json_integer(object, where, "max_length", MAX_LENGTH_LEAST, UINT32_MAX, false,
                           &max_length, error));
    LB_TRY(read_choice(&eos, object, where, "eos", eos_names, error));
    LB_TRY(read_choice(&boundary, object, where, "boundary", boundary_names, error));
    LB_TRY(read_choice(&turns, object, where, "turns", turns_names, error));
    LB_TRY(
        lb_json_boolean(object, where, "mark_duplicates", false, &options->mark_duplicates, error));
    LB_TRY(lb_json_boolean(object, where, "cuts_windows", true, &options->cuts_windows, error));
    if (json_object_get(object, "scored") != NULL)
    {
        LB_TRY(read_choice(&scored, object, where, "scored", scored_names, error));
    }
    LB_TRY(lb_json_text(object, where, "fields", true, &fields, error));
    LB_TRY(fields_set(options, fields, error));
    options->max_length = (uint32_t)max_length;
    options->eos = (lobass_eos)eos;
    options->boundary = (lobass_boundary)boundary;
    options->turns = (lobass_turns)turns;
    options->scored = (lobass_scored)scored;
    return LOBASS_OK;
}

lobass_status lb_format_options_from_json(lobass_format_options *options, char **chat,
                                          const char *text, const char *where, lobass_error *error)
{
    json_t *object = NULL;
    *chat = NULL;
    LB_TRY(lb_json_parse(&object, text, strlen(text), where, error));
    *options = lobass_format_options_default();
    lobass_status status = options_read(options, object, where, error);
    if (status == LOBASS_OK)
    {
        status = template_read(options, chat, object, where, error);
    }
    json_decref(object);
    return status;
}

lobass_status lb_format_options_load(lobass_format_options *options, char **chat, lb_store *store,
                                     lobass_error *error)
{
    char *text = NULL;
    *chat = NULL;
    *options = lobass_format_options_default();
    LB_TRY(lb_store_fact_load(&text, store, LB_FACT_OPTIONS, error));
    const lobass_status status =
        text == NULL
            ? LOBASS_OK
            : lb_format_options_from_json(options, chat, text, lb_store_path(store), error);
    free(text);
    return status;
}

lobass_status lb_window_length_load(uint32_t *length, lb_store *store, lobass_error *error)
{
    lobass_format_options options;
    char *chat = NULL;
    LB_TRY(lb_format_options_load(&options, &chat, store, error));
    free(chat);
    *length = options.cuts_windows ? options.max_length : UINT32_MAX;
    return LOBASS_OK;
}

int32_t lb_end_token(const lobass_tokenizer *tokenizer, const lb_config *config)
{
    const int32_t own = lb_tokenizer_special_ids(tokenizer).eos;
    return own >= 0 ? own : config->eos;
}

static bool is_built_in(const char *name)
{
    bool is_one = false;
    for (size_t i = 0; lb_template_name_at(i) != NULL; i++)
    {
        is_one = is_one || strcmp(lb_template_name_at(i), name) == 0;
    }
    return is_one;
}

/* What only a chat template takes. */
static lobass_status refuse_chat_options(const lobass_format_options *options, lobass_error *error)
{
    const char *found = options->n_template_variables > 0       ? "a template variable"
                        : options->template_date != NULL        ? "a template date"
                        : options->spans == LOBASS_SPANS_BLOCKS ? "spans of blocks"
                                                                : NULL;
    return found == NULL ? LOBASS_OK
                         : lb_fail(error, LOBASS_BAD_ARGUMENT,
                                   "%s is for chat templates, and the template is %s", found,
                                   options->template_name);
}

static lobass_status template_resolve(lobass_format_options *options, char **chat,
                                      const lb_format_model *model, lobass_error *error)
{
    const bool has_own = lb_tokenizer_special_ids(model->tokenizer).has_chat_template;
    *chat = NULL;
    if (options->template_name == NULL)
    {
        options->template_name = has_own ? "chat" : "alpaca";
    }
    if (options->chat != NULL)
    {
        return LOBASS_OK;
    }
    if (is_built_in(options->template_name))
    {
        return refuse_chat_options(options, error);
    }
    LB_TRY(lb_chat_template_read(chat, options, model->folder, error));
    options->chat = *chat;
    options->template_name = "chat";
    return LOBASS_OK;
}

lobass_status lb_format_options_resolve(lobass_format_options *options, char **chat,
                                        const lb_format_model *model,
                                        const lobass_observer *observer, lobass_error *error)
{
    const lb_config *config = model->config;
    LB_TRY(template_resolve(options, chat, model, error));
    if (options->chat == NULL && lb_tokenizer_special_ids(model->tokenizer).has_other_prefix)
    {
        lb_observer_log(
            observer, LOBASS_LOG_NOTE,
            "what is put before a text is said by the tokenizer's class and add_bos_token, as in "
            "transformers 4; the post_processor of tokenizer.json, which version 5 may follow "
            "instead, puts something else there");
    }
    if (options->eos == LOBASS_EOS_COUNT && options->chat == NULL &&
        lb_end_token(model->tokenizer, config) < 0)
    {
        lb_observer_log(
            observer, LOBASS_LOG_WARNING,
            "neither tokenizer nor config.json names an end token (eos): responses have "
            "none, and where they end is not learned");
    }
    char fields[sizeof options->fields];
    memcpy(fields, options->fields, sizeof fields);
    LB_TRY(fields_set(options, fields, error));
    if (options->max_length == 0)
    {
        options->max_length = options->chat != NULL ? CHAT_MAX_LENGTH : ALPACA_MAX_LENGTH;
    }
    if (options->max_length > config->max_length)
    {
        lb_observer_log(observer, LOBASS_LOG_NOTE,
                        "max length %u is above the model's own limit; using %zu",
                        (unsigned)options->max_length, config->max_length);
        options->max_length = (uint32_t)config->max_length;
    }
    if (options->max_length < MAX_LENGTH_LEAST)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "option \"max_length\": expected at least %d tokens, found %u",
                       MAX_LENGTH_LEAST, (unsigned)options->max_length);
    }
    return LOBASS_OK;
}

/* ---- comparing --------------------------------------------------------------------------------
 */

static lobass_status fail_differs(const char *where, const char *key, const json_t *recorded,
                                  const json_t *wanted, lobass_error *error)
{
    const size_t flags = JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15);
    char *before = recorded == NULL ? NULL : json_dumps(recorded, flags);
    char *now = wanted == NULL ? NULL : json_dumps(wanted, flags);
    const lobass_status status =
        lb_fail(error, LOBASS_CONFLICT,
                "%s: made with \"%s\": %s, now %s; expected the same options; overwrite it (-f) or "
                "use another folder",
                where, key, before != NULL ? before : "nothing", now != NULL ? now : "nothing");
    free(before);
    free(now);
    return status;
}

/* 1 and 1.0 are one number, whichever way it was written. */
static bool is_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b) && !(json_is_integer(a) && json_is_integer(b)))
    {
        return json_number_value(a) == json_number_value(b);
    }
    return a != NULL && b != NULL && json_equal(a, b) == 1;
}

static lobass_status objects_compare(const json_t *before, const json_t *now, const char *where,
                                     lobass_error *error)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)before, key, value)
    {
        const json_t *other = json_object_get(now, key);
        if (!is_equal(value, other))
        {
            return fail_differs(where, key, value, other, error);
        }
    }
    json_object_foreach((json_t *)now, key, value)
    {
        if (json_object_get(before, key) == NULL)
        {
            return fail_differs(where, key, NULL, value, error);
        }
    }
    return LOBASS_OK;
}

lobass_status lb_options_compare(const char *recorded, const char *wanted, const char *where,
                                 lobass_error *error)
{
    if (strcmp(recorded, wanted) == 0)
    {
        return LOBASS_OK;
    }
    json_t *before = NULL;
    json_t *now = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_json_parse(&before, recorded, strlen(recorded), where, error));
    LB_TRY_GOTO(lb_json_parse(&now, wanted, strlen(wanted), where, error));
    status = objects_compare(before, now, where, error);
done:
    json_decref(before);
    json_decref(now);
    return status;
}
