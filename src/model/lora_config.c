/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter_config.json of a PEFT adapter (https://huggingface.co/docs/peft), read and written. One
 * table says of every field what it may be; a field it does not name must be off (null, false, 0 or
 * empty), since one that is on may change what the adapter computes.
 */
#include "model/lora.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/weights.h"

#define CONFIG_NAME "adapter_config.json"
#define MOST_RANK 65536

typedef enum field_rule
{
    FIELD_READ, /* by this file */
    FIELD_IDLE, /* any value: it says nothing about the product */
    FIELD_PLAIN /* a boolean, or the name of a start that leaves the base model as it is */
} field_rule;

static const struct
{
    const char *name;
    field_rule rule;
} fields[] = {
    {"peft_type", FIELD_READ},
    {"r", FIELD_READ},
    {"lora_alpha", FIELD_READ},
    {"use_rslora", FIELD_READ},
    {"target_modules", FIELD_READ},
    {"base_model_name_or_path", FIELD_READ},
    {"bias", FIELD_READ},
    {"task_type", FIELD_IDLE},
    {"auto_mapping", FIELD_IDLE},
    {"revision", FIELD_IDLE},
    {"inference_mode", FIELD_IDLE},
    {"lora_dropout", FIELD_IDLE}, /* of training */
    {"init_lora_weights", FIELD_PLAIN},
    {"megatron_core", FIELD_IDLE},
    {"loftq_config", FIELD_IDLE}, /* where init_lora_weights asks for it */
    {"eva_config", FIELD_IDLE},
    {"corda_config", FIELD_IDLE},
    {"lora_ga_config", FIELD_IDLE},
    {"runtime_config", FIELD_IDLE},
    {"layers_pattern", FIELD_IDLE},      /* of layers_to_transform */
    {"qalora_group_size", FIELD_IDLE},   /* of use_qalora */
    {"ensure_weight_tying", FIELD_IDLE}, /* of modules_to_save */
    {"peft_version", FIELD_IDLE},
};

static bool is_off(const json_t *value)
{
    switch (json_typeof(value))
    {
    case JSON_OBJECT:
        return json_object_size(value) == 0;
    case JSON_ARRAY:
        return json_array_size(value) == 0;
    case JSON_STRING:
        return json_string_length(value) == 0;
    case JSON_INTEGER:
    case JSON_REAL:
        return json_number_value(value) == 0;
    case JSON_NULL:
    case JSON_FALSE:
        return true;
    case JSON_TRUE:
        break;
    }
    return false;
}

static lobass_status fail_field(const char *path, const char *key, const json_t *value,
                                const char *expected, lobass_error *error)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    const lobass_status status = lb_fail(
        error, LOBASS_UNSUPPORTED, "%s: field \"%.100s\": %.200s is not supported; expected %s",
        path, key, text != NULL ? text : "its value", expected);
    free(text);
    return status;
}

static lobass_status check_field(const char *path, const char *key, const json_t *value,
                                 lobass_error *error)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    {
        if (strcmp(fields[i].name, key) != 0)
        {
            continue;
        }
        const bool is_plain =
            json_is_boolean(value) || json_is_null(value) ||
            (json_is_string(value) && strcmp(json_string_value(value), "gaussian") == 0);
        return fields[i].rule != FIELD_PLAIN || is_plain
                   ? LOBASS_OK
                   : fail_field(path, key, value, "true, false or \"gaussian\"", error);
    }
    return is_off(value)
               ? LOBASS_OK
               : fail_field(path, key, value, "it to be off (null, false or empty)", error);
}

/* The value of a text field that may have one value only. */
static lobass_status check_text(const json_t *root, const char *path, const char *key,
                                const char *expected, bool has_default, lobass_error *error)
{
    const char *found = expected;
    LB_TRY(lb_json_text(root, path, key, has_default, &found, error));
    if (strcmp(found, expected) != 0)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s: field \"%s\": \"%.100s\" is not supported; expected \"%s\"", path, key,
                       found, expected);
    }
    return LOBASS_OK;
}

static lobass_status read_targets(lb_lora_config *config, const json_t *root, const char *path,
                                  lobass_error *error)
{
    json_t *targets = json_object_get(root, "target_modules");
    if (json_is_string(targets) && strcmp(json_string_value(targets), "all-linear") != 0)
    {
        return fail_field(path, "target_modules", targets,
                          "a list of module names or \"all-linear\"", error);
    }
    bool is_list = json_is_array(targets) && json_array_size(targets) > 0;
    for (size_t i = 0; is_list && i < json_array_size(targets); i++)
    {
        is_list = json_is_string(json_array_get(targets, i));
    }
    if (!is_list && !json_is_string(targets))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"target_modules\": expected a list of module names or "
                       "\"all-linear\", found %s",
                       path, targets == NULL ? "nothing" : lb_json_kind(targets));
    }
    config->targets = json_incref(targets);
    return LOBASS_OK;
}

