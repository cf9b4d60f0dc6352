/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of training. One step takes batch_size rows of the epoch's shuffle, cuts them in packs
 * that fit the activations' memory, and adds up the gradient of
 *     loss = sum of nll over the scored tokens of the WHOLE batch / their number,
 * so that the packing never shows in the result but by rounding. Then one AdamW step. The shuffle
 * of an epoch depends on the seed and the epoch's number alone: any step can be reached without
 * replaying the ones before it. Rows are read from the store as they are needed.
 */
#include "pass/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Packs of this many tokens keep the products busy; more only costs memory. */
#define PACK_TOKENS_MOST 4096
#define PACK_TOKENS_LEAST 512
/* What the activations of one pack may take with their gradients, roughly: packs must not change
 * with how well memory is used, since their sums would round in another way. */
#define ACTIVATION_BYTES_MOST ((size_t)1 << 30)

size_t lb_train_pack_tokens(const lb_config *config)
{
    const size_t attention = 2 * (config->n_heads + config->n_kv_heads) * config->head_size;
    const size_t per_layer = 6 * config->d_model + 2 * attention + 4 * config->d_ffn;
    const size_t bytes = sizeof(float) * config->n_layers * per_layer;
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
    size_t activations = 0;
    const lobass_status status =
        lb_decoder_bytes(&activations, config, longest > pack ? longest : pack,
                         recomputes ? LB_DECODER_RECOMPUTE : LB_DECODER_TRAIN, NULL);
    return status == LOBASS_OK
               ? n_parameters * (is_frozen ? lb_dtype_size(dtype) : trained) + activations
               : UINT64_MAX;
}

/* ---- what is trained on ---------------------------------------------------------------------- */

/* Which rows with which tokens: record hashes and counts say so without reading the ids. */
static lobass_status rows_hash(lb_trainer *trainer, const lb_row_summary *summaries,
                               const bool *is_trained, size_t n_rows, lobass_error *error)
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
        for (size_t i = 0; i < n_rows; ++i)
        {
            const lb_row_summary *row = &summaries[i];
            const uint64_t facts[5] = {i, row->hash[0], row->hash[1], row->n_tokens, row->n_scored};
            if (is_trained[i])
            {
                lb_hasher_update(hasher, facts, sizeof facts);
            }
        }
        lb_hash_text(lb_hasher_value(hasher), trainer->rows_hash);
    }
    lb_hasher_free(hasher);
    free(tokenization);
    return status;
}

static void windows_count(lb_trainer *trainer, const bool *is_trained, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; ++i)
    {
        trainer->n_rows += is_trained[i] ? 1 : 0;
    }
    for (size_t i = 0; i < trainer->n_windows; ++i)
    {
        const lb_window *window = &trainer->windows[i];
        trainer->n_tokens += window->n_tokens;
        trainer->n_scored += window->n_scored;
        trainer->longest =
            window->n_tokens > trainer->longest ? window->n_tokens : trainer->longest;
    }
}

static lobass_status rows_collect(lb_trainer *trainer, lobass_error *error)
{
    size_t n_rows = 0;
    bool *is_trained = NULL;
    lb_row_summary *summaries = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_store_summaries_load(&summaries, &n_rows, trainer->store, error));
    LB_TRY_GOTO(lb_trained_rows_find(&is_trained, &trainer->n_nonfinite, summaries, n_rows,
                                     trainer->store, error));
    LB_TRY_GOTO(lb_windows_find(&trainer->windows, &trainer->n_windows, trainer->store, summaries,
                                is_trained, n_rows, error));
    LB_TRY_GOTO(rows_hash(trainer, summaries, is_trained, n_rows, error));
    windows_count(trainer, is_trained, n_rows);
    if (trainer->n_windows == 0)
    {
        status = lb_fail(error, LOBASS_BAD_ARGUMENT,
                         "%s: none of its %zu records can be trained on: expected at least one "
                         "with the status ok or truncated",
                         lb_store_path(trainer->store), n_rows);
    }
done:
    free(is_trained);
    free(summaries);
    return status;
}

/* ---- the options that decide the result -------------------------------------------------------
 */

static lobass_status record_make(lb_trainer *trainer, lobass_error *error)
{
    const lobass_train_options *options = trainer->options;
    char model[LB_HASH_TEXT_SIZE];
    char *recipe = NULL;
    char backend[32];
    lb_hash fingerprint;
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
        json_object_set_new(trainer->record, "rows", json_string(trainer->rows_hash)) != 0 ||
        json_object_set_new(trainer->record, "backend", json_string(backend)) != 0 ||
        json_object_set_new(trainer->record, "pack_tokens",
                            json_integer((json_int_t)trainer->pack_tokens)) != 0)
    {
        return lb_fail_memory(error, sizeof(json_t));
    }
    return LOBASS_OK;
}

/* ---- the log ----------------------------------------------------------------------------------
 */

