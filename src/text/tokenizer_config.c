/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer_config.json, which transformers puts above the tokenizer.json beside it: which class
 * reads the tokenizer, and what that class does with add_prefix_space. A folder without the file is
 * fine. What it says of the ends of a text is read in special_ids.c, of added tokens in
 * added_tokens.c.
 *
 * A class is one of three kinds. Those that build their ends throw away the post-processor of
 * tokenizer.json and make one of add_bos_token and add_eos_token; the others leave it alone. Those
 * of bytes set add_prefix_space (false where the configuration has none) on a ByteLevel that stands
 * alone; those of pieces would have to read another file to follow it, so here a contradiction is
 * refused. This is what transformers does from version 4.41 on.
 */
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "text/tokenizer_private.h"

#define FAST "Fast" /* at the end of a name: the same class */

static const lb_tokenizer_class classes[] = {
    {"CodeGenTokenizer", false, false, LB_SPACE_OF_BYTES},
    {"CodeLlamaTokenizer", true, true, LB_SPACE_OF_PIECES},
    {"CohereTokenizer", true, true, LB_SPACE_OF_BYTES},
    {"GPT2Tokenizer", false, false, LB_SPACE_OF_BYTES},
    {"GPTNeoXTokenizer", true, false, LB_SPACE_OF_BYTES},
    {"GemmaTokenizer", true, true, LB_SPACE_OF_FILE},
    {"LlamaTokenizer", true, true, LB_SPACE_OF_PIECES},
    {"Qwen2Tokenizer", false, false, LB_SPACE_OF_BYTES},
};

static const lb_tokenizer_class *class_find(const char *name)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
    {
        const size_t size = strlen(classes[i].name);
        if (strncmp(name, classes[i].name, size) == 0 &&
            (name[size] == '\0' || strcmp(name + size, FAST) == 0))
        {
            return &classes[i];
        }
    }
    return NULL;
}

char *lb_path_beside(const char *path, const char *name, lobass_error *error)
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

lobass_status lb_tokenizer_config_load(lb_tokenizer_config *config, const char *tokenizer_path,
                                       lobass_error *error)
{
    const char *name = NULL;

    *config = (lb_tokenizer_config){0};
    config->path = lb_path_beside(tokenizer_path, LB_TOKENIZER_CONFIG_FILE, error);
    if (config->path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    if (lb_path_look(config->path) == LB_PATH_MISSING)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_json_load(&config->json, config->path, error));
    if (!json_is_object(config->json))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an object, found %s", config->path,
                       lb_json_kind(config->json));
    }
    LB_TRY(lb_json_text(config->json, config->path, "tokenizer_class", true, &name, error));
    config->has_class = name != NULL;
    config->class = name == NULL ? NULL : class_find(name);
    return LOBASS_OK;
}

void lb_tokenizer_config_free(lb_tokenizer_config *config)
{
    json_decref(config->json);
    free(config->path);
    *config = (lb_tokenizer_config){0};
}

/* ---- add_prefix_space --------------------------------------------------------------------------
 */

/* Whether tokenizer.json puts a space before a text. */
static bool has_prefix(const lobass_tokenizer *tokenizer)
{
    const lb_pre_tokenizers *cutting = &tokenizer->pre_tokenizers;
    const lb_normalizers *normalizers = &tokenizer->normalizers;
    for (size_t i = 0; i < cutting->n_steps; i++)
    {
        if (cutting->steps[i].prefix != LB_PREFIX_NEVER)
        {
            return true;
        }
    }
    for (size_t i = 0; i < normalizers->n_steps; i++)
    {
        if (strcmp(normalizers->steps[i].kind->name, "Prepend") == 0)
        {
            return true;
        }
    }
    return false;
}

lobass_status lb_prefix_space_apply(lobass_tokenizer *tokenizer, const lb_tokenizer_config *config,
                                    lobass_error *error)
{
    const bool is_told = json_is_boolean(json_object_get(config->json, "add_prefix_space"));
    const lb_space_rule rule = config->class == NULL ? LB_SPACE_OF_FILE : config->class->space;
    const bool found = has_prefix(tokenizer);
    lb_pre_tokenizers *cutting = &tokenizer->pre_tokenizers;
    bool wanted = rule == LB_SPACE_OF_BYTES ? false : found;

    if (config->json == NULL)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_json_boolean(config->json, config->path, "add_prefix_space", true, &wanted, error));
    if (wanted == found)
    {
        return LOBASS_OK;
    }
    if (cutting->is_lone_byte_level)
    {
        cutting->steps[0].prefix = wanted ? LB_PREFIX_ALWAYS : LB_PREFIX_NEVER;
        tokenizer->is_changed_by_config = true;
        return LOBASS_OK;
    }
    return rule == LB_SPACE_OF_FILE || !is_told
               ? LOBASS_OK
               : lb_fail(error, LOBASS_UNSUPPORTED,
                         "%s: field \"add_prefix_space\": it is %s, but tokenizer.json puts %s "
                         "before a text; expected the two to agree",
                         config->path, wanted ? "true" : "false", found ? "a space" : "no space");
}