static lobass_status read_fields(lb_lora_config *config, const json_t *root, const char *path,
                                 lobass_error *error)
{
    int64_t rank = 0;
    const char *base = NULL;
    const char *key = NULL;
    json_t *value = NULL;
    if (!json_is_object(root))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an object, found %s", path,
                       lb_json_kind(root));
    }
    /* First: another type has other fields. */
    LB_TRY(check_text(root, path, "peft_type", "LORA", false, error));
    json_object_foreach((json_t *)root, key, value)
    {
        LB_TRY(check_field(path, key, value, error));
    }
    LB_TRY(check_text(root, path, "bias", "none", true, error));
    LB_TRY(lb_json_integer(root, path, "r", 1, MOST_RANK, false, &rank, error));
    LB_TRY(lb_json_real(root, path, "lora_alpha", false, &config->settings.alpha, error));
    LB_TRY(lb_json_boolean(root, path, "use_rslora", true, &config->settings.is_rank_stabilized,
                           error));
    LB_TRY(read_targets(config, root, path, error));
    LB_TRY(lb_json_text(root, path, "base_model_name_or_path", true, &base, error));
    config->settings.rank = (size_t)rank;
    config->base = base == NULL ? NULL : lb_copy_text(base, strlen(base), error);
    return base != NULL && config->base == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

lobass_status lb_lora_config_load(lb_lora_config *config, const char *folder, lobass_error *error)
{
    json_t *root = NULL;
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    memset(config, 0, sizeof *config);
    char *path = lb_path_join(folder, CONFIG_NAME, error);
    if (path == NULL)
    {
        return status;
    }
    status = lb_json_load(&root, path, error);
    if (status == LOBASS_OK)
    {
        status = read_fields(config, root, path, error);
    }
    json_decref(root);
    free(path);
    if (status != LOBASS_OK)
    {
        lb_lora_config_free(config);
    }
    return status;
}

void lb_lora_config_free(lb_lora_config *config)
{
    json_decref(config->targets);
    free(config->base);
    memset(config, 0, sizeof *config);
}

bool lb_lora_config_adapts(const lb_lora_config *config, const char *module)
{
    const size_t size = strlen(module);
    bool is_adapted = json_is_string(config->targets);
    for (size_t i = 0; !is_adapted && i < json_array_size(config->targets); i++)
    {
        const json_t *target = json_array_get(config->targets, i);
        const char *name = json_string_value(target);
        const size_t n = json_string_length(target);
        is_adapted = n <= size && strcmp(module + size - n, name) == 0 &&
                     (n == size || module[size - n - 1] == '.');
    }
    return is_adapted;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

/* PEFT calls it an integer; one that is not is written as it is. */
static json_t *number(double value)
{
    return value == floor(value) && fabs(value) < 1e15 ? json_integer((json_int_t)value)
                                                       : json_real(value);
}

static json_t *targets_list(uint32_t targets)
{
    json_t *list = json_array();
    for (unsigned bit = 0; list != NULL && lb_lora_target_name(bit) != NULL; bit++)
    {
        if ((targets & 1U << bit) != 0 &&
            json_array_append_new(list, json_string(lb_lora_target_name(bit))) != 0)
        {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

char *lb_lora_config_print(const lb_lora_settings *settings, const char *base)
{
    json_t *targets = targets_list(settings->targets);
    json_t *alpha = number(settings->alpha);
    json_t *root = NULL;
    char *text = NULL;
    if (targets != NULL && alpha != NULL)
    {
        /* The order and the fields of PEFT's own files. */
        root =
            json_pack("{s:{}, s:n, s:s, s:s, s:b, s:b, s:b, s:n, s:n, s:n, s:{}, s:O, s:f, s:n, "
                      "s:s, s:I, s:{}, s:n, s:O, s:s, s:b, s:b}",
                      "alpha_pattern", "auto_mapping", "base_model_name_or_path", base, "bias",
                      "none", "fan_in_fan_out", 0, "inference_mode", 1, "init_lora_weights", 1,
                      "layer_replication", "layers_pattern", "layers_to_transform", "loftq_config",
                      "lora_alpha", alpha, "lora_dropout", 0.0, "modules_to_save", "peft_type",
                      "LORA", "r", (json_int_t)settings->rank, "rank_pattern", "revision",
                      "target_modules", targets, "task_type", "CAUSAL_LM", "use_dora", 0,
                      "use_rslora", settings->is_rank_stabilized ? 1 : 0);
        text = root == NULL ? NULL : lb_config_print(root);
    }
    json_decref(root);
    json_decref(alpha);
    json_decref(targets);
    return text;
}
