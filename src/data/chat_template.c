/* SPDX-License-Identifier: Apache-2.0
 *
 * Chat templates: where a model's own are (chat_template.jinja and additional_chat_templates/, else
 * "chat_template" in tokenizer_config.json, as transformers looks for them), a Jinja file in their
 * place, and the variables that go with them. All that a rendering depends on becomes one line of
 * JSON, which a run records; a template is opened from that alone, so that a run goes on with what
 * it began with, whatever becomes of the model's folder.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/templates.h"

#define CHAT "chat"
#define MAIN "default"
#define TOOL_USE "tool_use"
#define ADDITIONAL_FOLDER "additional_chat_templates"
#define FILE_MOST ((size_t)16 << 20)
#define CONFIG_TEMPLATE "chat_template"
#define SECONDS_OF_DAY 86400
#define NOON 43200

/* ---- files -------------------------------------------------------------------------------------
 */

/* Sets NAME of TEMPLATES to the text of PATH. */
static lobass_status file_add(json_t *templates, const char *name, const char *path,
                              lobass_error *error)
{
    lb_buffer text = {0};
    lobass_status status = lb_file_read(&text, path, FILE_MOST, error);
    if (status == LOBASS_OK)
    {
        json_t *value = json_stringn(text.data == NULL ? "" : text.data, text.size);
        status = value == NULL ? lb_fail(error, LOBASS_BAD_FORMAT, "%s: not valid UTF-8", path)
                               : LOBASS_OK;
        (void)json_object_set_new(templates, name, value);
    }
    lb_buffer_free(&text);
    return status;
}

static lobass_status file_look(json_t *templates, const char *name, const char *folder,
                               const char *file, lobass_error *error)
{
    char *path = lb_path_join(folder, file, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status =
        lb_path_look(path) == LB_PATH_MISSING ? LOBASS_OK : file_add(templates, name, path, error);
    free(path);
    return status;
}

/* A list of {"name", "template"}. */
static lobass_status list_take(json_t *templates, const json_t *list, const char *path,
                               lobass_error *error)
{
    for (size_t i = 0; i < json_array_size(list); i++)
    {
        const char *name = NULL;
        const char *text = NULL;
        const json_t *entry = json_array_get(list, i);
        LB_TRY(lb_json_text(entry, path, "name", false, &name, error));
        LB_TRY(lb_json_text(entry, path, "template", false, &text, error));
        if (strcmp(name, MAIN) == 0 || strcmp(name, TOOL_USE) == 0)
        {
            (void)json_object_set(templates, name, json_object_get(entry, "template"));
        }
    }
    return LOBASS_OK;
}

static lobass_status config_take(json_t *templates, const json_t *config, const char *path,
                                 lobass_error *error)
{
    json_t *own = json_object_get(config, CONFIG_TEMPLATE);
    if (json_is_array(own))
    {
        return list_take(templates, own, path, error);
    }
    if (own != NULL && !json_is_null(own) && !json_is_string(own))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"" CONFIG_TEMPLATE "\": expected a string or a list, found %s",
                       path, lb_json_kind(own));
    }
    if (json_is_string(own))
    {
        (void)json_object_set(templates, MAIN, own);
    }
    return LOBASS_OK;
}

