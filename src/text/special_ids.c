/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands at the ends of a text. The post_processor of tokenizer.json gives what the library
 * itself adds; tokenizer_config.json beside it names bos_token and eos_token and may overrule it.
 * The rule, which is that of transformers:
 *
 *  1. add_bos_token (add_eos_token) of the configuration decides where it is true or false;
 *  2. else a tokenizer_class of the Llama family adds BOS and no EOS: these classes build a
 *     post-processor of their own from the two flags, whose defaults are true and false, and throw
 *     away the one in the file;
 *  3. else the post-processor decides: BOS is added if its template for one text begins with it.
 *
 * Without a configuration, BOS and EOS are what the template puts before and behind the text. A
 * template with anything else in it is refused, since only BOS and EOS are ever added here.
 */
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "text/tokenizer_private.h"

#define MAX_SHOWN 40
#define WHERE_SIZE 640

typedef struct context
{
    lb_template *around;
    const lobass_tokenizer *tokenizer;
    const char *where;
    lobass_error *error;
} context;

/* ---- post_processor
 * ---------------------------------------------------------------------------------- */

/* The one id that the template's special token NAME stands for. */
static lobass_status template_id(const context *c, const json_t *processor, const char *name,
                                 int32_t *id)
{
    const json_t *token = json_object_get(json_object_get(processor, "special_tokens"), name);
    const json_t *ids = json_object_get(token, "ids");
    const json_t *value = json_array_get(ids, 0);

    if (json_array_size(ids) != 1 || !json_is_integer(value) ||
        lobass_tokenizer_piece(c->tokenizer,
                               (int32_t)(json_integer_value(value) & LB_MAX_TOKEN_ID)) == NULL ||
        json_integer_value(value) < 0 || json_integer_value(value) > LB_MAX_TOKEN_ID)
    {
        return lb_fail(c->error, LOBASS_BAD_FORMAT,
                       "%s: special token \"%.*s\": expected one id of the vocabulary", c->where,
                       MAX_SHOWN, name);
    }
    *id = (int32_t)json_integer_value(value);
    return LOBASS_OK;
}

static lobass_status read_template(const context *c, const json_t *processor)
{
    const json_t *single = json_object_get(processor, "single");
    const json_t *member;
    size_t index;
    bool has_text = false;

    if (!json_is_array(single))
    {
        return lb_fail(c->error, LOBASS_BAD_FORMAT,
                       "%s: field \"single\": expected an array, found %s", c->where,
                       lb_json_kind(single));
    }
    json_array_foreach(single, index, member)
    {
        const json_t *token = json_object_get(member, "SpecialToken");
        const char *name = json_string_value(json_object_get(token, "id"));
        if (name == NULL)
        {
            has_text = has_text || json_object_get(member, "Sequence") != NULL;
            continue;
        }
        int32_t *side = has_text ? &c->around->after : &c->around->before;
        if (*side >= 0)
        {
            return lb_fail(
                c->error, LOBASS_UNSUPPORTED,
                "%s: more than one special token %s the text (\"%.*s\") is not supported", c->where,
                has_text ? "behind" : "before", MAX_SHOWN, name);
        }
        LB_TRY(template_id(c, processor, name, side));
    }
    return has_text ? LOBASS_OK
                    : lb_fail(c->error, LOBASS_BAD_FORMAT,
                              "%s: field \"single\": expected a Sequence in it", c->where);
}

typedef struct processor_step
{
    const lb_part_kind *kind;
    const json_t *template; /* borrowed from the file; NULL: it adds nothing */
} processor_step;

static lobass_status parse_template(void *step, const lb_loader *loader, const json_t *value,
                                    const char *where, lobass_error *error)
{
    processor_step *processor = step;

    (void)loader;
    (void)where;
    (void)error;
    processor->template = value;
    return LOBASS_OK;
}

static const lb_part_kind kinds[] = {
    {"ByteLevel", NULL, NULL}, /* moves offsets only */
    {"TemplateProcessing", parse_template, NULL},
    {NULL, NULL, NULL},
};

static const lb_parts parts_of_processor = {
    {"post_processor", "processors"}, kinds, sizeof(processor_step)};

lobass_status lb_template_load(lb_template *around, const lobass_tokenizer *tokenizer,
                               const lb_loader *loader, const json_t *file, lobass_error *error)
{
    void *memory = NULL;
    size_t n_steps = 0;
    char where[WHERE_SIZE];

    *around = (lb_template){-1, -1};
    LB_TRY(lb_parts_load(&memory, &n_steps, &parts_of_processor, loader, file, error));
    (void)snprintf(where, sizeof where, "%s: post_processor \"TemplateProcessing\"", loader->path);
    const context c = {around, tokenizer, where, error};
    const processor_step *steps = memory;
    for (size_t i = 0; i < n_steps; i++)
    {
        if (steps[i].template != NULL)
        {
            LB_TRY(read_template(&c, steps[i].template));
        }
    }
    return LOBASS_OK;
}

/* ---- tokenizer_config.json
 * ------------------------------------------------------------------------------ */

static bool is_llama_class(const char *name)
{
    static const char *const names[] = {"LlamaTokenizer",     "LlamaTokenizerFast",
                                        "CodeLlamaTokenizer", "CodeLlamaTokenizerFast",
                                        "GemmaTokenizer",     "GemmaTokenizerFast"};

    for (size_t i = 0; name != NULL && i < sizeof names / sizeof names[0]; i++)
    {
        if (strcmp(names[i], name) == 0)
        {
            return true;
        }
    }
    return false;
}

