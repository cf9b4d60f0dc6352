/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of training. One step takes batch_size rows of the epoch's shuffle, cuts them in packs
 * that fit the activations' memory, and adds up the gradient of
 *     loss = sum of nll over the scored tokens of the WHOLE batch / their number,
 * so that the packing never shows in the result but by rounding. Then one AdamW step. The shuffle
 * of an epoch depends on the seed and the epoch's number alone: any step can be reached without
 * replaying the ones before it. Rows are read from the store as they are needed.
 */
#include "task/facts.h"
#include "task/train_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Packs of this many tokens keep the products busy; more only costs memory. */
#define PACK_TOKENS_MOST 4096
#define PACK_TOKENS_LEAST 512
/* What the activations of one pack may take, roughly. */
#define ACTIVATION_BYTES_MOST ((size_t)1 << 30)

/* Of the activations, roughly. */
static size_t bytes_per_token(const lb_config *config, bool recomputes)
{
    const size_t attention = 2 * (config->n_heads + config->n_kv_heads) * config->head_size;
    const size_t per_layer = 6 * config->d_model + 2 * attention + 4 * config->d_ffn;
    return sizeof(float) * (recomputes ? config->n_layers * config->d_model + per_layer
                                       : config->n_layers * per_layer);
}

size_t lb_train_pack_tokens(const lb_config *config)
{
    const size_t bytes = bytes_per_token(config, false);
    const size_t tokens = ACTIVATION_BYTES_MOST / (bytes > 0 ? bytes : 1);
    if (tokens > PACK_TOKENS_MOST)
    {
        return PACK_TOKENS_MOST;
    }
    return tokens < PACK_TOKENS_LEAST ? PACK_TOKENS_LEAST : tokens;
}

uint64_t lb_train_bytes(const lb_config *config, uint64_t n_parameters, lb_dtype dtype,
                        bool is_frozen, bool recomputes, size_t longest)
{
    const size_t pack = lb_train_pack_tokens(config);
    const uint64_t trained = 4 * sizeof(float) + (dtype == LB_BF16 ? sizeof(uint16_t) : 0);
    return n_parameters * (is_frozen ? lb_dtype_size(dtype) : trained) +
           (longest > pack ? longest : pack) * bytes_per_token(config, recomputes);
}

/* ---- what is trained on ---------------------------------------------------------------------- */

static lobass_status rows_collect(lb_trainer *trainer, uint32_t *longest, lobass_error *error)
{
    size_t n_rows = 0;
    bool *is_trained = NULL;
    LB_TRY(lb_store_summaries_load(&trainer->summaries, &n_rows, trainer->store, error));
    trainer->rows = lb_alloc(n_rows, sizeof *trainer->rows, error);
    if (trainer->rows == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY(lb_trained_rows_find(&is_trained, &trainer->n_nonfinite, trainer->summaries, n_rows,
                                trainer->store, error));
    *longest = 0;
    for (size_t i = 0; i < n_rows; ++i)
    {
        const lb_row_summary *summary = &trainer->summaries[i];
        if (is_trained[i])
        {
            trainer->rows[trainer->n_rows++] = i;
            trainer->n_tokens += summary->n_tokens;
            trainer->n_scored += summary->n_scored;
            *longest = summary->n_tokens > *longest ? summary->n_tokens : *longest;
        }
    }
    free(is_trained);
    if (trainer->n_rows == 0)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "%s: none of its %zu records can be trained on: expected at least one with "
                       "the status ok or truncated",
                       lb_store_path(trainer->store), n_rows);
    }
    return LOBASS_OK;
}

/* ---- the options that decide the result -------------------------------------------------------
 */

/* Which rows with which tokens: record hashes and counts say so without reading the ids. */
static lobass_status rows_hash(const lb_trainer *trainer, char text[LB_HASH_TEXT_SIZE],
                               lobass_error *error)
{
    char *tokenization = NULL;
    lb_hasher *hasher = NULL;
    LB_TRY(lb_store_fact_load(&tokenization, trainer->store, LB_FACT_TOKENIZATION, error));
    const lobass_status status = lb_hasher_create(&hasher, 0, error);
    if (status == LOBASS_OK)
    {
        if (tokenization != NULL)
        {
            lb_hasher_update(hasher, tokenization, strlen(tokenization));
        }
        for (size_t i = 0; i < trainer->n_rows; ++i)
        {
            const lb_row_summary *summary = &trainer->summaries[trainer->rows[i]];
            const uint64_t facts[5] = {trainer->rows[i], summary->hash[0], summary->hash[1],
                                       summary->n_tokens, summary->n_scored};
            lb_hasher_update(hasher, facts, sizeof facts);
        }
        lb_hash_text(lb_hasher_value(hasher), text);
    }
    lb_hasher_free(hasher);
    free(tokenization);
    return status;
}