/* The special tokens that have a name, as transformers hands them to a template. */
static void special_tokens_take(json_t *special, const json_t *config)
{
    static const char *const keys[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                       "pad_token", "cls_token", "mask_token"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    {
        json_t *token = json_object_get(config, keys[i]);
        json_t *text = json_is_object(token) ? json_object_get(token, "content") : token;
        if (json_is_string(text))
        {
            (void)json_object_set(special, keys[i], text);
        }
    }
}

static lobass_status folder_read(json_t *templates, json_t *special, const char *folder,
                                 bool is_own, lobass_error *error)
{
    json_t *config = NULL;
    char *path = lb_path_join(folder, LB_TOKENIZER_CONFIG_FILE, error);
    lobass_status status = path == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    if (status == LOBASS_OK && lb_path_look(path) != LB_PATH_MISSING)
    {
        LB_TRY_GOTO(lb_json_load(&config, path, error));
        special_tokens_take(special, config);
    }
    if (status == LOBASS_OK && is_own)
    {
        LB_TRY_GOTO(file_look(templates, MAIN, folder, LB_CHAT_TEMPLATE_FILE, error));
        LB_TRY_GOTO(file_look(templates, MAIN, folder, ADDITIONAL_FOLDER "/" MAIN ".jinja", error));
        LB_TRY_GOTO(
            file_look(templates, TOOL_USE, folder, ADDITIONAL_FOLDER "/" TOOL_USE ".jinja", error));
        if (json_object_size(templates) == 0)
        {
            LB_TRY_GOTO(config_take(templates, config, path, error));
        }
        if (json_object_get(templates, MAIN) == NULL)
        {
            status = lb_fail(error, LOBASS_NOT_FOUND,
                             "%s: the model has no chat template; expected " LB_CHAT_TEMPLATE_FILE
                             " in it, or \"" CONFIG_TEMPLATE "\" in " LB_TOKENIZER_CONFIG_FILE
                             ", or --template with another one",
                             folder);
        }
    }
done:
    json_decref(config);
    free(path);
    return status;
}

/* ---- variables and the date --------------------------------------------------------------------
 */

static bool is_name(const char *text, size_t size)
{
    bool is_good = size > 0 && (text[0] < '0' || text[0] > '9');
    for (size_t i = 0; i < size; i++)
    {
        const char c = text[i];
        is_good = is_good && (c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                              (c >= 'A' && c <= 'Z'));
    }
    return is_good;
}

static lobass_status variable_take(json_t *variables, const char *given, lobass_error *error)
{
    static const char *const own[] = {"messages", "tools", "documents", "add_generation_prompt"};
    const size_t size = strcspn(given, "=");
    char name[64];
    if (given[size] != '=' || !is_name(given, size) || size >= sizeof name)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "template variable \"%.100s\": expected NAME=JSON", given);
    }
    memcpy(name, given, size);
    name[size] = '\0';
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    {
        if (strcmp(own[i], name) == 0)
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "template variable \"%s\": it comes from the record", name);
        }
    }
    json_error_t why;
    json_t *value = json_loads(given + size + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
    if (value == NULL)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "template variable \"%s\": expected JSON, such as true, 3 or \"text\" in "
                       "double quotes, found %.100s",
                       name, given + size + 1);
    }
    (void)json_object_set_new(variables, name, value);
    return LOBASS_OK;
}

static bool digits_read(int *number, const char *text, size_t count)
{
    *number = 0;
    for (size_t i = 0; i < count; i++)
    {
        if (text[i] < '0' || text[i] > '9')
        {
            return false;
        }
        *number = 10 * *number + (text[i] - '0');
    }
    return true;
}

/* Noon of a day of the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms": years begin in March). */
static lobass_status date_read(int64_t *seconds, const char *text, lobass_error *error)
{
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 0;
    int month = 0;
    int day = 0;
    const bool is_read = strlen(text) == 10 && text[4] == '-' && text[7] == '-' &&
                         digits_read(&year, text, 4) && digits_read(&month, text + 5, 2) &&
                         digits_read(&day, text + 8, 2);
    const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (!is_read || year == 0 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1] ||
        (month == 2 && day == 29 && !is_leap))
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "template date \"%.40s\": expected a day as YYYY-MM-DD", text);
    }
    const int64_t y = year - (month <= 2 ? 1 : 0);
    const int64_t era = y / 400;
    const int64_t year_of_era = y - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    *seconds = (era * 146097 + day_of_era - 719468) * SECONDS_OF_DAY + NOON;
    return LOBASS_OK;
}

static void today(char text[16])
{
    struct tm day = {0};
    const time_t now = time(NULL);
    (void)gmtime_r(&now, &day);
    (void)strftime(text, 16, "%Y-%m-%d", &day);
}

/* ---- opening -----------------------------------------------------------------------------------
 */

static void chat_close(lb_chat_template *chat)
{
    if (chat != NULL)
    {
        lb_jinja_template_free(chat->main);
        lb_jinja_template_free(chat->tool_use);
        lb_arena_free(&chat->arena);
        free(chat);
    }
}

