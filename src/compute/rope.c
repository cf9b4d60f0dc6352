/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary position embedding (Su et al. 2021) in Hugging Face's layout: within every head the pair
 * (x[i], x[i + s/2]) is rotated in place by the angle position * frequency[i]. Angles, cosines and
 * sines are computed in double and kept as a table in scratch memory.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compute/kernels.h"

enum
{
    FEWEST_POSITIONS = 512 /* of a table; it grows by doubling */
};

typedef struct rope
{
    const lb_rope_table *table;
    float *x;
    const uint32_t *positions;
    const float *frequencies; /* [n_pairs] */
    size_t n, n_heads, n_pairs, tokens_per_chunk;
    float sign; /* of the angle: -1 in the backward */
} rope;

void lb_rope_table_free(lb_rope_table *table)
{
    free(table->frequencies);
    free(table->cosine);
    free(table->sine);
    memset(table, 0, sizeof *table);
}

static bool table_covers(const lb_rope_table *table, const float *frequencies, size_t n_pairs,
                         size_t n_positions)
{
    return table->n_pairs == n_pairs && table->n_positions >= n_positions &&
           memcmp(table->frequencies, frequencies, n_pairs * sizeof *frequencies) == 0;
}

/* The table covers these frequencies and positions, made anew where it must be. */
static lobass_status table_prepare(lb_rope_table *table, const float *frequencies, size_t n_pairs,
                                   size_t n_positions, lobass_error *error)
{
    if (table_covers(table, frequencies, n_pairs, n_positions))
    {
        return LOBASS_OK;
    }
    lb_rope_table_free(table);
    size_t room = FEWEST_POSITIONS;
    while (room < n_positions)
    {
        room *= 2;
    }
    size_t count = 0;
    if (!lb_size_multiply(room, n_pairs, &count))
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    table->frequencies = (float *)lb_alloc(n_pairs, sizeof(float), error);
    table->cosine = (float *)lb_alloc(count, sizeof(float), error);
    table->sine = (float *)lb_alloc(count, sizeof(float), error);
    if (table->frequencies == NULL || table->cosine == NULL || table->sine == NULL)
    {
        lb_rope_table_free(table);
        return LOBASS_OUT_OF_MEMORY;
    }
    memcpy(table->frequencies, frequencies, n_pairs * sizeof *frequencies);
    table->n_pairs = n_pairs;
    table->n_positions = room;
    for (size_t i = 0; i < count; i++)
    {
        const size_t position = i / n_pairs;
        const double angle = (double)position * (double)frequencies[i % n_pairs];
        table->cosine[i] = (float)cos(angle);
        table->sine[i] = (float)sin(angle);
    }
    return LOBASS_OK;
}

/* (a, b) <- (a cos - b sin, a sin + b cos) for every pair of every head of one token. */
static void rotate(const rope *r, float *x, const float *cosine, const float *sine)
{
    for (size_t head = 0; head < r->n_heads; head++)
    {
        float *restrict a = x + head * 2 * r->n_pairs;
        float *restrict b = a + r->n_pairs;
        for (size_t i = 0; i < r->n_pairs; i++)
        {
            const float from_a = a[i];
            const float from_b = b[i];
            const float s = r->sign * sine[i];
            a[i] = from_a * cosine[i] - from_b * s;
            b[i] = from_a * s + from_b * cosine[i];
        }
    }
}

static void rope_chunk(void *context, size_t chunk, unsigned worker)
{
    const rope *r = (const rope *)context;
    (void)worker;
    const size_t last = lb_min(r->n, (chunk + 1) * r->tokens_per_chunk);
    for (size_t token = chunk * r->tokens_per_chunk; token < last; token++)
    {
        const size_t row = r->positions[token] * r->n_pairs;
        rotate(r, r->x + token * r->n_heads * 2 * r->n_pairs, r->table->cosine + row,
               r->table->sine + row);
    }
}

static lobass_status rope_run(lb_compute *c, rope *r, lobass_error *error)
{
    uint32_t furthest = 0;
    for (size_t i = 0; i < r->n; i++)
    {
        furthest = r->positions[i] > furthest ? r->positions[i] : furthest;
    }
    r->tokens_per_chunk = LB_ELEMENT_BLOCK / (r->n_heads * 2 * r->n_pairs + 1) + 1;
    r->table = &c->scratch->rope;
    LB_TRY(
        table_prepare(&c->scratch->rope, r->frequencies, r->n_pairs, (size_t)furthest + 1, error));
    lb_pool_run(c->pool, lb_blocks(r->n, r->tokens_per_chunk), rope_chunk, r);
    return LOBASS_OK;
}

lobass_status lb_rope_forward(lb_compute *c, float *x, const uint32_t *positions, size_t n,
                              const float *frequencies, size_t n_heads, size_t head_size,
                              lobass_error *error)
{
    rope r = {.x = x,
              .positions = positions,
              .frequencies = frequencies,
              .n = n,
              .n_heads = n_heads,
              .n_pairs = head_size / 2,
              .sign = 1.0F};
    return rope_run(c, &r, error);
}

/* A rotation is orthogonal: the gradient is rotated back, by the negative angle, in place. */
lobass_status lb_rope_backward(lb_compute *c, float *grad_x, const uint32_t *positions, size_t n,
                               const float *frequencies, size_t n_heads, size_t head_size,
                               lobass_error *error)
{
    rope r = {.x = grad_x,
              .positions = positions,
              .frequencies = frequencies,
              .n = n,
              .n_heads = n_heads,
              .n_pairs = head_size / 2,
              .sign = -1.0F};
    return rope_run(c, &r, error);
}
