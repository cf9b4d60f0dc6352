/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_generate: prompts are read as room comes free, given to the model in pieces beside the
 * sequences that are writing already, and each sequence then goes on by a token a step, its keys
 * and values kept in a cache of its own, until its end. Texts are handed out in the order of the
 * prompts: those that are done wait in a ring for the ones before them.
 *
 * Which sequences a step holds changes no text: the products give a row the same bits whatever is
 * beside it, and each prompt has random numbers of its own.
 */
#include "task/prompts.h"
#include "task/task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEP_TOKENS 1024    /* of a step at most: prompts are taken in in such pieces */
#define BATCH_SIZE_MOST 512 /* sequences of a step; less than STEP_TOKENS */
#define CACHE_BYTES_MOST ((size_t)1 << 30) /* of all sequences, where there are several */
#define N_WINDOWS 4 /* prompts in the ring for each that runs: some wait to be handed out */

typedef struct sequence
{
    uint64_t row, record;
    uint32_t source;
    bool is_done;
    lobass_stop stop;
    char *reason;     /* nothing is written */
    lb_buffer prompt; /* as text */
    char *response;   /* [response_size] the record's own, or NULL */
    size_t response_size;
    lb_ids ids;              /* the prompt's, then those that were chosen */
    size_t n_prompt, n_seen; /* of them: given; taken in by the model */
    size_t capacity;         /* tokens that its cache has room for */
    float *nll;              /* [nll_capacity] */
    size_t nll_capacity;
    lb_text_stream stream;
    size_t n_shown; /* bytes of the text */
    lb_random random;
    lb_cache *cache; /* NULL: it waits, or is done */
} sequence;

typedef struct generator
{
    const lobass_generate_options *options;
    const lobass_generate_sink *sink;
    lobass_generate_result *result;
    lb_stage stage;
    lobass_tokenizer *tokenizer;
    lb_model *model;
    lb_compute *compute;
    lb_decoder *decoder;
    lb_prompts prompts;
    lb_ids stops;   /* tokens that end a text */
    size_t n_known; /* tokens of the model that the tokenizer has: a model may be padded */
    size_t max_tokens;
    lb_sampling sampling;
    sequence *ring; /* [n_ring], of which n_held from FIRST on are in use */
    size_t n_ring, first, n_held;
    bool is_read; /* there are no more prompts */
    size_t n_running, cache_bytes;
    /* A step. */
    sequence **taking;        /* [batch_size] */
    lb_cache **caches;        /* [batch_size] */
    uint32_t *starts;         /* [batch_size + 1] */
    int32_t *ids;             /* [STEP_TOKENS] */
    float *logits;            /* [batch_size, n_vocabulary] */
    lb_candidate *candidates; /* [n_vocabulary] */
} generator;

lobass_generate_options lobass_generate_options_default(void)
{
    return (lobass_generate_options){
        .max_tokens = 256, .batch_size = 16, .top_p = 1.0, .dtype = LOBASS_DTYPE_AUTO};
}

const char *lobass_stop_name(lobass_stop stop)
{
    static const char *const names[] = {"end", "length", "context"};
    return (size_t)stop < sizeof names / sizeof *names ? names[stop] : NULL;
}

static sequence *held(const generator *g, size_t index)
{
    return &g->ring[(g->first + index) % g->n_ring];
}

/* ---- sequences ---------------------------------------------------------------------------------
 */

static void sequence_free(sequence *s)
{
    free(s->reason);
    lb_buffer_free(&s->prompt);
    free(s->response);
    lb_ids_free(&s->ids);
    free(s->nll);
    lb_text_stream_free(&s->stream);
    lb_cache_free(s->cache);
    *s = (sequence){0};
}

static lobass_status sequence_make(generator *g, sequence *s, const lb_prompt *prompt,
                                   lobass_error *error)
{
    const bool is_wanted =
        g->sink->wants == NULL ||
        g->sink->wants(g->sink->context, prompt->response, prompt->response_size);
    const char *reason = is_wanted ? prompt->reason : "nobody asks for a text";
    s->row = g->prompts.n_read - 1;
    s->source = (uint32_t)g->prompts.source;
    s->record = g->prompts.record;
    LB_TRY(lb_buffer_append(&s->prompt, prompt->text, prompt->size, error));
    if (prompt->response != NULL)
    {
        s->response = lb_copy_text(prompt->response, prompt->response_size, error);
        s->response_size = prompt->response_size;
        LB_TRY(s->response == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK);
    }
    if (reason != NULL)
    {
        s->is_done = true;
        g->result->n_refused += is_wanted;
        s->reason = lb_copy_text(reason, strlen(reason), error);
        return s->reason == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    }
    LB_TRY(lb_ids_append_list(&s->ids, prompt->ids, prompt->n_ids, error));
    s->n_prompt = prompt->n_ids;
    s->stream.is_beginning = prompt->size == 0;
    const size_t left = g->model->config.max_length - s->n_prompt;
    /* The last token that is chosen is never taken in. */
    s->capacity = s->n_prompt + (left < g->max_tokens ? left : g->max_tokens) - 1;
    const uint64_t key[] = {s->row};
    lb_random_init(&s->random, lb_hash_bytes(key, sizeof key, g->options->seed).low);
    return LOBASS_OK;
}

