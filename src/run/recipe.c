/* SPDX-License-Identifier: Apache-2.0
 *
 * A training's recipe as it is recorded: one JSON object on one line with its keys in a fixed
 * order, and back.
 */
#include "run/run.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_MOST 1000000000

static void recipe_put(lb_json_writer *writer, const lobass_train_options *options, lb_dtype dtype,
                       const lb_lora_settings *lora, const char *targets)
{
    lb_json_open(writer, NULL, '{');
    lb_json_put_count(writer, "epochs", options->n_epochs);
    if (options->n_steps > 0)
    {
        lb_json_put_count(writer, "steps", options->n_steps);
    }
    lb_json_put_count(writer, "batch_size", options->batch_size);
    lb_json_put_real(writer, "learning_rate", options->learning_rate);
    lb_json_put_real(writer, "warmup", options->warmup_ratio);
    lb_json_put_real(writer, "weight_decay", options->weight_decay);
    lb_json_put_real(writer, "clip", options->clip);
    lb_json_put_seed(writer, "seed", options->seed);
    lb_json_put_text(writer, "dtype", dtype == LB_BF16 ? "bf16" : "fp32");
    if (lora->rank > 0)
    {
        lb_json_put_count(writer, "lora_rank", lora->rank);
        lb_json_put_real(writer, "lora_alpha", lora->alpha);
        lb_json_put_text(writer, "lora_targets", targets);
    }
    lb_json_close(writer);
}

lobass_status lb_recipe_to_json(char **text, const lobass_train_options *options, lb_dtype dtype,
                                lobass_error *error)
{
    lb_buffer buffer = {0};
    char *targets = NULL;
    lb_lora_settings lora;
    *text = NULL;
    LB_TRY(lb_lora_settings_make(&lora, &options->lora, error));
    LB_TRY(lb_lora_targets_print(&targets, lora.targets, error));
    lb_json_writer writer = lb_json_writer_begin(&buffer, false, error);
    recipe_put(&writer, options, dtype, &lora, targets);
    free(targets);
    if (writer.status != LOBASS_OK)
    {
        lb_buffer_free(&buffer);
        return writer.status;
    }
    *text = buffer.data;
    return LOBASS_OK;
}

/* ---- and back ---------------------------------------------------------------------------------
 */

static lobass_status count_read(uint32_t *value, const json_t *object, const char *where,
                                const char *key, int64_t least, bool has_default,
                                lobass_error *error)
{
    int64_t found = *value;
    LB_TRY(lb_json_integer(object, where, key, least, COUNT_MOST, has_default, &found, error));
    *value = (uint32_t)found;
    return LOBASS_OK;
}

static lobass_status dtype_read(lobass_dtype *dtype, const json_t *object, const char *where,
                                lobass_error *error)
{
    const char *name = NULL;
    LB_TRY(lb_json_text(object, where, "dtype", false, &name, error));
    if (strcmp(name, "bf16") != 0 && strcmp(name, "fp32") != 0)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"dtype\": expected \"bf16\" or \"fp32\", found \"%.40s\"", where,
                       name);
    }
    *dtype = name[0] == 'b' ? LOBASS_DTYPE_BF16 : LOBASS_DTYPE_FP32;
    return LOBASS_OK;
}

static lobass_status recipe_read(lobass_train_options *options, const char **targets,
                                 const json_t *object, const char *where, lobass_error *error)
{
    int64_t n_steps = 0;
    LB_TRY(count_read(&options->n_epochs, object, where, "epochs", 1, false, error));
    LB_TRY(lb_json_integer(object, where, "steps", 0, INT64_MAX, true, &n_steps, error));
    options->n_steps = (uint64_t)n_steps;
    LB_TRY(count_read(&options->batch_size, object, where, "batch_size", 1, false, error));
    LB_TRY(lb_json_real(object, where, "learning_rate", false, &options->learning_rate, error));
    LB_TRY(lb_json_real(object, where, "warmup", false, &options->warmup_ratio, error));
    LB_TRY(lb_json_real(object, where, "weight_decay", false, &options->weight_decay, error));
    LB_TRY(lb_json_real(object, where, "clip", false, &options->clip, error));
    LB_TRY(lb_json_seed(object, where, "seed", &options->seed, error));
    LB_TRY(dtype_read(&options->dtype, object, where, error));
    LB_TRY(count_read(&options->lora.rank, object, where, "lora_rank", 0, true, error));
    LB_TRY(lb_json_real(object, where, "lora_alpha", true, &options->lora.alpha, error));
    return lb_json_text(object, where, "lora_targets", true, targets, error);
}

lobass_status lb_recipe_from_json(lobass_train_options *options, char **targets, const char *text,
                                  const char *where, lobass_error *error)
{
    json_t *object = NULL;
    const char *names = NULL;
    lobass_train_options read = *options;
    lobass_status status = LOBASS_OK;
    *targets = NULL;
    LB_TRY_GOTO(lb_json_parse(&object, text, strlen(text), where, error));
    LB_TRY_GOTO(recipe_read(&read, &names, object, where, error));
    if (names != NULL)
    {
        *targets = lb_copy_text(names, strlen(names), error);
        read.lora.targets = *targets;
        status = *targets == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    }
    if (status == LOBASS_OK)
    {
        *options = read;
    }
done:
    json_decref(object);
    return status;
}
