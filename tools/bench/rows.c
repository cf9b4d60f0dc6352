/* SPDX-License-Identifier: Apache-2.0
 *
 * What is benched: named shapes of well-known models, and rows of random ids with lengths like
 * those of Alpaca: their quantiles, taken in the order of the golden ratio's multiples, so that few
 * rows already have the mix of many, and every pack the same one.
 */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN_RATIO 0.61803398874989485
#define RESPONSE_SHARE 0.55 /* of a row's tokens, there too */

/* Tokens of 13,349 rows of Alpaca (its template, Llama 3's tokenizer, cut at 512): the shortest and
 * every twentieth of them. Straight lines between give a mean of 108. */
/* clang-format off */
static const double quantiles[] = {
    LB_BENCH_ROW_LEAST, 47, 52, 57, 61, 64, 68, 72, 77, 83, 89,
    97, 105, 112, 120, 128, 138, 150, 169, 200, LB_BENCH_ROW_MOST};
/* clang-format on */

typedef struct shape
{
    const char *name;
    size_t n_layers, d_model, d_ffn, n_heads, n_kv_heads, n_vocabulary;
    bool has_tied_head;
    size_t pack_tokens;
} shape;

static const shape shapes[] = {
    {"stories-15m", 6, 288, 768, 6, 6, 32000, true, LB_SCORE_PACK_TOKENS},
    {"smollm-135m", 30, 576, 1536, 9, 3, 49152, true, LB_SCORE_PACK_TOKENS},
    {"tinyllama-1.1b", 22, 2048, 5632, 32, 4, 32000, false, 1024},
    {"llama-7b", 32, 4096, 11008, 32, 32, 32000, false, 512},
};
#define N_SHAPES (sizeof shapes / sizeof shapes[0])

const char *lb_bench_shape_name(size_t index)
{
    return index < N_SHAPES ? shapes[index].name : NULL;
}

static lobass_status fail_shape(const char *name, lobass_error *error)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < N_SHAPES; i++)
    {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ",
                                 shapes[i].name);
    }
    return lb_fail(error, LOBASS_BAD_ARGUMENT, "shape \"%.100s\": expected one of %s", name, names);
}

lobass_status lb_bench_shape_find(lb_config *config, size_t *pack_tokens, const char *name,
                                  lobass_error *error)
{
    const shape *found = NULL;
    for (size_t i = 0; i < N_SHAPES && name != NULL; i++)
    {
        found = strcmp(shapes[i].name, name) == 0 ? &shapes[i] : found;
    }
    if (found == NULL)
    {
        return fail_shape(name == NULL ? "" : name, error);
    }
    *config = (lb_config){.family = lb_architecture_find("LlamaForCausalLM"),
                          .n_layers = found->n_layers,
                          .d_model = found->d_model,
                          .d_ffn = found->d_ffn,
                          .n_heads = found->n_heads,
                          .n_kv_heads = found->n_kv_heads,
                          .head_size = found->d_model / found->n_heads,
                          .n_vocabulary = found->n_vocabulary,
                          .max_length = 2048,
                          .norm_epsilon = 1e-5F,
                          .initializer_range = 0.02,
                          .has_tied_head = found->has_tied_head,
                          .rope_theta = 10000,
                          .rope_factor = 1,
                          .eos = -1};
    *pack_tokens = found->pack_tokens;
    return LOBASS_OK;
}

void lb_bench_count(const lb_config *config, lb_dtype dtype, uint64_t *n_parameters,
                    uint64_t *n_bytes)
{
    const uint64_t d = config->d_model;
    const uint64_t attention = 2 * (config->n_heads + config->n_kv_heads) * config->head_size * d;
    const uint64_t heads = config->has_tied_head ? 1 : 2;
    const uint64_t in_matrices =
        config->n_layers * (attention + 3 * d * config->d_ffn) + heads * config->n_vocabulary * d;
    const uint64_t in_norms = (2 * config->n_layers + 1) * d;
    *n_parameters = in_matrices + in_norms;
    *n_bytes = in_matrices * lb_dtype_size(dtype) + in_norms * sizeof(float);
}

/* ---- rows ------------------------------------------------------------------------------------ */

