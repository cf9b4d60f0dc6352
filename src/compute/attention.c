/* SPDX-License-Identifier: Apache-2.0
 *
 * Causal attention within each sequence and its parents: for query i of a head, over keys j <= i,
 *     p[i, j] = exp(scale q[i].k[j] - log_sum_exp[i]),  out[i] = sum_j p[i, j] v[j];
 * g key/value heads serve h query heads, h / g each. The gradient is in
 * attention_backward.c.
 *
 * A chunk is one sequence and one key/value head. Its keys and values, those of the parents first,
 * are packed as panels once for all the query heads they serve; then a few queries at a time meet
 * all the keys they see. Their scores lie as the rows of a left operand, so that the probabilities
 * they become are multiplied with the values where they are: only a tile's width of the matrix of
 * scores ever exists. A query's result depends on its own keys alone, in their order: not on the
 * queries beside it, nor on which tokens lie in a parent.
 *
 * A sequence that goes on from call to call keeps its panels: they have room for what comes, and a
 * call packs the keys and values of its own tokens alone.
 */
#include <math.h>
#include <string.h>

#include "compute/cpu/tile.h"

enum
{
    BLOCK = LB_TILE_DEPTH_BYTES / sizeof(float), /* keys, or values of a head, in a left block */
    STRIDE = LB_TILE_STRIDE / sizeof(float)
};

typedef struct attention
{
    struct lb_scratch *scratch;
    const lb_tile_kernel *kernel;
    lb_attention given;
} attention;

/* A worker's memory for one sequence and one key/value head. */
typedef struct workspace
{
    float *keys;   /* panels [room / LB_PANEL, s, LB_PANEL] */
    float *values; /* panels [s / LB_PANEL, room, LB_PANEL] */
    float *left;   /* [s / BLOCK][tile_rows, STRIDE]: queries */
    float *scores; /* [n_keys / BLOCK][tile_rows, STRIDE] */
    size_t n_keys; /* of the sequence with what comes before it */
    size_t room;   /* keys that the panels are made for */
} workspace;

static size_t longest_context(const lb_batch *batch)
{
    size_t longest = 0;
    for (size_t i = 0; i < batch->n_sequences; i++)
    {
        const size_t n = batch->starts[i + 1] - batch->starts[i] + lb_batch_offset(batch, i);
        longest = n > longest ? n : longest;
    }
    return longest;
}

/* Floats of the panels of one head, for ROOM keys. */
static size_t key_floats(size_t room, size_t s)
{
    return lb_round_up(room, LB_PANEL) * s;
}

static size_t value_floats(size_t room, size_t s)
{
    return lb_round_up(s, LB_PANEL) * room;
}

/* Bytes of a worker's memory; with WORK, its parts in MEMORY. */
static size_t carve(const attention *a, size_t n_keys, workspace *work, char *memory)
{
    const size_t block_floats = a->kernel->tile_rows * STRIDE;
    const size_t room = a->given.kept == NULL ? n_keys : 0;
    const size_t counts[] = {
        key_floats(room, a->given.shape.s), value_floats(room, a->given.shape.s),
        lb_blocks(a->given.shape.s, BLOCK) * block_floats, lb_blocks(n_keys, BLOCK) * block_floats};
    float **const parts[] = {&work->keys, &work->values, &work->left, &work->scores};
    size_t total = 0;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
    {
        if (memory != NULL)
        {
            *parts[i] = (float *)(void *)(memory + total);
        }
        lb_scratch_add(&total, counts[i], sizeof(float));
    }
    return total;
}

/* The keys and values of one sequence's own tokens, from key FIRST on. */
static void pack_own(const attention *a, workspace *work, size_t sequence, size_t kv_head,
                     size_t first)
{
    const size_t start = a->given.batch->starts[sequence];
    const size_t count = a->given.batch->starts[sequence + 1] - start;
    const float *k = a->given.k + (start * a->given.shape.g + kv_head) * a->given.shape.s;
    const float *v = a->given.v + (start * a->given.shape.g + kv_head) * a->given.shape.s;
    for (size_t i = 0; i < count; i++)
    {
        const size_t key = first + i;
        float *to = work->keys + key / LB_PANEL * LB_PANEL * a->given.shape.s + key % LB_PANEL;
        for (size_t j = 0; j < a->given.shape.s; j++)
        {
            to[j * LB_PANEL] = k[i * a->given.shape.g * a->given.shape.s + j];
        }
        for (size_t j = 0; j < a->given.shape.s; j += LB_PANEL)
        {
            const size_t n_columns = lb_min(LB_PANEL, a->given.shape.s - j);
            float *panel = work->values + j * work->room + key * LB_PANEL;
            memcpy(panel, v + i * a->given.shape.g * a->given.shape.s + j,
                   n_columns * sizeof *panel);
            memset(panel + n_columns, 0, (LB_PANEL - n_columns) * sizeof *panel);
        }
    }
}

