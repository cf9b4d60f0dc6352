/* SPDX-License-Identifier: Apache-2.0
 *
 * One table of cases of every differentiable operation, awkward shapes among them, and the data of
 * a case: random inputs, the same in double, upstream gradients, and room for results. The gradient
 * test, the comparison with a double computation and the thread test all walk this table.
 *
 * Canaries lie behind every array. grad_* start from a known value, to see that a backward adds.
 */
#ifndef OP_CASES_H
#define OP_CASES_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "compute/compute.h"

enum
{
    OP_MAX_INPUTS = 3,
    OP_MAX_SEQUENCES = 6,
    OP_CANARIES = 16
};

static const float op_canary = 12345.0F;
static const float op_grad_start = 0x1p-7F;

typedef struct op_kind op_kind;

typedef struct op_case
{
    const char *name;
    const op_kind *kind;
    size_t n;                         /* token rows; 0 where LENGTHS says it */
    size_t d, n_out;                  /* columns; outputs or words of the vocabulary */
    size_t h, g, s;                   /* heads */
    size_t lengths[OP_MAX_SEQUENCES]; /* of the sequences, 0 after the last */
    bool is_bf16, has_bias;
    double tolerance; /* relative, of gradients; 0 for the usual */
} op_case;

typedef struct op_array
{
    const char *name; /* NULL: not used */
    size_t count;
    double spread;    /* of the random values */
    bool is_bf16;     /* values are made such that bf16 holds them */
    bool is_written;  /* the backward writes instead of adding */
    bool has_no_grad; /* the backward gives none */
    float *value;
    double *exact;
    float *grad;
} op_array;

typedef struct op_data
{
    const op_case *c;
    op_array in[OP_MAX_INPUTS];
    op_array out;
    float *saved; /* what the forward leaves for the backward: [n_saved] */
    size_t n_saved;
    size_t n; /* token rows */
    int32_t *ids;
    uint32_t *positions; /* [n] */
    uint32_t starts[OP_MAX_SEQUENCES + 1];
    lb_batch batch;
    uint16_t *bf16;
    lb_matrix matrix;
    float frequencies[64];
} op_data;

struct op_kind
{
    const char *name;
    void (*describe)(op_data *data); /* names and counts of the arrays */
    lobass_status (*forward)(lb_compute *c, op_data *data);
    lobass_status (*backward)(lb_compute *c, op_data *data);
    void (*reference)(const op_data *data, double *out); /* from in[].exact */
};

static inline float op_bf16_rounded(float x)
{
    return lb_float_from_bf16(lb_bf16_from_float(x));
}

static inline void *op_alloc(size_t count, size_t element_bytes)
{
    void *memory = lb_alloc(count, element_bytes, NULL);
    if (memory == NULL)
    {
        abort();
    }
    return memory;
}

static inline void op_array_make(op_array *a, lb_random *random)
{
    const size_t size = a->count + OP_CANARIES;
    a->value = (float *)op_alloc(size, sizeof(float));
    a->grad = (float *)op_alloc(size, sizeof(float));
    a->exact = (double *)op_alloc(size, sizeof(double));
    for (size_t i = 0; i < size; i++)
    {
        float value = (float)(a->spread * lb_random_normal(random));
        if (a->is_bf16)
        {
            value = op_bf16_rounded(value);
        }
        a->value[i] = i < a->count ? value : op_canary;
        a->exact[i] = (double)a->value[i];
        a->grad[i] = i < a->count ? op_grad_start : op_canary;
    }
}

/* Results start as NaN; in out.grad lies the upstream gradient. */
static inline void op_out_make(op_array *out, lb_random *random)
{
    op_array_make(out, random);
    for (size_t i = 0; i < out->count; i++)
    {
        const float value = (float)lb_random_normal(random);
        out->grad[i] = out->is_bf16 ? op_bf16_rounded(value) : value;
        out->value[i] = NAN;
    }
}

