/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json of a Hugging Face model folder -> lb_config. The families' tables (arch/) say their
 * defaults and which optional fields they read; the tables here list the fields with their ranges
 * and the fields that would change the computation and are refused by name. Fields that have no
 * influence on a loss (pretraining_tp, use_cache, dropout rates) are not looked at. Rotary
 * positions are read by config_rope.c, shapes of weights by layout.c.
 */
#include "model/config.h"

#include <stdlib.h>
#include <string.h>

#include "model/arch/arch.h"

static const lb_architecture *const architectures[] = {&lb_llama};
static const size_t n_architectures = sizeof architectures / sizeof *architectures;

const lb_architecture *lb_architecture_at(size_t index)
{
    return index < n_architectures ? architectures[index] : NULL;
}

const char *lb_config_architecture(const lb_config *config)
{
    return config->family->name;
}

typedef struct size_field
{
    const char *key;
    int64_t most; /* from 1; products of any of these stay far below 2^63 */
    bool has_default;
    size_t offset;
} size_field;

#define MOST_LAYERS ((int64_t)1 << 12)
#define MOST_HEADS ((int64_t)1 << 12)
#define MOST_HEAD_SIZE ((int64_t)1 << 12)
#define MOST_WIDTH ((int64_t)1 << 20)
#define MOST_FFN ((int64_t)1 << 22)
#define MOST_VOCABULARY ((int64_t)1 << 24)
#define MOST_LENGTH ((int64_t)1 << 30)

static const size_field size_fields[] = {
    {"hidden_size", MOST_WIDTH, false, offsetof(lb_config, d_model)},
    {"intermediate_size", MOST_FFN, false, offsetof(lb_config, d_ffn)},
    {"num_hidden_layers", MOST_LAYERS, false, offsetof(lb_config, n_layers)},
    {"num_attention_heads", MOST_HEADS, false, offsetof(lb_config, n_heads)},
    {"vocab_size", MOST_VOCABULARY, false, offsetof(lb_config, n_vocabulary)},
    {"max_position_embeddings", MOST_LENGTH, true, offsetof(lb_config, max_length)},
};

/* Fields that ask for a computation we do not have, unless they are absent or null. */
typedef struct refusal
{
    const char *key, *reason;
} refusal;

static const refusal refusals[] = {
    {"quantization_config", "quantized weights are not supported"},
    {"sliding_window", "attention within a window is not supported"},
};

const char *lb_config_quote(char quoted[LB_QUOTED_SIZE], const char *text)
{
    size_t length = 0;
    for (; text[length] != '\0' && length < LB_QUOTED_SIZE - 1; length++)
    {
        quoted[length] = text[length];
        if ((unsigned char)text[length] < ' ' || text[length] == '"')
        {
            quoted[length] = '?';
        }
    }
    quoted[length] = '\0';
    return quoted;
}

const lb_architecture *lb_architecture_find(const char *name)
{
    for (size_t i = 0; i < n_architectures; i++)
    {
        if (strcmp(architectures[i]->name, name) == 0)
        {
            return architectures[i];
        }
    }
    return NULL;
}

static lobass_status fail_architecture(const char *name, const char *where, lobass_error *error)
{
    char supported[256] = "";
    for (size_t i = 0; i < n_architectures; i++)
    {
        const size_t used = strlen(supported);
        snprintf(supported + used, sizeof supported - used, "%s%s", i == 0 ? "" : ", ",
                 architectures[i]->name);
    }
    char quoted[LB_QUOTED_SIZE];
    return lb_fail(error, LOBASS_UNSUPPORTED,
                   "%s: architecture \"%s\" is not supported; supported: %s", where,
                   lb_config_quote(quoted, name), supported);
}

static lobass_status refuse_unsupported(const json_t *root, const lb_architecture *known,
                                        const char *where, lobass_error *error)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
    {
        const json_t *value = json_object_get(root, refusals[i].key);
        if (value != NULL && !json_is_null(value))
        {
            return lb_fail(error, LOBASS_UNSUPPORTED,
                           "%s: field \"%s\": expected null, found %s: %s", where, refusals[i].key,
                           lb_json_kind(value), refusals[i].reason);
        }
    }
    const char *activation = known->activation;
    LB_TRY(lb_json_text(root, where, "hidden_act", true, &activation, error));
    if (strcmp(activation, known->activation) != 0)
    {
        char quoted[LB_QUOTED_SIZE];
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s: field \"hidden_act\": \"%s\" is not supported; supported: %s", where,
                       lb_config_quote(quoted, activation), known->activation);
    }
    return LOBASS_OK;
}