/* The sequence's keys and values behind those of its parents. Key columns beyond the last are
 * computed with, and never looked at. */
static void pack_context(const attention *a, workspace *work, size_t sequence, size_t kv_head)
{
    size_t first = work->n_keys;
    work->room = work->n_keys;
    memset(work->keys + work->n_keys / LB_PANEL * LB_PANEL * a->given.shape.s, 0,
           (lb_round_up(work->n_keys, LB_PANEL) - work->n_keys / LB_PANEL * LB_PANEL) *
               a->given.shape.s * sizeof *work->keys);
    for (uint32_t at = (uint32_t)sequence; at != LB_NO_PARENT;
         at = lb_batch_parent(a->given.batch, at))
    {
        first -= a->given.batch->starts[at + 1] - a->given.batch->starts[at];
        pack_own(a, work, at, kv_head, first);
    }
}

/* The same where the panels stay: the sequence's own go behind those that are there. */
static void continue_context(const attention *a, workspace *work, size_t sequence, size_t kv_head)
{
    const lb_kept *kept = &a->given.kept[sequence];
    const size_t n_keys = key_floats(kept->capacity, a->given.shape.s);
    work->room = kept->capacity;
    work->keys = kept->memory + kv_head * (n_keys + value_floats(kept->capacity, a->given.shape.s));
    work->values = work->keys + n_keys;
    pack_own(a, work, sequence, kv_head, lb_batch_offset(a->given.batch, sequence));
}

/* scores[n_rows, n_keys] = left keys^T */
static void score(const attention *a, const workspace *work, size_t n_rows, size_t n_keys)
{
    const size_t block_floats = a->kernel->tile_rows * STRIDE;
    for (size_t key = 0; key < n_keys; key += LB_PANEL)
    {
        float *c = work->scores + key / BLOCK * block_floats + key % BLOCK;
        for (size_t j = 0; j < a->given.shape.s; j += BLOCK)
        {
            a->kernel->multiply(c, STRIDE, work->left + j / BLOCK * block_floats,
                                work->keys + key * a->given.shape.s + j * LB_PANEL,
                                lb_min(BLOCK, a->given.shape.s - j), n_rows, LB_PANEL, j > 0);
        }
    }
}

/* A row's first N_VISIBLE scores become exponentials below their maximum, the rest up to N_KEYS
 * zero; returns the sum and *MAXIMUM of the scaled scores. */
static double soften(const attention *a, float *row, size_t n_visible, size_t n_keys,
                     float *maximum)
{
    const lb_vector *vector = a->scratch->vector;
    const size_t block_floats = a->kernel->tile_rows * STRIDE;
    float largest = -INFINITY;
    double sum = 0.0;
    for (size_t key = 0; key < n_visible; key += BLOCK)
    {
        const float found =
            vector->maximum(row + key / BLOCK * block_floats, lb_min(BLOCK, n_visible - key));
        largest = found > largest ? found : largest;
    }
    *maximum = a->given.shape.scale * largest;
    for (size_t key = 0; key < n_keys; key += BLOCK)
    {
        float *block = row + key / BLOCK * block_floats;
        const size_t n_block = lb_min(BLOCK, n_keys - key);
        const size_t n_seen = key < n_visible ? lb_min(n_block, n_visible - key) : 0;
        sum += vector->exponential(block, block, a->given.shape.scale, *maximum, n_seen);
        memset(block + n_seen, 0, (n_block - n_seen) * sizeof *block);
    }
    return sum;
}

/* out[n_rows, s] = scores values */
static void gather(const attention *a, const workspace *work, float *out, size_t n_rows,
                   size_t n_keys)
{
    const size_t block_floats = a->kernel->tile_rows * STRIDE;
    for (size_t j = 0; j < a->given.shape.s; j += LB_PANEL)
    {
        for (size_t key = 0; key < n_keys; key += BLOCK)
        {
            a->kernel->multiply(out + j, a->given.shape.h * a->given.shape.s,
                                work->scores + key / BLOCK * block_floats,
                                work->values + j * work->room + key * LB_PANEL,
                                lb_min(BLOCK, n_keys - key), n_rows,
                                lb_min(LB_PANEL, a->given.shape.s - j), key > 0);
        }
    }
}