/* Reads the next prompt into the ring. */
static lobass_status prompt_read(generator *g, lobass_error *error)
{
    lb_prompt prompt;
    bool has_prompt = false;
    LB_TRY(lb_prompts_next(&g->prompts, &prompt, &has_prompt, error));
    g->is_read = !has_prompt;
    if (!has_prompt)
    {
        return LOBASS_OK;
    }
    if (prompt.reason != NULL && g->options->prompt != NULL)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "%s", prompt.reason);
    }
    g->result->n_prompts++;
    return sequence_make(g, held(g, g->n_held++), &prompt, error);
}

/* Whether S may run beside the others; then it does. */
static lobass_status start(generator *g, sequence *s, bool *has_room, lobass_error *error)
{
    const size_t size_bytes = lb_cache_bytes(&g->model->config, s->capacity);
    *has_room = g->n_running == 0 || (g->n_running < g->options->batch_size &&
                                      size_bytes <= CACHE_BYTES_MOST - g->cache_bytes);
    if (!*has_room)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_cache_create(&s->cache, &g->model->config, s->capacity, error));
    g->cache_bytes += size_bytes < CACHE_BYTES_MOST - g->cache_bytes
                          ? size_bytes
                          : CACHE_BYTES_MOST - g->cache_bytes;
    g->n_running++;
    g->result->n_prompt_tokens += s->n_prompt;
    return LOBASS_OK;
}

/* Reads and starts prompts while there is room. At most the last one read waits. */
static lobass_status admit(generator *g, lobass_error *error)
{
    bool has_room = true;
    while (has_room)
    {
        sequence *last = g->n_held == 0 ? NULL : held(g, g->n_held - 1);
        if (last != NULL && !last->is_done && last->cache == NULL)
        {
            LB_TRY(start(g, last, &has_room, error));
        }
        else
        {
            has_room =
                !g->is_read && g->n_held < g->n_ring && g->n_running < g->options->batch_size;
            LB_TRY(has_room ? prompt_read(g, error) : LOBASS_OK);
        }
    }
    return LOBASS_OK;
}

/* ---- text --------------------------------------------------------------------------------------
 */

static lobass_status show(const generator *g, sequence *s, lobass_error *error)
{
    const lb_buffer *text = &s->stream.text;
    const size_t n_new = text->size - s->n_shown;
    const bool goes_on = n_new == 0 || g->sink->more == NULL ||
                         g->sink->more(g->sink->context, s->row, text->data + s->n_shown, n_new);
    s->n_shown = text->size;
    return goes_on ? LOBASS_OK : lb_fail(error, LOBASS_CANCELLED, "generate: stopped");
}

static lobass_status finish(generator *g, sequence *s, lobass_stop stop, lobass_error *error)
{
    s->is_done = true;
    s->stop = stop;
    lb_cache_free(s->cache);
    s->cache = NULL;
    const size_t size_bytes = lb_cache_bytes(&g->model->config, s->capacity);
    g->cache_bytes -= size_bytes < g->cache_bytes ? size_bytes : g->cache_bytes;
    g->n_running--;
    LB_TRY(lb_text_stream_end(&s->stream, error));
    return show(g, s, error);
}

static lobass_status choose(generator *g, sequence *s, const float *logits, lobass_error *error)
{
    const size_t n_vocabulary = g->model->config.n_vocabulary;
    const size_t n_chosen = s->ids.count - s->n_prompt;
    const double uniform = g->sampling.temperature > 0 ? lb_random_uniform(&s->random) : 0.0;
    int32_t id = 0;
    void *nll = s->nll;
    const lobass_status status =
        lb_list_reserve(&nll, &s->nll_capacity, n_chosen + 1, sizeof *s->nll, error);
    s->nll = nll;
    LB_TRY(status);
    LB_TRY(lb_sample(&id, &s->nll[n_chosen], &g->sampling, logits, n_vocabulary, g->n_known,
                     uniform, g->candidates, error));
    LB_TRY(lb_ids_append(&s->ids, id, error));
    g->result->n_tokens++;
    if (lb_ids_contain(&g->stops, id))
    {
        /* One that is a piece of text, a full stop, say, is part of what was written. */
        LB_TRY(lb_tokenizer_is_special(g->tokenizer, id)
                   ? LOBASS_OK
                   : lb_text_stream_add(&s->stream, g->tokenizer, id, error));
        return finish(g, s, LOBASS_STOP_END, error);
    }
    LB_TRY(lb_text_stream_add(&s->stream, g->tokenizer, id, error));
    LB_TRY(show(g, s, error));
    if (n_chosen + 1 == g->max_tokens)
    {
        return finish(g, s, LOBASS_STOP_LENGTH, error);
    }
    return s->ids.count == g->model->config.max_length ? finish(g, s, LOBASS_STOP_CONTEXT, error)
                                                       : LOBASS_OK;
}