static inline void op_batch_make(op_data *data)
{
    size_t n_sequences = 0;
    while (n_sequences < OP_MAX_SEQUENCES && data->c->lengths[n_sequences] > 0)
    {
        data->starts[n_sequences + 1] =
            data->starts[n_sequences] + (uint32_t)data->c->lengths[n_sequences];
        n_sequences++;
    }
    data->n = n_sequences > 0 ? data->starts[n_sequences] : data->c->n;
    data->batch = (lb_batch){
        .n_tokens = data->n, .ids = data->ids, .n_sequences = n_sequences, .starts = data->starts};
}

static inline op_data *op_data_make(const op_case *c, uint64_t seed)
{
    op_data *data = (op_data *)op_alloc(1, sizeof *data);
    lb_random random;
    lb_random_init(&random, seed);
    data->c = c;
    op_batch_make(data);
    data->ids = (int32_t *)op_alloc(data->n, sizeof *data->ids);
    data->positions = (uint32_t *)op_alloc(data->n, sizeof *data->positions);
    for (size_t i = 0; i < data->n; i++)
    {
        data->ids[i] = (int32_t)lb_random_below(&random, c->n_out > 0 ? c->n_out : 1);
    }
    data->batch.ids = data->ids;
    for (size_t i = 0; i < c->s / 2; i++)
    {
        data->frequencies[i] = (float)pow(10000.0, -2.0 * (double)i / (double)c->s);
    }
    c->kind->describe(data);
    for (size_t i = 0; i < OP_MAX_INPUTS && data->in[i].name != NULL; i++)
    {
        op_array_make(&data->in[i], &random);
    }
    op_out_make(&data->out, &random);
    data->saved = (float *)op_alloc(data->n_saved + OP_CANARIES, sizeof(float));
    return data;
}

static inline void op_data_free(op_data *data)
{
    for (size_t i = 0; i < OP_MAX_INPUTS; i++)
    {
        free(data->in[i].value);
        free(data->in[i].exact);
        free(data->in[i].grad);
    }
    free(data->out.value);
    free(data->out.exact);
    free(data->out.grad);
    free(data->saved);
    free(data->ids);
    free(data->positions);
    free(data->bf16);
    free(data);
}

/* in[INDEX] as the weights of a product; rounded once, so that a call can be timed. */
static inline const lb_matrix *op_matrix(op_data *data, size_t index, size_t n_out, size_t n_in)
{
    data->matrix = (lb_matrix){.n_out = n_out, .n_in = n_in, .fp32 = data->in[index].value};
    if (data->c->is_bf16)
    {
        const size_t n_due = data->bf16 == NULL ? n_out * n_in : 0;
        if (data->bf16 == NULL)
        {
            data->bf16 = (uint16_t *)op_alloc(n_out * n_in, sizeof *data->bf16);
        }
        for (size_t i = 0; i < n_due; i++)
        {
            data->bf16[i] = lb_bf16_from_float(data->in[index].value[i]);
        }
        data->matrix.fp32 = NULL;
        data->matrix.bf16 = data->bf16;
    }
    return &data->matrix;
}

/* The values behind an array are as they were. */
static inline bool op_canaries_live(const op_array *a)
{
    for (size_t i = a->count; i < a->count + OP_CANARIES; i++)
    {
        if (a->value[i] != op_canary || a->grad[i] != op_canary)
        {
            return false;
        }
    }
    return true;
}

extern const op_kind op_linear, op_embedding, op_rms_norm, op_rope, op_attention, op_swiglu, op_add,
    op_cross_entropy;