/* bos_token or eos_token: a text, an added token {"content": text}, or null: -1. */
static lobass_status read_named_id(const lobass_tokenizer *tokenizer, const json_t *config,
                                   const char *path, const char *key, int32_t *id,
                                   lobass_error *error)
{
    const json_t *value = json_object_get(config, key);
    const json_t *text = json_is_object(value) ? json_object_get(value, "content") : value;

    *id = -1;
    if (text == NULL || json_is_null(text))
    {
        return LOBASS_OK;
    }
    if (!json_is_string(text))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"%s\": expected a string, found %s",
                       path, key, lb_json_kind(text));
    }
    *id = lb_tokenizer_find(tokenizer, json_string_value(text), json_string_length(text));
    return *id >= 0 ? LOBASS_OK
                    : lb_fail(error, LOBASS_BAD_FORMAT,
                              "%s: field \"%s\": \"%.*s\" is not in the vocabulary", path, key,
                              MAX_SHOWN, json_string_value(text));
}

/* Rules 1 to 3; IS_IN_TEMPLATE answers the third. */
static lobass_status decide(bool *adds, const json_t *config, const char *path, const char *key,
                            bool family_default, bool is_in_template, lobass_error *error)
{
    const char *class_name = json_string_value(json_object_get(config, "tokenizer_class"));

    *adds = is_llama_class(class_name) ? family_default : is_in_template;
    return lb_json_boolean(config, path, key, true, adds, error);
}

/* The template's token on one side must be the one that the configuration names, if that is used.
 */
static lobass_status check_side(const lobass_tokenizer *tokenizer, int32_t in_template,
                                int32_t named, bool is_llama, const char *path, lobass_error *error)
{
    if (in_template < 0 || in_template == named || is_llama)
    {
        return LOBASS_OK;
    }
    return lb_fail(
        error, LOBASS_UNSUPPORTED,
        "%s: post_processor adds \"%.*s\" to a text, which is neither its bos_token at the "
        "beginning nor its eos_token at the end",
        path, MAX_SHOWN, lobass_tokenizer_piece(tokenizer, in_template));
}

static lobass_status apply_config(lb_special_ids *special, lobass_tokenizer *tokenizer,
                                  const json_t *config, const char *path, lb_template around,
                                  lobass_error *error)
{
    const bool is_llama =
        is_llama_class(json_string_value(json_object_get(config, "tokenizer_class")));
    const json_t *chat_template = json_object_get(config, "chat_template");

    if (!json_is_object(config))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an object, found %s", path,
                       lb_json_kind(config));
    }
    LB_TRY(read_named_id(tokenizer, config, path, "bos_token", &special->bos, error));
    LB_TRY(read_named_id(tokenizer, config, path, "eos_token", &special->eos, error));
    special->bos = special->bos < 0 ? around.before : special->bos;
    special->eos = special->eos < 0 ? around.after : special->eos;
    LB_TRY(check_side(tokenizer, around.before, special->bos, is_llama, path, error));
    LB_TRY(check_side(tokenizer, around.after, special->eos, is_llama, path, error));
    LB_TRY(
        decide(&special->adds_bos, config, path, "add_bos_token", true, around.before >= 0, error));
    LB_TRY(
        decide(&special->adds_eos, config, path, "add_eos_token", false, around.after >= 0, error));
    special->adds_bos = special->adds_bos && special->bos >= 0;
    special->adds_eos = special->adds_eos && special->eos >= 0;
    special->has_chat_template = chat_template != NULL && !json_is_null(chat_template);
    return LOBASS_OK;
}

/* "folder/NAME" beside the file PATH. */
static char *path_beside(const char *path, const char *name, lobass_error *error)
{
    const size_t folder_size = (size_t)(lb_path_name(path) - path);
    lb_buffer text = {0};

    if (lb_buffer_append(&text, path, folder_size, error) != LOBASS_OK ||
        lb_buffer_append_text(&text, name, error) != LOBASS_OK)
    {
        lb_buffer_free(&text);
        return NULL;
    }
    return text.data;
}

lobass_status lb_special_ids_load(lb_special_ids *special, lobass_tokenizer *tokenizer,
                                  const json_t *file, const char *path, lobass_error *error)
{
    const lb_loader loader = {&tokenizer->arena, path};
    lb_template around;
    json_t *config = NULL;
    lobass_status status = LOBASS_OK;

    *special = (lb_special_ids){-1, -1, false, false, false};
    LB_TRY(lb_template_load(&around, tokenizer, &loader, file, error));
    char *config_path = path_beside(path, LB_TOKENIZER_CONFIG_FILE, error);
    char *template_path = path_beside(path, LB_CHAT_TEMPLATE_FILE, error);
    if (config_path == NULL || template_path == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    if (lb_path_look(config_path) != LB_PATH_MISSING)
    {
        LB_TRY_GOTO(lb_json_load(&config, config_path, error));
        LB_TRY_GOTO(apply_config(special, tokenizer, config, config_path, around, error));
    }
    else
    {
        *special = (lb_special_ids){around.before, around.after, around.before >= 0,
                                    around.after >= 0, false};
    }
    special->has_chat_template =
        special->has_chat_template || lb_path_look(template_path) != LB_PATH_MISSING;
done:
    json_decref(config);
    free(config_path);
    free(template_path);
    return status;
}