static lobass_status log_begin(lb_trainer *trainer, lobass_error *error)
{
    return lb_buffer_append_text(&trainer->state.log,
                                 "step,epoch,loss,learning_rate,gradient_norm,tokens,held_out_loss,"
                                 "held_out_bits_per_byte\n",
                                 error);
}

/* A comma, and nothing more for NaN: a loss that was not taken. */
static lobass_status log_put(lb_buffer *log, double value, lobass_error *error)
{
    LB_TRY(lb_buffer_append_text(log, ",", error));
    if (isinf(value))
    {
        return lb_buffer_append_text(log, "inf", error);
    }
    return isnan(value) ? LOBASS_OK : lb_json_append_real(log, value, error);
}

static lobass_status step_log(lb_trainer *trainer, const lb_train_step *step, uint64_t epoch,
                              lobass_error *error)
{
    lb_buffer *log = &trainer->state.log;
    LB_TRY(lb_buffer_print(log, error, "%llu,%llu", (unsigned long long)trainer->state.step + 1,
                           (unsigned long long)epoch + 1));
    LB_TRY(log_put(log, step->loss, error));
    LB_TRY(log_put(log, step->learning_rate, error));
    LB_TRY(log_put(log, step->gradient_norm, error));
    LB_TRY(lb_buffer_print(log, error, ",%llu", (unsigned long long)step->n_tokens));
    LB_TRY(log_put(log, step->held_out_loss, error));
    LB_TRY(log_put(log, step->held_out_bits_per_byte, error));
    return lb_buffer_append_text(log, "\n", error);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static lobass_status scratch_create(lb_trainer *trainer, size_t capacity, lobass_error *error)
{
    const size_t batch_size = trainer->options->batch_size < trainer->n_windows
                                  ? trainer->options->batch_size
                                  : trainer->n_windows;
    trainer->order = lb_alloc(trainer->n_windows, sizeof *trainer->order, error);
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
    LB_TRY(lb_compute_create(&trainer->compute, options->n_threads, error));
    LB_TRY(weights_open(trainer, error));
    LB_TRY(lobass_tokenizer_load(&tokenizer, options->model, error));
    const lobass_status status = lb_run_check_model(trainer->store, options->model, tokenizer,
                                                    &trainer->model->config, error);
    lobass_tokenizer_free(tokenizer);
    return status;
}

static lobass_status workspace_create(lb_trainer *trainer, const char *held_out,
                                      lobass_error *error)
{
    static const lb_adamw settings = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    const lb_config *config = &trainer->model->config;
    size_t longest = trainer->longest;
    if (longest > config->max_length)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "%s: a row of %s has %zu tokens, the model takes at most %zu",
                       trainer->options->model, lb_store_path(trainer->store), longest,
                       config->max_length);
    }
    if (trainer->pack_tokens == 0)
    {
        trainer->pack_tokens = lb_train_pack_tokens(config);
    }
    if (held_out != NULL)
    {
        LB_TRY(lb_held_out_open(&trainer->held_out, held_out, trainer->options->model,
                                trainer->pack_tokens, error));
        longest = trainer->held_out.longest > longest ? trainer->held_out.longest : longest;
    }
    const uint64_t n_tokens = trainer->n_tokens > trainer->held_out.n_tokens
                                  ? trainer->n_tokens
                                  : trainer->held_out.n_tokens;
    size_t capacity = n_tokens < trainer->pack_tokens ? (size_t)n_tokens : trainer->pack_tokens;
    capacity = capacity < longest ? longest : capacity;
    LB_TRY(lb_decoder_create(&trainer->decoder, trainer->model, trainer->compute, capacity,
                             trainer->options->recomputes ? LB_DECODER_RECOMPUTE : LB_DECODER_TRAIN,
                             error));
    LB_TRY(lb_optimizer_create(&trainer->optimizer, trainer->model, &settings, error));
    return scratch_create(trainer, capacity, error);
}

lobass_status lb_trainer_create(lb_trainer **trainer, const lobass_train_options *options,
                                const char *run, const char *held_out, size_t pack_tokens,
                                lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    lb_trainer *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->options = options;
    made->state.held_out_loss = NAN;
    made->state.held_out_bits_per_byte = NAN;
    made->pack_tokens = pack_tokens;
    LB_TRY_GOTO(lb_store_open(&made->store, run, LB_STORE_READ, error));
    LB_TRY_GOTO(model_open(made, error));
    LB_TRY_GOTO(rows_collect(made, error));
    made->reader.store = made->store;
    made->reader.n_vocabulary = made->model->config.n_vocabulary;
    made->n_steps_per_epoch = (made->n_windows + options->batch_size - 1) / options->batch_size;
    made->n_steps =
        options->n_steps > 0 ? options->n_steps : made->n_steps_per_epoch * options->n_epochs;
    LB_TRY_GOTO(workspace_create(made, held_out, error));
    LB_TRY_GOTO(log_begin(made, error));
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
    lb_held_out_close(&trainer->held_out);
    lb_window_reader_free(&trainer->reader);
    free(trainer->windows);
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
    for (size_t i = 0; i < trainer->n_windows; ++i)
    {
        trainer->order[i] = i;
    }
    lb_random_shuffle(&random, trainer->order, trainer->n_windows);
    trainer->order_epoch = epoch;
}