/* clang-format off */
static const op_case op_cases[] = {
    {"linear 1x1 of 1",         &op_linear, .n = 1,   .d = 1,    .n_out = 1,   .has_bias = true},
    {"linear one row",          &op_linear, .n = 1,   .d = 33,   .n_out = 70,  .has_bias = true},
    {"linear no rows",          &op_linear, .n = 0,   .d = 8,    .n_out = 8,   .has_bias = true},
    {"linear no bias",          &op_linear, .n = 5,   .d = 7,    .n_out = 3},
    {"linear two row blocks",   &op_linear, .n = 259, .d = 24,   .n_out = 40,  .has_bias = true},
    {"linear wide",             &op_linear, .n = 9,   .d = 16,   .n_out = 2070},
    {"linear deep",             &op_linear, .n = 31,  .d = 1100, .n_out = 65,  .has_bias = true},
    {"linear model",            &op_linear, .n = 200, .d = 64,   .n_out = 172},
    {"linear bf16 one row",     &op_linear, .n = 1,   .d = 64,   .n_out = 96,
     .is_bf16 = true, .has_bias = true},
    {"linear bf16 odd",         &op_linear, .n = 37,  .d = 31,   .n_out = 45,  .is_bf16 = true},
    {"linear bf16 blocks",      &op_linear, .n = 300, .d = 48,   .n_out = 80,
     .is_bf16 = true, .has_bias = true},
    {"linear bf16 wide",        &op_linear, .n = 20,  .d = 32,   .n_out = 1100,.is_bf16 = true},
    {"linear bf16 many rows",   &op_linear, .n = 1030,.d = 17,   .n_out = 8,   .is_bf16 = true},
    {"embedding one",           &op_embedding, .n = 1,   .d = 5,   .n_out = 3},
    {"embedding repeats",       &op_embedding, .n = 300, .d = 70,  .n_out = 11},
    {"embedding bf16",          &op_embedding, .n = 40,  .d = 130, .n_out = 17, .is_bf16 = true},
    {"rms norm one value",      &op_rms_norm, .n = 1,   .d = 1},
    {"rms norm one row",        &op_rms_norm, .n = 1,   .d = 67},
    {"rms norm rows",           &op_rms_norm, .n = 300, .d = 130},
    {"rope",                    &op_rope, .h = 3, .s = 8,  .lengths = {5, 1, 40}},
    {"rope one pair",           &op_rope, .h = 1, .s = 2,  .lengths = {1}},
    {"rope long",               &op_rope, .h = 9, .s = 64, .lengths = {70, 1, 90}},
    {"attention one token",     &op_attention, .h = 2, .g = 1, .s = 4,  .lengths = {1}},
    {"attention heads shared",  &op_attention, .h = 6, .g = 2, .s = 8,  .lengths = {3, 1, 17, 2}},
    {"attention h == g",        &op_attention, .h = 3, .g = 3, .s = 16, .lengths = {64, 65}},
    {"attention g == 1",        &op_attention, .h = 4, .g = 1, .s = 10, .lengths = {30, 128}},
    {"attention blocks",        &op_attention, .h = 2, .g = 1, .s = 6,  .lengths = {129, 1, 200}},
    {"attention long",          &op_attention, .h = 2, .g = 2, .s = 32, .lengths = {300}},
    {"swiglu one",              &op_swiglu, .n = 1,  .d = 1},
    {"swiglu",                  &op_swiglu, .n = 130, .d = 172},
    {"add",                     &op_add, .n = 100, .d = 333},
    {"cross entropy one word",  &op_cross_entropy, .n = 2,   .d = 3,  .n_out = 1},
    {"cross entropy one row",   &op_cross_entropy, .n = 1,   .d = 9,  .n_out = 37},
    {"cross entropy none",      &op_cross_entropy, .n = 0,   .d = 9,  .n_out = 37},
    {"cross entropy parts",     &op_cross_entropy, .n = 6,   .d = 12, .n_out = 1543},
    {"cross entropy rows",      &op_cross_entropy, .n = 270, .d = 20, .n_out = 530},
    {"cross entropy long parts",&op_cross_entropy, .n = 3,   .d = 4,  .n_out = 16996},
    {"cross entropy stages",    &op_cross_entropy, .n = 260, .d = 3,  .n_out = 8700},
    {"cross entropy wide",      &op_cross_entropy, .n = 3,   .d = 600,.n_out = 70},
    {"cross entropy bf16",      &op_cross_entropy, .n = 35,  .d = 24, .n_out = 600,
     .is_bf16 = true, .tolerance = 2e-2},
    {"cross entropy bf16 rows", &op_cross_entropy, .n = 290, .d = 16, .n_out = 515,
     .is_bf16 = true, .tolerance = 2e-2},
};
/* clang-format on */

enum
{
    OP_N_CASES = sizeof op_cases / sizeof op_cases[0]
};

#endif