static lobass_status template_parse(lb_jinja_template **parsed, const lb_value *templates,
                                    const char *key, const char *name, lobass_error *error)
{
    char where[128];
    const lb_value *text = lb_value_get(templates, key);
    if (text == NULL)
    {
        return LOBASS_OK;
    }
    (void)snprintf(where, sizeof where, "%.80s%s%s",
                   strcmp(name, CHAT) == 0 ? "chat template" : name,
                   strcmp(key, MAIN) == 0 ? "" : " ", strcmp(key, MAIN) == 0 ? "" : key);
    return lb_jinja_template_parse(parsed, text->text, text->size, where, error);
}

static bool mentions(const lb_chat_template *chat, const char *name)
{
    return lb_jinja_template_mentions(chat->main, name) ||
           (chat->tool_use != NULL && lb_jinja_template_mentions(chat->tool_use, name));
}

static lobass_status chat_open(lb_chat_template **opened, const char *text, lobass_error *error)
{
    const lb_value *root = NULL;
    lobass_status status = LOBASS_OK;
    lb_chat_template *chat = lb_alloc(1, sizeof *chat, error);
    if (chat == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY_GOTO(lb_value_parse(&root, text, strlen(text), "chat template", &chat->arena, error));
    const lb_value *name = lb_value_get(root, "name");
    const lb_value *templates = lb_value_get(root, "templates");
    const lb_value *date = lb_value_get(root, "date");
    if (!lb_value_is(name, LB_VALUE_STRING) ||
        !lb_value_is(lb_value_get(templates, MAIN), LB_VALUE_STRING))
    {
        status = lb_fail(error, LOBASS_BAD_FORMAT,
                         "chat template: expected an object with \"name\" and \"templates\"");
        goto done;
    }
    LB_TRY_GOTO(template_parse(&chat->main, templates, MAIN, name->text, error));
    LB_TRY_GOTO(template_parse(&chat->tool_use, templates, TOOL_USE, name->text, error));
    if (lb_value_is(date, LB_VALUE_STRING))
    {
        LB_TRY_GOTO(date_read(&chat->clock_seconds, date->text, error));
    }
    chat->special_tokens = lb_value_get(root, "special_tokens");
    chat->variables = lb_value_get(root, "variables");
    chat->writes_bos = mentions(chat, "bos_token");
    *opened = chat;
    chat = NULL;
done:
    chat_close(chat);
    return status;
}

lobass_status lb_template_open(lb_template **opened, const lobass_format_options *options,
                               lobass_error *error)
{
    const lb_template *found = NULL;
    if (options->chat == NULL)
    {
        const char *name = options->template_name == NULL ? "alpaca" : options->template_name;
        LB_TRY(lb_template_find(&found, name, error));
    }
    lb_template *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    *made = found != NULL ? *found : (lb_template){.name = CHAT};
    const lobass_status status =
        found != NULL ? LOBASS_OK : chat_open(&made->chat, options->chat, error);
    if (status != LOBASS_OK)
    {
        free(made);
        return status;
    }
    if (made->chat != NULL)
    {
        made->chat->spans = options->spans;
    }
    *opened = made;
    return LOBASS_OK;
}

void lb_template_close(lb_template *opened)
{
    if (opened != NULL)
    {
        chat_close(opened->chat);
        free(opened);
    }
}

/* ---- what a run records ------------------------------------------------------------------------
 */

static bool has_blocks(const lb_chat_template *chat)
{
    return lb_jinja_template_has_generation(chat->main) &&
           (chat->tool_use == NULL || lb_jinja_template_has_generation(chat->tool_use));
}

static lobass_status text_make(char **text, const json_t *root, lobass_error *error)
{
    char *dumped = json_dumps(root, 0);
    *text = dumped == NULL ? NULL : lb_copy_text(dumped, strlen(dumped), error);
    free(dumped);
    return *text == NULL ? lb_fail_memory(error, 0) : LOBASS_OK;
}

/* What was asked for and the template does not know would be lost without a word. */
static lobass_status asked_check(const lb_chat_template *chat, const json_t *root,
                                 const lobass_format_options *options, lobass_error *error)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_object_get(root, "variables"), name, value)
    {
        if (!mentions(chat, name))
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "template variable \"%s\": the template mentions none of that name",
                           name);
        }
    }
    if (options->template_date != NULL && !mentions(chat, "strftime_now"))
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "template date %s: the template asks for no date", options->template_date);
    }
    if (options->spans == LOBASS_SPANS_BLOCKS && !has_blocks(chat))
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "option \"spans\": the template has no {%% generation %%} blocks; expected "
                       "prompt");
    }
    return LOBASS_OK;
}

