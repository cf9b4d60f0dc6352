/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands at the ends of a text. The post_processor of tokenizer.json gives what the library
 * itself adds; tokenizer_config.json beside it names bos_token and eos_token and may overrule it.
 * The rule is that of transformers 4, which wrote the files of most models (version 5 drops the
 * flags where there is a tokenizer.json; has_other_prefix tells where that is something else):
 *
 *  1. the classes of Llama, Code Llama, Gemma, Cohere and GPT-NeoX throw the post-processor away
 *     and put BOS and EOS where add_bos_token and add_eos_token say so (by default BOS, and
 * GPT-NeoX nothing); so do the flags of a configuration that names no class;
 *  2. for every other class the post-processor decides, and the flags mean nothing.
 *
 * Without a configuration, BOS and EOS are what the template puts before and behind the text. A
 * template may put several tokens before it; behind it only EOS is understood, since where a
 * response ends is not the tokenizer's to say.
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

/* The ids that the template's special token NAME stands for. */
static lobass_status template_ids(const context *c, const json_t *processor, const char *name,
                                  int32_t *side, size_t *n_side)
{
    const json_t *token = json_object_get(json_object_get(processor, "special_tokens"), name);
    const json_t *ids = json_object_get(token, "ids");
    const json_t *value;
    size_t index;

    if (json_array_size(ids) == 0)
    {
        return lb_fail(c->error, LOBASS_BAD_FORMAT,
                       "%s: special token \"%.*s\": expected ids of the vocabulary", c->where,
                       MAX_SHOWN, name);
    }
    json_array_foreach(ids, index, value)
    {
        const json_int_t id = json_integer_value(value);
        if (!json_is_integer(value) || id < 0 || id > LB_MAX_TOKEN_ID ||
            lobass_tokenizer_piece(c->tokenizer, (int32_t)id) == NULL)
        {
            return lb_fail(c->error, LOBASS_BAD_FORMAT,
                           "%s: special token \"%.*s\": expected ids of the vocabulary", c->where,
                           MAX_SHOWN, name);
        }
        if (*n_side == LB_MAX_PREFIX)
        {
            return lb_fail(c->error, LOBASS_UNSUPPORTED,
                           "%s: more than %d special tokens on one side of the text are not "
                           "supported",
                           c->where, LB_MAX_PREFIX);
        }
        side[(*n_side)++] = (int32_t)id;
    }
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
        lb_template *around = c->around;
        if (name == NULL)
        {
            has_text = has_text || json_object_get(member, "Sequence") != NULL;
            continue;
        }
        LB_TRY(has_text ? template_ids(c, processor, name, around->after, &around->n_after)
                        : template_ids(c, processor, name, around->before, &around->n_before));
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

static lobass_status template_load(lb_template *around, const lobass_tokenizer *tokenizer,
                                   const lb_loader *loader, const json_t *file, lobass_error *error)
{
    void *memory = NULL;
    size_t n_steps = 0;
    char where[WHERE_SIZE];

    *around = (lb_template){.n_before = 0};
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

/* ---- the rule ----------------------------------------------------------------------------------
 */

/* bos_token or eos_token: a text, an added token {"content": text}, or null: -1. */
static lobass_status read_named_id(const lobass_tokenizer *tokenizer,
                                   const lb_tokenizer_config *config, const char *key, int32_t *id,
                                   lobass_error *error)
{
    const json_t *value = json_object_get(config->json, key);
    const json_t *text = json_is_object(value) ? json_object_get(value, "content") : value;

    *id = -1;
    if (text == NULL || json_is_null(text))
    {
        return LOBASS_OK;
    }
    if (!json_is_string(text))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"%s\": expected a string, found %s",
                       config->path, key, lb_json_kind(text));
    }
    *id = lb_tokenizer_find(tokenizer, json_string_value(text), json_string_length(text));
    return *id >= 0 ? LOBASS_OK
                    : lb_fail(error, LOBASS_BAD_FORMAT,
                              "%s: field \"%s\": \"%.*s\" is not in the vocabulary", config->path,
                              key, MAX_SHOWN, json_string_value(text));
}

static void prefix_of_template(lb_special_ids *special, const lb_template *around)
{
    special->n_prefix = around->n_before;
    memcpy(special->prefix, around->before, sizeof special->prefix);
}

/* Of the flags, which are ADDS_BOS and ADDS_EOS where the configuration has none. */
static lobass_status ends_of_flags(lb_special_ids *special, const lb_tokenizer_config *config,
                                   const lb_template *around, bool adds_bos, bool adds_eos,
                                   lobass_error *error)
{
    LB_TRY(lb_json_boolean(config->json, config->path, "add_bos_token", true, &adds_bos, error));
    LB_TRY(lb_json_boolean(config->json, config->path, "add_eos_token", true, &adds_eos, error));
    special->n_prefix = adds_bos && special->bos >= 0 ? 1 : 0;
    special->prefix[0] = special->bos;
    special->adds_eos = adds_eos && special->eos >= 0;
    special->has_other_prefix = special->n_prefix != around->n_before ||
                                (special->n_prefix == 1 && special->prefix[0] != around->before[0]);
    return LOBASS_OK;
}