lobass_status lb_bench_rows_create(lb_bench_rows *rows, const lb_bench *bench, lobass_error *error)
{
    *rows = (lb_bench_rows){.n_vocabulary = bench->config.n_vocabulary,
                            .is_response_only = bench->options->is_response_only};
    lb_random_init(&rows->random, bench->options->seed);
    rows->place = lb_random_uniform(&rows->random);
    rows->ids = lb_alloc(LB_BENCH_ROW_MOST, sizeof *rows->ids, error);
    rows->flags =
        rows->ids == NULL ? NULL : lb_alloc(LB_BENCH_ROW_MOST, sizeof *rows->flags, error);
    return rows->flags == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

void lb_bench_rows_free(lb_bench_rows *rows)
{
    free(rows->ids);
    free(rows->flags);
    *rows = (lb_bench_rows){0};
}

static size_t next_length(lb_bench_rows *rows)
{
    rows->place += GOLDEN_RATIO;
    rows->place -= floor(rows->place);
    const size_t n_parts = sizeof quantiles / sizeof quantiles[0] - 1;
    const double at = rows->place * (double)n_parts;
    const size_t part = (size_t)at;
    return (size_t)(quantiles[part] + (at - floor(at)) * (quantiles[part + 1] - quantiles[part]));
}

lobass_status lb_bench_rows_pack(lb_bench_rows *rows, lb_batch_builder *builder, size_t max_tokens,
                                 lobass_error *error)
{
    lb_batch_builder_reset(builder);
    while (builder->batch.n_tokens + LB_BENCH_ROW_LEAST <= max_tokens)
    {
        const size_t n_left = max_tokens - builder->batch.n_tokens;
        const size_t wanted = next_length(rows);
        const size_t length = wanted < n_left ? wanted : n_left;
        const size_t n_response = (size_t)lround(RESPONSE_SHARE * (double)length);
        const size_t first_scored = rows->is_response_only ? length - n_response : 1;
        for (size_t i = 0; i < length; i++)
        {
            rows->ids[i] = (int32_t)lb_random_below(&rows->random, rows->n_vocabulary);
            rows->flags[i] = i >= first_scored ? LOBASS_TOKEN_SCORED : 0;
        }
        LB_TRY(lb_batch_builder_add(builder, rows->ids, rows->flags, length, error));
    }
    return LOBASS_OK;
}

/* ---- packs ----------------------------------------------------------------------------------- */

static lobass_status packs_fill(lb_bench_packs *packs, lb_bench_rows *rows, size_t wanted,
                                lobass_error *error)
{
    packs->builders = lb_alloc(wanted, sizeof *packs->builders, error);
    if (packs->builders == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    while (packs->count < wanted)
    {
        lb_batch_builder *builder = &packs->builders[packs->count++];
        LB_TRY(lb_bench_rows_pack(rows, builder, packs->max_tokens, error));
        packs->n_rows += builder->batch.n_sequences;
        packs->n_tokens += builder->batch.n_tokens;
        packs->n_scored += builder->batch.n_scored;
    }
    return LOBASS_OK;
}

lobass_status lb_bench_packs_create(lb_bench_packs *packs, const lb_bench *bench, unsigned part,
                                    lobass_error *error)
{
    const size_t most = lb_train_pack_tokens(&bench->config);
    const size_t n_cuts = (bench->pack_tokens + most - 1) / most;
    const bool is_training = part == LB_BENCH_TRAIN;
    lb_bench_rows rows;
    *packs = (lb_bench_packs){.max_tokens = bench->pack_tokens / (is_training ? n_cuts : 1)};
    lobass_status status = lb_bench_rows_create(&rows, bench, error);
    if (status == LOBASS_OK)
    {
        status = packs_fill(packs, &rows, is_training ? n_cuts : bench->n_threads, error);
    }
    lb_bench_rows_free(&rows);
    return status;
}

void lb_bench_packs_free(lb_bench_packs *packs)
{
    for (size_t i = 0; i < packs->count; i++)
    {
        lb_batch_builder_free(&packs->builders[i]);
    }
    free(packs->builders);
    *packs = (lb_bench_packs){0};
}