/* Reads it once, so that what is wrong with it is told now; a date that is not asked for would make
 * the same rows another tokenisation every day. */
static lobass_status root_finish(char **text, json_t *root, const lobass_format_options *options,
                                 lobass_error *error)
{
    char *all = NULL;
    lb_chat_template *chat = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(text_make(&all, root, error));
    LB_TRY_GOTO(chat_open(&chat, all, error));
    LB_TRY_GOTO(asked_check(chat, root, options, error));
    if (!mentions(chat, "strftime_now"))
    {
        (void)json_object_del(root, "date");
    }
    LB_TRY_GOTO(text_make(text, root, error));
done:
    chat_close(chat);
    free(all);
    return status;
}

lobass_status lb_chat_template_read(char **chat, const lobass_format_options *options,
                                    const char *folder, lobass_error *error)
{
    char date[16];
    const char *path = options->template_name;
    const bool is_own = strcmp(path, CHAT) == 0;
    if (!is_own && lb_path_look(path) == LB_PATH_MISSING)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "template \"%.200s\": expected chat, alpaca, alpaca-newline, plain or a "
                       "Jinja file; there is no file of that name",
                       path);
    }
    json_t *templates = json_object();
    json_t *special = json_object();
    json_t *variables = json_object();
    lobass_status status = LOBASS_OK;
    today(date);
    json_t *root =
        json_pack("{s:s, s:o, s:o, s:o, s:s}", "name", is_own ? CHAT : lb_path_name(path),
                  "templates", templates, "special_tokens", special, "variables", variables, "date",
                  options->template_date != NULL ? options->template_date : date);
    if (root == NULL)
    {
        return lb_fail_memory(error, 0);
    }
    LB_TRY_GOTO(folder_read(templates, special, folder, is_own, error));
    LB_TRY_GOTO(is_own ? LOBASS_OK : file_add(templates, MAIN, path, error));
    for (size_t i = 0; i < options->n_template_variables; i++)
    {
        LB_TRY_GOTO(variable_take(variables, options->template_variables[i], error));
    }
    LB_TRY_GOTO(root_finish(chat, root, options, error));
done:
    json_decref(root);
    return status;
}

lobass_status lb_chat_template_keep(char **chat, const char *recorded,
                                    const lobass_format_options *options, bool *is_changed,
                                    lobass_error *error)
{
    static const char *const of_folder[] = {"templates", "special_tokens"};
    json_t *before = NULL;
    json_t *now = NULL;
    char *kept = NULL;
    lobass_status status = LOBASS_OK;
    *is_changed = false;
    LB_TRY_GOTO(lb_json_parse(&before, recorded, strlen(recorded), "chat template", error));
    LB_TRY_GOTO(lb_json_parse(&now, *chat, strlen(*chat), "chat template", error));
    json_t *date = json_object_get(before, "date");
    if (options->template_date == NULL && date != NULL)
    {
        (void)json_object_set(now, "date", date);
    }
    const bool is_own = options->template_name == NULL || strcmp(options->template_name, CHAT) == 0;
    const char *name = json_string_value(json_object_get(before, "name"));
    for (size_t i = 0; is_own && name != NULL && strcmp(name, CHAT) == 0 && i < 2; i++)
    {
        json_t *own = json_object_get(before, of_folder[i]);
        *is_changed = *is_changed || json_equal(own, json_object_get(now, of_folder[i])) == 0;
        (void)json_object_set(now, of_folder[i], own);
    }
    if (*is_changed && date == NULL)
    {
        (void)json_object_del(now, "date");
    }
    LB_TRY_GOTO(text_make(&kept, now, error));
    free(*chat);
    *chat = kept;
done:
    json_decref(before);
    json_decref(now);
    return status;
}