static lobass_status record_make(lb_trainer *trainer, lobass_error *error)
{
    const lobass_train_options *options = trainer->options;
    char rows[LB_HASH_TEXT_SIZE];
    char model[LB_HASH_TEXT_SIZE];
    char *recipe = NULL;
    char backend[32];
    lb_hash fingerprint;
    LB_TRY(rows_hash(trainer, rows, error));
    LB_TRY(lb_model_fingerprint(&fingerprint, options->model, error));
    lb_hash_text(fingerprint, model);
    lb_compute_describe(trainer->compute, trainer->compute_dtype == LB_BF16, backend,
                        sizeof backend);
    LB_TRY(lb_recipe_to_json(&recipe, options, trainer->compute_dtype, error));
    const lobass_status status =
        lb_json_parse(&trainer->record, recipe, strlen(recipe), "recipe", error);
    free(recipe);
    LB_TRY(status);
    if (json_object_set_new(trainer->record, "model", json_string(model)) != 0 ||
        json_object_set_new(trainer->record, "rows", json_string(rows)) != 0 ||
        json_object_set_new(trainer->record, "backend", json_string(backend)) != 0 ||
        json_object_set_new(trainer->record, "pack_tokens",
                            json_integer((json_int_t)trainer->pack_tokens)) != 0)
    {
        return lb_fail_memory(error, sizeof(json_t));
    }
    return LOBASS_OK;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static lobass_status scratch_create(lb_trainer *trainer, size_t capacity, lobass_error *error)
{
    const size_t batch_size = trainer->options->batch_size < trainer->n_rows
                                  ? trainer->options->batch_size
                                  : trainer->n_rows;
    trainer->order = lb_alloc(trainer->n_rows, sizeof *trainer->order, error);
    trainer->lengths = lb_alloc(batch_size, sizeof *trainer->lengths, error);
    trainer->pack_rows = lb_alloc(batch_size, sizeof *trainer->pack_rows, error);
    trainer->nll = lb_alloc(capacity, sizeof *trainer->nll, error);
    trainer->order_epoch = UINT64_MAX;
    return trainer->order != NULL && trainer->lengths != NULL && trainer->pack_rows != NULL &&
                   trainer->nll != NULL
               ? LOBASS_OK
               : LOBASS_OUT_OF_MEMORY;
}

/* With an adapter the model is frozen: mapped or converted once, without masters. */
static lobass_status weights_open(lb_trainer *trainer, lobass_error *error)
{
    const lobass_train_options *options = trainer->options;
    lb_lora_settings lora;
    LB_TRY(lb_lora_settings_make(&lora, &options->lora, error));
    LB_TRY(lb_model_load(&trainer->model, options->model, trainer->compute_dtype,
                         lora.rank > 0 ? LB_MODEL_SCORE : LB_MODEL_TRAIN, error));
    return lora.rank == 0 ? LOBASS_OK
                          : lb_lora_create(trainer->model, &lora, trainer->compute_dtype,
                                           options->seed, error);
}

static lobass_status model_open(lb_trainer *trainer, lobass_error *error)
{
    const lobass_train_options *options = trainer->options;
    lobass_tokenizer *tokenizer = NULL;
    LB_TRY(lb_compute_dtype_choose(&trainer->compute_dtype, options->dtype, error));
    LB_TRY(lb_compute_create(&trainer->compute, NULL, options->n_threads, error));
    LB_TRY(weights_open(trainer, error));
    LB_TRY(lobass_tokenizer_load(&tokenizer, options->model, error));
    const lobass_status status = lb_run_check_model(trainer->store, options->model, tokenizer,
                                                    &trainer->model->config, error);
    lobass_tokenizer_free(tokenizer);
    return status;
}

static lobass_status workspace_create(lb_trainer *trainer, uint32_t longest, lobass_error *error)
{
    static const lb_adamw settings = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    const lb_config *config = &trainer->model->config;
    if (longest > config->max_length)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "%s: a row of %s has %u tokens, the model takes at most %zu",
                       trainer->options->model, lb_store_path(trainer->store), longest,
                       config->max_length);
    }
    if (trainer->pack_tokens == 0)
    {
        trainer->pack_tokens = lb_train_pack_tokens(config);
    }
    size_t capacity =
        trainer->n_tokens < trainer->pack_tokens ? (size_t)trainer->n_tokens : trainer->pack_tokens;
    capacity = capacity < longest ? longest : capacity;
    LB_TRY(lb_decoder_create(&trainer->decoder, trainer->model, trainer->compute, capacity,
                             trainer->options->recomputes ? LB_DECODER_RECOMPUTE : LB_DECODER_TRAIN,
                             error));
    LB_TRY(lb_optimizer_create(&trainer->optimizer, trainer->model, &settings, error));
    return scratch_create(trainer, capacity, error);
}