static lobass_status read_sizes(lb_config *config, const json_t *root, const char *where,
                                lobass_error *error)
{
    for (size_t i = 0; i < sizeof size_fields / sizeof *size_fields; i++)
    {
        const size_field *field = &size_fields[i];
        size_t *target = (size_t *)(void *)((char *)config + field->offset);
        int64_t value = (int64_t)*target;
        LB_TRY(lb_json_integer(root, where, field->key, 1, field->most, field->has_default, &value,
                               error));
        *target = (size_t)value;
    }
    int64_t n_kv_heads = (int64_t)config->n_heads;
    LB_TRY(lb_json_integer(root, where, "num_key_value_heads", 1, MOST_HEADS, true, &n_kv_heads,
                           error));
    config->n_kv_heads = (size_t)n_kv_heads;
    int64_t head_size = 0;
    LB_TRY(lb_json_integer(root, where, "head_dim", 1, MOST_HEAD_SIZE, true, &head_size, error));
    config->head_size = (size_t)head_size;
    return LOBASS_OK;
}

/* Head counts and sizes that fit each other. */
static lobass_status check_heads(lb_config *config, const char *where, lobass_error *error)
{
    if (config->n_heads % config->n_kv_heads != 0)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"num_key_value_heads\": expected a divisor of the %zu attention "
                       "heads, found %zu",
                       where, config->n_heads, config->n_kv_heads);
    }
    if (config->head_size == 0)
    {
        if (config->d_model % config->n_heads != 0)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "%s: field \"num_attention_heads\": expected a divisor of hidden_size "
                           "%zu where there is no head_dim, found %zu",
                           where, config->d_model, config->n_heads);
        }
        config->head_size = config->d_model / config->n_heads;
    }
    if (config->head_size % 2 != 0 || config->head_size > (size_t)MOST_HEAD_SIZE)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: the size of a head: expected an even number up to %lld, found %zu",
                       where, (long long)MOST_HEAD_SIZE, config->head_size);
    }
    return LOBASS_OK;
}

static lobass_status read_reals(lb_config *config, const json_t *root, const lb_architecture *known,
                                const char *where, lobass_error *error)
{
    double epsilon = known->norm_epsilon;
    LB_TRY(lb_json_real(root, where, "rms_norm_eps", true, &epsilon, error));
    config->norm_epsilon = epsilon > 0.0 && epsilon < 1.0 ? (float)epsilon : 0.0F;
    if (!(config->norm_epsilon > 0.0F))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"rms_norm_eps\": expected a number between 0 and 1, found %g",
                       where, epsilon);
    }
    config->initializer_range = 0.02;
    LB_TRY(lb_json_real(root, where, "initializer_range", true, &config->initializer_range, error));
    if (!(config->initializer_range >= 0.0 && config->initializer_range <= 1e6))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"initializer_range\": expected a number from 0 to 1e6, found %g",
                       where, config->initializer_range);
    }
    return LOBASS_OK;
}

static lobass_status read_flags(lb_config *config, const json_t *root, const lb_architecture *known,
                                const char *where, lobass_error *error)
{
    config->has_tied_head = known->has_tied_head;
    LB_TRY(
        lb_json_boolean(root, where, "tie_word_embeddings", true, &config->has_tied_head, error));
    if (known->has_bias_fields)
    {
        LB_TRY(lb_json_boolean(root, where, "attention_bias", true, &config->has_attention_bias,
                               error));
        LB_TRY(lb_json_boolean(root, where, "mlp_bias", true, &config->has_mlp_bias, error));
    }
    return LOBASS_OK;
}

/* An integer or a list of integers, of which the first counts. */
static lobass_status read_eos(lb_config *config, const json_t *root, const char *where,
                              lobass_error *error)
{
    config->eos = -1;
    const json_t *value = json_object_get(root, "eos_token_id");
    if (json_is_array(value))
    {
        if (json_array_size(value) == 0)
        {
            return LOBASS_OK;
        }
        value = json_array_get(value, 0);
    }
    else if (value == NULL || json_is_null(value))
    {
        return LOBASS_OK;
    }
    const json_int_t id = json_integer_value(value);
    if (!json_is_integer(value) || id < 0 || id > INT32_MAX)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"eos_token_id\": expected an integer from 0 to %d or a list of "
                       "them, found %s",
                       where, INT32_MAX, lb_json_kind(value));
    }
    config->eos = (int32_t)id;
    return LOBASS_OK;
}