/* N_ROWS queries of one head: rows ROW and on of q, which see N_VISIBLE[i] keys. */
static void attend(const attention *a, const workspace *work, size_t row, size_t n_rows,
                   size_t head, const size_t *n_visible)
{
    const lb_tile_source source = {a->given.q + (row * a->given.shape.h + head) * a->given.shape.s,
                                   a->given.shape.h * a->given.shape.s, false, false};
    const size_t n_keys = n_visible[n_rows - 1];
    for (size_t j = 0; j < a->given.shape.s; j += BLOCK)
    {
        char *left = (char *)(work->left + j / BLOCK * a->kernel->tile_rows * STRIDE);
        lb_tile_pack_left(a->scratch->vector, left, &source, LB_TILE_FP32, 0, n_rows, j,
                          lb_min(BLOCK, a->given.shape.s - j));
    }
    score(a, work, n_rows, n_keys);
    float inverse[LB_MOST_TILE_ROWS];
    for (size_t i = 0; i < n_rows; i++)
    {
        float maximum = 0.0F;
        const double sum = soften(a, work->scores + i * STRIDE, n_visible[i], n_keys, &maximum);
        inverse[i] = (float)(1.0 / sum);
        a->given.log_sum_exp[(row + i) * a->given.shape.h + head] =
            (float)((double)maximum + log(sum));
    }
    float *out = a->given.out + (row * a->given.shape.h + head) * a->given.shape.s;
    gather(a, work, out, n_rows, n_keys);
    for (size_t i = 0; i < n_rows; i++)
    {
        for (size_t j = 0; j < a->given.shape.s; j++)
        {
            out[i * a->given.shape.h * a->given.shape.s + j] *= inverse[i];
        }
    }
}

/* The first query at or behind TOKEN. */
static size_t first_query(const attention *a, size_t token)
{
    if (a->given.queries == NULL)
    {
        return token;
    }
    size_t low = 0;
    size_t high = a->given.n_queries;
    while (low < high)
    {
        const size_t middle = low + (high - low) / 2;
        if (a->given.queries[middle] < token)
        {
            low = middle + 1;
        }
        else
        {
            high = middle;
        }
    }
    return low;
}

static void forward_chunk(void *context, size_t chunk, unsigned worker)
{
    const attention *a = (const attention *)context;
    const size_t sequence = chunk / a->given.shape.g;
    const size_t kv_head = chunk % a->given.shape.g;
    const size_t group = a->given.shape.h / a->given.shape.g;
    const size_t start = a->given.batch->starts[sequence];
    const size_t first = first_query(a, start);
    const size_t last = first_query(a, a->given.batch->starts[sequence + 1]);
    if (first == last && a->given.kept == NULL)
    {
        return;
    }
    const size_t n_before = lb_batch_offset(a->given.batch, sequence);
    workspace work = {.n_keys = n_before + a->given.batch->starts[sequence + 1] - start};
    (void)carve(a, work.n_keys, &work, (char *)lb_scratch_worker(a->scratch, worker));
    (a->given.kept == NULL ? pack_context : continue_context)(a, &work, sequence, kv_head);
    const size_t n_tiles = lb_blocks(last - first, a->kernel->tile_rows);
    for (size_t tile = 0; tile < n_tiles; tile++)
    {
        const size_t row = first + tile * (last - first) / n_tiles;
        const size_t n_rows = first + (tile + 1) * (last - first) / n_tiles - row;
        size_t n_visible[LB_MOST_TILE_ROWS] = {0};
        for (size_t i = 0; i < n_rows; i++)
        {
            const size_t token = a->given.queries == NULL ? row + i : a->given.queries[row + i];
            n_visible[i] = n_before + token - start + 1;
        }
        for (size_t head = kv_head * group; head < (kv_head + 1) * group; head++)
        {
            attend(a, &work, row, n_rows, head, n_visible);
        }
    }
}

float lb_attention_scale(size_t s)
{
    return (float)(1.0 / sqrt((double)s));
}

lobass_status lb_attention_forward(lb_compute *c, const lb_attention *given, lobass_error *error)
{
    attention a = {.scratch = c->scratch, .kernel = &c->scratch->tiles->fp32, .given = *given};
    workspace unused;
    LB_TRY(lb_scratch_reserve(c->scratch, carve(&a, longest_context(given->batch), &unused, NULL),
                              0, error));
    lb_pool_run(c->pool, given->batch->n_sequences * given->shape.g, forward_chunk, &a);
    return LOBASS_OK;
}

lobass_status lb_kept_count(size_t *count, size_t capacity, size_t g, size_t s, lobass_error *error)
{
    size_t a_head = 0;
    if (capacity > UINT32_MAX - LB_PANEL || s > UINT32_MAX - LB_PANEL ||
        !lb_size_add(key_floats(capacity, s), value_floats(capacity, s), &a_head) ||
        !lb_size_multiply(a_head, g, count))
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    return LOBASS_OK;
}