/* Hands out those that are done and have nothing before them. */
static lobass_status hand_out(generator *g, lobass_error *error)
{
    while (g->n_held > 0 && held(g, 0)->is_done)
    {
        sequence *s = held(g, 0);
        const lb_buffer *text = &s->stream.text;
        const lobass_generation generation = {.row = s->row,
                                              .source = s->source,
                                              .record = s->record,
                                              .response = s->response,
                                              .response_size = s->response_size,
                                              .reason = s->reason,
                                              .prompt = s->prompt.data,
                                              .prompt_size = s->prompt.size,
                                              .n_prompt_tokens = s->n_prompt,
                                              .text = text->data == NULL ? "" : text->data,
                                              .text_size = text->size,
                                              .n_tokens = s->ids.count - s->n_prompt,
                                              .ids = s->ids.values + s->n_prompt,
                                              .nll = s->nll,
                                              .stop = s->stop};
        const bool goes_on = g->sink->done == NULL || g->sink->done(g->sink->context, &generation);
        sequence_free(s);
        g->first = (g->first + 1) % g->n_ring;
        g->n_held--;
        if (!goes_on)
        {
            return lb_fail(error, LOBASS_CANCELLED, "generate: stopped");
        }
    }
    return LOBASS_OK;
}

/* ---- steps -------------------------------------------------------------------------------------
 */

/* Every sequence that runs gets a token of the step, and what is left goes to those that have more
 * waiting, in order. */
static void batch_make(generator *g, lb_batch *batch)
{
    size_t n_spare = STEP_TOKENS - g->n_running;
    *batch = (lb_batch){.ids = g->ids, .starts = g->starts};
    g->starts[0] = 0;
    for (size_t i = 0; i < g->n_held; i++)
    {
        sequence *s = held(g, i);
        if (s->cache == NULL)
        {
            continue;
        }
        const size_t n_more = s->ids.count - s->n_seen - 1;
        const size_t n_new = 1 + (n_more < n_spare ? n_more : n_spare);
        n_spare -= n_new - 1;
        memcpy(g->ids + batch->n_tokens, s->ids.values + s->n_seen, n_new * sizeof *g->ids);
        batch->n_tokens += n_new;
        s->n_seen += n_new;
        g->taking[batch->n_sequences] = s;
        g->caches[batch->n_sequences++] = s->cache;
        g->starts[batch->n_sequences] = (uint32_t)batch->n_tokens;
    }
}

static lobass_status step(generator *g, lobass_error *error)
{
    const size_t n_vocabulary = g->model->config.n_vocabulary;
    lb_batch batch;
    batch_make(g, &batch);
    LB_TRY(lb_decoder_next(g->decoder, &batch, g->caches, g->logits, error));
    for (size_t i = 0; i < batch.n_sequences; i++)
    {
        sequence *s = g->taking[i];
        if (s->n_seen == s->ids.count)
        {
            LB_TRY(choose(g, s, g->logits + i * n_vocabulary, error));
        }
    }
    LB_TRY(hand_out(g, error));
    return lb_stage_advance(&g->stage, g->result->n_prompts - g->n_held, batch.n_tokens, NAN,
                            error);
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

static lobass_status check_options(const lobass_generate_options *options, lobass_error *error)
{
    if (options->model == NULL || (options->prompt == NULL) == (options->n_data == 0))
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "generate: expected a model, and a prompt or data files");
    }
    if (!(options->temperature >= 0 && isfinite(options->temperature)) ||
        !(options->top_p > 0 && options->top_p <= 1))
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "generate: expected a temperature of 0 or more and a top_p in (0, 1]; found "
                       "%g and %g",
                       options->temperature, options->top_p);
    }
    if (options->batch_size == 0 || options->batch_size > BATCH_SIZE_MOST)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "generate: expected a batch size from 1 to %d, found %u", BATCH_SIZE_MOST,
                       (unsigned)options->batch_size);
    }
    return LOBASS_OK;
}