lobass_status lb_trainer_create(lb_trainer **trainer, const lobass_train_options *options,
                                const char *run, size_t pack_tokens, lobass_error *error)
{
    uint32_t longest = 0;
    lobass_status status = LOBASS_OK;
    lb_trainer *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->options = options;
    made->pack_tokens = pack_tokens;
    LB_TRY_GOTO(lb_store_open(&made->store, run, LB_STORE_READ, error));
    LB_TRY_GOTO(model_open(made, error));
    LB_TRY_GOTO(rows_collect(made, &longest, error));
    made->n_steps_per_epoch = (made->n_rows + options->batch_size - 1) / options->batch_size;
    made->n_steps = made->n_steps_per_epoch * options->n_epochs;
    LB_TRY_GOTO(workspace_create(made, longest, error));
    LB_TRY_GOTO(record_make(made, error));
done:
    if (status != LOBASS_OK)
    {
        lb_trainer_free(made);
        made = NULL;
    }
    *trainer = made;
    return status;
}

void lb_trainer_free(lb_trainer *trainer)
{
    if (trainer == NULL)
    {
        return;
    }
    lb_buffer_free(&trainer->state.log);
    free(trainer->nll);
    free(trainer->pack_rows);
    lb_batch_builder_free(&trainer->builder);
    free(trainer->lengths);
    free(trainer->order);
    lb_optimizer_free(trainer->optimizer);
    lb_decoder_free(trainer->decoder);
    lb_model_free(trainer->model);
    lb_compute_free(trainer->compute);
    json_decref(trainer->record);
    free(trainer->rows);
    free(trainer->summaries);
    lb_store_close(trainer->store);
    free(trainer);
}

/* ---- a step -----------------------------------------------------------------------------------
 */

static void epoch_shuffle(lb_trainer *trainer, uint64_t epoch)
{
    if (trainer->order_epoch == epoch)
    {
        return;
    }
    const uint64_t key[2] = {trainer->options->seed, epoch};
    lb_random random;
    lb_random_init(&random, lb_hash_bytes(key, sizeof key, 0).low);
    memcpy(trainer->order, trainer->rows, trainer->n_rows * sizeof *trainer->order);
    lb_random_shuffle(&random, trainer->order, trainer->n_rows);
    trainer->order_epoch = epoch;
}

static lobass_status row_check(const lb_trainer *trainer, const lobass_row *row,
                               lobass_error *error)
{
    const lb_row_summary *summary = &trainer->summaries[row->row];
    if (row->n_tokens != summary->n_tokens || row->n_scored != summary->n_scored)
    {
        return lb_fail(error, LOBASS_CONFLICT, "%s: row %llu changed while it was trained on",
                       lb_store_path(trainer->store), (unsigned long long)row->row);
    }
    for (size_t i = 0; i < row->n_tokens; ++i)
    {
        if (row->ids[i] < 0 || (size_t)row->ids[i] >= trainer->model->config.n_vocabulary)
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "%s: row %llu: token %zu is %d, the model's vocabulary has %zu",
                           lb_store_path(trainer->store), (unsigned long long)row->row, i,
                           row->ids[i], trainer->model->config.n_vocabulary);
        }
    }
    return LOBASS_OK;
}

/* PACK names places in ROWS, the batch's row numbers. */
static lobass_status pack_read(lb_trainer *trainer, const lb_pack *pack, const uint64_t *rows,
                               lobass_error *error)
{
    lb_batch_builder_reset(&trainer->builder);
    for (size_t i = 0; i < pack->n_rows; ++i)
    {
        lobass_row row;
        trainer->pack_rows[i] = rows[pack->rows[i]];
        LB_TRY(lb_store_row_load(&row, trainer->store, trainer->pack_rows[i], error));
        LB_TRY(row_check(trainer, &row, error));
        LB_TRY(lb_batch_builder_add(&trainer->builder, row.ids, row.flags, row.n_tokens, error));
    }
    return LOBASS_OK;
}