/* PACK names places in BATCH, which names windows. */
static lobass_status pack_read(lb_trainer *trainer, const lb_pack *pack, const uint64_t *batch,
                               lobass_error *error)
{
    lb_batch_builder_reset(&trainer->builder);
    for (size_t i = 0; i < pack->n_rows; ++i)
    {
        const lb_window *window = &trainer->windows[batch[pack->rows[i]]];
        trainer->pack_rows[i] = window->row;
        LB_TRY(lb_window_add(&trainer->builder, &trainer->reader, window, error));
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
    LB_TRY(lb_decoder_forward(trainer->decoder, batch, trainer->nll, NULL, error));
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

static lobass_status batch_learn(lb_trainer *trainer, const uint64_t *batch, size_t n_windows,
                                 lb_train_step *step, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    lb_plan *plan = NULL;
    double sum_nll = 0;
    for (size_t i = 0; i < n_windows; ++i)
    {
        trainer->lengths[i] = trainer->windows[batch[i]].n_tokens;
        step->n_tokens += trainer->lengths[i];
        step->n_scored += trainer->windows[batch[i]].n_scored;
    }
    LB_TRY(lb_plan_create(&plan, trainer->lengths, NULL, n_windows, trainer->pack_tokens, error));
    for (size_t i = 0; i < lb_plan_count(plan); ++i)
    {
        const lb_pack pack = lb_plan_at(plan, i);
        LB_TRY_GOTO(pack_read(trainer, &pack, batch, error));
        LB_TRY_GOTO(pack_learn(trainer, 1.0 / (double)step->n_scored, &sum_nll, error));
    }
    step->loss = sum_nll / (double)step->n_scored;
done:
    lb_plan_free(plan);
    return status;
}

/* ---- the whole step ---------------------------------------------------------------------------
 */

/* Under the weights after STEP; by its number alone, so that a resumed training does the same. */
static bool is_evaluated(const lb_trainer *trainer, uint64_t step)
{
    const uint64_t wanted = trainer->options->evaluate_every;
    const uint64_t twentieth = (trainer->n_steps + 19) / 20;
    const uint64_t every = wanted > 0 ? wanted : twentieth;
    return trainer->held_out.n_windows > 0 && (step % every == 0 || step == trainer->n_steps);
}

static lobass_status held_out_score(lb_trainer *trainer, lb_train_step *step, lobass_error *error)
{
    LB_TRY(lb_held_out_run(&trainer->held_out, trainer->decoder, NULL, error));
    const lobass_evaluation total = lb_held_out_total(&trainer->held_out);
    const bool is_finite = isfinite(total.sum_nll);
    step->held_out_loss = is_finite ? lobass_evaluation_loss(&total) : INFINITY;
    step->held_out_bits_per_byte = is_finite ? lobass_evaluation_bits_per_byte(&total) : INFINITY;
    trainer->state.held_out_loss = step->held_out_loss;
    trainer->state.held_out_bits_per_byte = step->held_out_bits_per_byte;
    return LOBASS_OK;
}

lobass_status lb_trainer_step(lb_trainer *trainer, lb_train_step *step, lobass_error *error)
{
    const lobass_train_options *options = trainer->options;
    const uint64_t number = trainer->state.step;
    const uint64_t epoch = number / trainer->n_steps_per_epoch;
    const size_t first = (size_t)(number % trainer->n_steps_per_epoch) * options->batch_size;
    const size_t left = trainer->n_windows - first;
    const size_t n_windows = left < options->batch_size ? left : options->batch_size;

    *step = (lb_train_step){.held_out_loss = NAN, .held_out_bits_per_byte = NAN};
    epoch_shuffle(trainer, epoch);
    LB_TRY(batch_learn(trainer, trainer->order + first, n_windows, step, error));
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
    LB_TRY(is_evaluated(trainer, number + 1) ? held_out_score(trainer, step, error) : LOBASS_OK);
    LB_TRY(step_log(trainer, step, epoch, error));
    if (number == 0)
    {
        trainer->state.first_loss = step->loss;
    }
    trainer->state.last_loss = step->loss;
    trainer->state.step = number + 1;
    return LOBASS_OK;
}

void lb_trainer_count_tokens(lb_trainer *trainer, uint64_t *n_tokens, uint64_t *n_scored)
{
    const uint64_t n_epochs = trainer->n_steps / trainer->n_steps_per_epoch;
    const uint64_t n_steps_left = trainer->n_steps % trainer->n_steps_per_epoch;
    *n_tokens = n_epochs * trainer->n_tokens;
    *n_scored = n_epochs * trainer->n_scored;
    epoch_shuffle(trainer, n_epochs);
    for (uint64_t i = 0; i < n_steps_left * trainer->options->batch_size; ++i)
    {
        const lb_window *window = &trainer->windows[trainer->order[i]];
        *n_tokens += window->n_tokens;
        *n_scored += window->n_scored;
    }
}