static lobass_status model_open(generator *g, const lobass_observer *observer, lobass_error *error)
{
    const lobass_generate_options *options = g->options;
    lb_dtype dtype;
    LB_TRY(lb_compute_dtype_choose(&dtype, options->dtype, error));
    LB_TRY(lobass_tokenizer_load(&g->tokenizer, options->model, error));
    LB_TRY(lb_compute_create(&g->compute, options->n_threads, error));
    LB_TRY(lb_model_load(&g->model, options->model, dtype, LB_MODEL_SCORE_PACKED, error));
    if (options->adapter != NULL)
    {
        LB_TRY(lb_lora_load(g->model, options->adapter, dtype, error));
    }
    const size_t n_pieces = lobass_tokenizer_count(g->tokenizer);
    g->n_known =
        n_pieces < g->model->config.n_vocabulary ? n_pieces : g->model->config.n_vocabulary;
    LB_TRY(lb_stop_tokens_load(&g->stops, g->tokenizer, options->model, error));
    if (g->stops.count == 0)
    {
        lb_observer_log(observer, LOBASS_LOG_WARNING,
                        "neither tokenizer, generation_config.json nor config.json names an end "
                        "token (eos): a text ends "
                        "only where there is no more room for it");
    }
    LB_TRY(lb_prompts_open(&g->prompts, options, g->tokenizer, &g->model->config, observer, error));
    return lb_decoder_create(&g->decoder, g->model, g->compute, STEP_TOKENS, LB_DECODER_SCORE,
                             error);
}

static lobass_status memory_make(generator *g, lobass_error *error)
{
    const size_t batch_size = g->options->batch_size;
    const size_t n_vocabulary = g->model->config.n_vocabulary;
    size_t n_logits = 0;
    if (!lb_size_multiply(batch_size, n_vocabulary, &n_logits))
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    g->n_ring = N_WINDOWS * batch_size;
    g->ring = lb_alloc(g->n_ring, sizeof *g->ring, error);
    g->taking = lb_alloc(batch_size, sizeof(sequence *), error);
    g->caches = lb_alloc(batch_size, sizeof(lb_cache *), error);
    g->starts = lb_alloc(batch_size + 1, sizeof *g->starts, error);
    g->ids = lb_alloc(STEP_TOKENS, sizeof *g->ids, error);
    g->logits = lb_alloc(n_logits, sizeof *g->logits, error);
    g->candidates = lb_alloc(n_vocabulary, sizeof *g->candidates, error);
    return g->ring == NULL || g->taking == NULL || g->caches == NULL || g->starts == NULL ||
                   g->ids == NULL || g->logits == NULL || g->candidates == NULL
               ? LOBASS_OUT_OF_MEMORY
               : LOBASS_OK;
}

static lobass_status generate(generator *g, const lobass_observer *observer, lobass_error *error)
{
    const double began_seconds = lb_clock_seconds();
    LB_TRY(check_options(g->options, error));
    g->max_tokens = g->options->max_tokens == 0 ? SIZE_MAX : g->options->max_tokens;
    g->sampling = (lb_sampling){g->options->temperature, g->options->top_k, g->options->top_p};
    LB_TRY(model_open(g, observer, error));
    LB_TRY(memory_make(g, error));
    g->result->load_seconds = lb_clock_seconds() - began_seconds;
    lb_stage_begin(&g->stage, observer, "generate", "prompts", 0, g->options->prompt != NULL);
    while (g->n_running > 0 || !g->is_read)
    {
        LB_TRY(admit(g, error));
        LB_TRY(hand_out(g, error));
        LB_TRY(g->n_running > 0 ? step(g, error) : LOBASS_OK);
    }
    g->result->elapsed_seconds = lb_clock_seconds() - began_seconds;
    return lb_stage_end(&g->stage, error);
}

static void generator_free(generator *g)
{
    for (size_t i = 0; g->ring != NULL && i < g->n_held; i++)
    {
        sequence_free(held(g, i));
    }
    lb_ids_free(&g->stops);
    free(g->ring);
    free(g->taking);
    free(g->caches);
    free(g->starts);
    free(g->ids);
    free(g->logits);
    free(g->candidates);
    lb_prompts_close(&g->prompts);
    lb_decoder_free(g->decoder);
    lb_model_free(g->model);
    lb_compute_free(g->compute);
    lobass_tokenizer_free(g->tokenizer);
}

lobass_status lobass_generate(const lobass_generate_options *options,
                              const lobass_generate_sink *sink, const lobass_observer *observer,
                              lobass_generate_result *result, lobass_error *error)
{
    static const lobass_generate_sink nobody = {0};
    generator g = {.options = options, .sink = sink != NULL ? sink : &nobody, .result = result};
    *result = (lobass_generate_result){0};
    const lobass_status status = generate(&g, observer, error);
    generator_free(&g);
    return status;
}