/* The losses of a pack's rows stand one after the other, in the order of its scored tokens. */
static lobass_status fail_nonfinite(const lb_trainer *trainer, lobass_error *error)
{
    size_t token = 0;
    while (isfinite(trainer->nll[token]))
    {
        ++token;
    }
    const uint32_t position = trainer->builder.batch.scored[token];
    size_t sequence = 0;
    while (trainer->builder.batch.starts[sequence + 1] <= position)
    {
        ++sequence;
    }
    return lb_fail(error, LOBASS_NUMERIC,
                   "%s: step %llu: the loss of row %llu is not finite (%f); expected a number: try "
                   "a lower learning rate",
                   trainer->options->output, (unsigned long long)trainer->state.step + 1,
                   (unsigned long long)trainer->pack_rows[sequence], (double)trainer->nll[token]);
}

static lobass_status pack_learn(lb_trainer *trainer, double scale, double *sum_nll,
                                lobass_error *error)
{
    const lb_batch *batch = &trainer->builder.batch;
    double sum = 0;
    LB_TRY(lb_decoder_forward(trainer->decoder, batch, trainer->nll, error));
    for (size_t i = 0; i < batch->n_scored; ++i)
    {
        sum += (double)trainer->nll[i];
    }
    if (!isfinite(sum))
    {
        return fail_nonfinite(trainer, error);
    }
    *sum_nll += sum;
    return lb_decoder_backward(trainer->decoder, batch, (float)scale, trainer->optimizer->grads,
                               error);
}

static lobass_status batch_learn(lb_trainer *trainer, const uint64_t *rows, size_t n_rows,
                                 lb_train_step *step, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    lb_plan *plan = NULL;
    double sum_nll = 0;
    for (size_t i = 0; i < n_rows; ++i)
    {
        trainer->lengths[i] = trainer->summaries[rows[i]].n_tokens;
        step->n_tokens += trainer->lengths[i];
        step->n_scored += trainer->summaries[rows[i]].n_scored;
    }
    LB_TRY(lb_plan_create(&plan, trainer->lengths, NULL, n_rows, trainer->pack_tokens, error));
    for (size_t i = 0; i < lb_plan_count(plan); ++i)
    {
        const lb_pack pack = lb_plan_at(plan, i);
        LB_TRY_GOTO(pack_read(trainer, &pack, rows, error));
        LB_TRY_GOTO(pack_learn(trainer, 1.0 / (double)step->n_scored, &sum_nll, error));
    }
    step->loss = sum_nll / (double)step->n_scored;
done:
    lb_plan_free(plan);
    return status;
}

static lobass_status step_log(lb_trainer *trainer, const lb_train_step *step, uint64_t epoch,
                              lobass_error *error)
{
    lb_buffer *log = &trainer->state.log;
    LB_TRY(lb_buffer_print(log, error, "{\"step\": %llu, \"epoch\": %llu, \"loss\": ",
                           (unsigned long long)trainer->state.step + 1,
                           (unsigned long long)epoch + 1));
    LB_TRY(lb_json_append_real(log, step->loss, error));
    LB_TRY(lb_buffer_append_text(log, ", \"learning_rate\": ", error));
    LB_TRY(lb_json_append_real(log, step->learning_rate, error));
    LB_TRY(lb_buffer_append_text(log, ", \"gradient_norm\": ", error));
    LB_TRY(lb_json_append_real(log, step->gradient_norm, error));
    return lb_buffer_print(log, error, ", \"tokens\": %llu}\n", (unsigned long long)step->n_tokens);
}

lobass_status lb_trainer_step(lb_trainer *trainer, lb_train_step *step, lobass_error *error)
{
    const lobass_train_options *options = trainer->options;
    const uint64_t number = trainer->state.step;
    const uint64_t epoch = number / trainer->n_steps_per_epoch;
    const size_t first = (size_t)(number % trainer->n_steps_per_epoch) * options->batch_size;
    const size_t left = trainer->n_rows - first;
    const size_t n_rows = left < options->batch_size ? left : options->batch_size;

    *step = (lb_train_step){0};
    epoch_shuffle(trainer, epoch);
    LB_TRY(batch_learn(trainer, trainer->order + first, n_rows, step, error));
    step->learning_rate =
        lb_schedule_rate(options->learning_rate, options->warmup_ratio, number, trainer->n_steps);
    lobass_error cause = {0};
    const lobass_status status =
        lb_optimizer_step(trainer->optimizer, trainer->model, trainer->compute, step->learning_rate,
                          options->weight_decay, options->clip, &step->gradient_norm, &cause);
    if (status != LOBASS_OK)
    {
        return lb_fail(error, status, "%s: step %llu: %s", options->output,
                       (unsigned long long)number + 1, cause.message);
    }
    LB_TRY(step_log(trainer, step, epoch, error));
    if (number == 0)
    {
        trainer->state.first_loss = step->loss;
    }
    trainer->state.last_loss = step->loss;
    trainer->state.step = number + 1;
    return LOBASS_OK;
}