/* A model that exists has its dtype in its weights: here no name is an error. */
static void read_dtype(lb_config *config, const json_t *root)
{
    static const struct
    {
        const char *name;
        lb_dtype dtype;
    } names[] = {{"float32", LB_F32}, {"float16", LB_F16}, {"bfloat16", LB_BF16}};
    const json_t *value = json_object_get(root, "dtype");
    value = value != NULL ? value : json_object_get(root, "torch_dtype");
    config->torch_dtype = LB_F32;
    for (size_t i = 0; json_is_string(value) && i < sizeof names / sizeof *names; i++)
    {
        if (strcmp(json_string_value(value), names[i].name) == 0)
        {
            config->torch_dtype = names[i].dtype;
        }
    }
}

static lobass_status read_config(lb_config *config, const json_t *root, const char *where,
                                 lobass_error *error)
{
    if (!json_is_object(root))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an object, found %s", where,
                       lb_json_kind(root));
    }
    const json_t *names = json_object_get(root, "architectures");
    const json_t *name = json_is_array(names) ? json_array_get(names, 0) : NULL;
    if (!json_is_string(name))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"architectures\": expected an array with a name in it, found %s",
                       where,
                       json_is_array(names) && json_array_size(names) == 0 ? "an empty one"
                       : json_is_array(names)                              ? lb_json_kind(name)
                                                                           : lb_json_kind(names));
    }
    const lb_architecture *known = lb_architecture_find(json_string_value(name));
    if (known == NULL)
    {
        return fail_architecture(json_string_value(name), where, error);
    }
    config->family = known;
    config->max_length = known->max_length;
    read_dtype(config, root);
    LB_TRY(refuse_unsupported(root, known, where, error));
    LB_TRY(read_sizes(config, root, where, error));
    LB_TRY(check_heads(config, where, error));
    LB_TRY(read_reals(config, root, known, where, error));
    LB_TRY(read_flags(config, root, known, where, error));
    LB_TRY(read_eos(config, root, where, error));
    return lb_config_parse_rope(config, root, known->rope_theta, where, error);
}

lobass_status lb_config_parse(lb_config *config, const char *data, size_t size_bytes,
                              const char *where, lobass_error *error)
{
    memset(config, 0, sizeof *config);
    json_t *root = NULL;
    LB_TRY(lb_json_parse(&root, data, size_bytes, where, error));
    const lobass_status status = read_config(config, root, where, error);
    json_decref(root);
    return status;
}

/* An adapter is not a model, but easily taken for one: it was trained from one. */
static lobass_status check_is_model(const char *folder, lobass_error *error)
{
    static const char *const names[] = {"config.json", "adapter_config.json"};
    bool is_there[] = {false, false};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    {
        char *path = lb_path_join(folder, names[i], error);
        if (path == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        is_there[i] = lb_path_look(path) != LB_PATH_MISSING;
        free(path);
    }
    return is_there[0] || !is_there[1]
               ? LOBASS_OK
               : lb_fail(error, LOBASS_BAD_ARGUMENT,
                         "%s: expected a model, found an adapter (adapter_config.json, no "
                         "config.json); name its base model, and the adapter with `measure "
                         "--adapter`",
                         folder);
}

/* Swapped arguments are told from broken JSON. */
static bool is_data_name(const char *path)
{
    static const char *const endings[] = {".jsonl", ".gz", ".zst", ".parquet", ".csv", ".tsv"};
    const size_t size = strlen(path);
    bool is_data = false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
    {
        const size_t n = strlen(endings[i]);
        is_data = is_data || (size > n && strcmp(path + size - n, endings[i]) == 0);
    }
    return is_data;
}

lobass_status lb_config_load(lb_config *config, const char *path, lobass_error *error)
{
    memset(config, 0, sizeof *config);
    LB_TRY(lb_path_look(path) == LB_PATH_MISSING ? lb_path_fail_missing(path, "", error)
                                                 : LOBASS_OK);
    LB_TRY(check_is_model(path, error));
    char *where = lb_path_look(path) == LB_PATH_FOLDER ? lb_path_join(path, "config.json", error)
                                                       : lb_copy_text(path, strlen(path), error);
    if (where == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    json_t *root = NULL;
    lobass_status status =
        is_data_name(where) && lb_path_look(where) == LB_PATH_FILE
            ? lb_fail(error, LOBASS_BAD_FORMAT,
                      "%s: a data file by its name; expected the folder of a model", where)
            : lb_json_load(&root, where, error);
    if (status == LOBASS_OK)
    {
        status = read_config(config, root, where, error);
        json_decref(root);
    }
    free(where);
    return status;
}