/* Of earlier versions: the flags decided for every class, else those of the Llama family added BOS,
 * else the template decided. */
static lobass_status find_earlier_ends(lb_special_ids *special, const lb_tokenizer_config *config,
                                       const lb_template *around, lobass_error *error)
{
    const lb_tokenizer_class *class = config->class;
    const bool is_llama = class != NULL && class->builds_ends && class->space != LB_SPACE_OF_BYTES;
    bool adds_bos = is_llama || around->n_before > 0;
    bool adds_eos = !is_llama && around->n_after > 0;

    LB_TRY(lb_json_boolean(config->json, config->path, "add_bos_token", true, &adds_bos, error));
    LB_TRY(lb_json_boolean(config->json, config->path, "add_eos_token", true, &adds_eos, error));
    special->had_bos = adds_bos && special->bos >= 0;
    special->had_eos = adds_eos && special->eos >= 0;
    return LOBASS_OK;
}

/* Behind a text nothing but EOS is understood. */
static lobass_status check_after(const lobass_tokenizer *tokenizer, const lb_template *around,
                                 const lb_special_ids *special, const char *path,
                                 lobass_error *error)
{
    if (around->n_after == 0 || (around->n_after == 1 && around->after[0] == special->eos))
    {
        return LOBASS_OK;
    }
    return lb_fail(error, LOBASS_UNSUPPORTED,
                   "%s: post_processor adds \"%.*s\" behind a text; expected nothing but its "
                   "eos_token",
                   path, MAX_SHOWN,
                   lobass_tokenizer_piece(tokenizer, around->after[around->n_after - 1]));
}

static lobass_status apply_config(lb_special_ids *special, const lobass_tokenizer *tokenizer,
                                  const lb_tokenizer_config *config, const lb_template *around,
                                  lobass_error *error)
{
    const json_t *chat_template = json_object_get(config->json, "chat_template");
    const bool has_template_bos = around->n_before > 0;
    const bool is_flagged = json_object_get(config->json, "add_bos_token") != NULL ||
                            json_object_get(config->json, "add_eos_token") != NULL;

    special->has_chat_template = chat_template != NULL && !json_is_null(chat_template);
    LB_TRY(read_named_id(tokenizer, config, "bos_token", &special->bos, error));
    LB_TRY(read_named_id(tokenizer, config, "eos_token", &special->eos, error));
    special->bos =
        special->bos < 0 && has_template_bos ? around->before[around->n_before - 1] : special->bos;
    special->eos = special->eos < 0 && around->n_after > 0 ? around->after[0] : special->eos;
    LB_TRY(find_earlier_ends(special, config, around, error));
    if (config->class != NULL && config->class->builds_ends)
    {
        return ends_of_flags(special, config, around, config->class->adds_bos, false, error);
    }
    LB_TRY(check_after(tokenizer, around, special, config->path, error));
    if (!config->has_class && is_flagged)
    {
        return ends_of_flags(special, config, around, has_template_bos, around->n_after > 0, error);
    }
    prefix_of_template(special, around);
    special->adds_eos = around->n_after > 0;
    return LOBASS_OK;
}

lobass_status lb_special_ids_load(lb_special_ids *special, lobass_tokenizer *tokenizer,
                                  const lb_tokenizer_config *config, const json_t *file,
                                  const char *path, lobass_error *error)
{
    const lb_loader loader = {&tokenizer->arena, path};
    lb_template around;

    *special = (lb_special_ids){.bos = -1, .eos = -1};
    LB_TRY(template_load(&around, tokenizer, &loader, file, error));
    char *template_path = lb_path_beside(path, LB_CHAT_TEMPLATE_FILE, error);
    if (template_path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const bool has_template_file = lb_path_look(template_path) != LB_PATH_MISSING;
    free(template_path);
    if (config->json != NULL)
    {
        LB_TRY(apply_config(special, tokenizer, config, &around, error));
    }
    else
    {
        prefix_of_template(special, &around);
        special->bos = around.n_before > 0 ? around.before[around.n_before - 1] : -1;
        special->eos = around.n_after > 0 ? around.after[0] : -1;
        special->adds_eos = around.n_after > 0;
        special->had_bos = around.n_before > 0;
        special->had_eos = around.n_after > 0;
        LB_TRY(check_after(tokenizer, &around, special, path, error));
    }
    special->has_chat_template = special->has_chat_template || has_template_file;
    return LOBASS_OK;
}
