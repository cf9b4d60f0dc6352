/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own products over the tiles of tile.h. One call is one product on one thread. For a slice of
 * the inner dimension the left operand is packed once; then, panel by panel of the right one
 * (packed here, or once and for all where weights are given as panels), the tiles of all rows go
 * over it while it is in cache.
 */
#include <stdlib.h>

#include "compute/cpu/tile.h"

enum
{
    MOST_ROWS = 512, /* packed at once */
    LEFT_BYTES = (MOST_ROWS * LB_TILE_SLICE + LB_TILE_SPARE_ROWS) * LB_TILE_STRIDE,
    PANEL_BYTES = LB_TILE_SLICE * LB_TILE_DEPTH_BYTES * LB_PANEL
};

size_t lb_tile_worker_bytes(void)
{
    return (size_t)LEFT_BYTES + PANEL_BYTES;
}

static const struct
{
    const lb_tile_set *set;
    size_t needed; /* offset of the feature in lb_cpu; SIZE_MAX: none */
} tile_sets[] = {{&lb_tile_plain, SIZE_MAX},
                 {&lb_tile_avx2, offsetof(lb_cpu, has_avx2)},
                 {&lb_tile_avx512, offsetof(lb_cpu, has_avx512)},
                 {&lb_tile_avx512_bf16, offsetof(lb_cpu, has_avx512_bf16)},
                 {&lb_tile_amx, offsetof(lb_cpu, has_amx_bf16)}};

const lb_tile_set *lb_tile_at(const lb_cpu *cpu, size_t index)
{
    if (index >= sizeof tile_sets / sizeof tile_sets[0])
    {
        return NULL;
    }
    const size_t needed = tile_sets[index].needed;
    const bool can_run =
        needed == SIZE_MAX || *(const bool *)(const void *)((const char *)cpu + needed);
    return can_run ? tile_sets[index].set : NULL;
}

const lb_tile_set *lb_tile_choose(const lb_cpu *cpu)
{
    const lb_tile_set *best = lb_tile_at(cpu, 0);
    for (size_t i = 1; lb_tile_at(cpu, i) != NULL; i++)
    {
        best = lb_tile_at(cpu, i);
    }
    return best;
}

/* A slice of the inner dimension of a product. */
typedef struct slice
{
    const lb_product *product;
    const lb_tile_kernel *kernel;
    const lb_vector *vector;
    char *left, *panel;
    size_t row, n_rows; /* of the block of rows */
    size_t inner, n_inner;
    bool is_bf16; /* the right operand */
} slice;

static void left_pack(const slice *s)
{
    const lb_product *p = s->product;
    const lb_tile_source source = {p->a, p->lda, p->is_a_transposed, false};
    const size_t depth = lb_tile_depth(s->kernel->left);
    for (size_t block = 0; block * depth < s->n_inner; block++)
    {
        lb_tile_pack_left(s->vector, s->left + block * s->n_rows * LB_TILE_STRIDE, &source,
                          s->kernel->left, s->row, s->n_rows, s->inner + block * depth,
                          lb_min(depth, s->n_inner - block * depth));
    }
}

/* The panel that begins at COLUMN, from its value at the slice's start on. */
static const char *right_panel(const slice *s, size_t column, size_t n_columns)
{
    const lb_product *p = s->product;
    const size_t element_bytes = s->is_bf16 ? sizeof(uint16_t) : sizeof(float);
    if (p->is_b_panels)
    {
        return (const char *)p->b + (column * p->ldb + s->inner * LB_PANEL) * element_bytes;
    }
    const lb_tile_source source = {p->b, p->ldb, !p->is_b_transposed, p->is_b_bf16};
    lb_tile_pack_right(s->vector, s->panel, &source, s->is_bf16, column, n_columns, s->inner,
                       s->n_inner);
    return s->panel;
}

static void panel_tiles(const lb_tile_kernel *kernel, const lb_tile_strip *strip, size_t panel)
{
    const size_t column = panel * LB_PANEL;
    const char *right = strip->right + panel * strip->panel_bytes;
    const size_t depth = lb_tile_depth(kernel->left);
    const size_t element_bytes = kernel->left == LB_TILE_FP32 ? sizeof(float) : sizeof(uint16_t);
    const size_t n_tiles = lb_blocks(strip->n_rows, kernel->tile_rows);
    for (size_t tile = 0; tile < n_tiles; tile++)
    {
        const size_t first = tile * strip->n_rows / n_tiles;
        const size_t n_rows = (tile + 1) * strip->n_rows / n_tiles - first;
        for (size_t inner = 0; inner < strip->n_inner; inner += depth)
        {
            const size_t row = inner / depth * strip->block_rows + first;
            kernel->multiply(
                strip->c + first * strip->ldc + column, strip->ldc,
                strip->left + row * LB_TILE_STRIDE, right + inner * LB_PANEL * element_bytes,
                lb_min(depth, strip->n_inner - inner), n_rows,
                lb_min(LB_PANEL, strip->n_columns - column), strip->is_added || inner > 0);
        }
    }
}

void lb_tile_multiply(const lb_tile_kernel *kernel, const lb_tile_strip *strip)
{
    if (kernel->multiply_strip != NULL)
    {
        kernel->multiply_strip(strip);
        return;
    }
    for (size_t panel = 0; panel < lb_blocks(strip->n_columns, LB_PANEL); panel++)
    {
        panel_tiles(kernel, strip, panel);
    }
}

static void panel_multiply(const slice *s, size_t column, size_t n_columns)
{
    const lb_product *p = s->product;
    const lb_tile_strip strip = {.left = s->left,
                                 .block_rows = s->n_rows,
                                 .right = right_panel(s, column, n_columns),
                                 .c = p->c + s->row * p->ldc + column,
                                 .ldc = p->ldc,
                                 .n_rows = s->n_rows,
                                 .n_columns = n_columns,
                                 .n_inner = s->n_inner,
                                 .is_added = p->is_added || s->inner > 0};
    lb_tile_multiply(s->kernel, &strip);
}

static void rows_multiply(slice *s)
{
    const size_t most = LB_TILE_SLICE * lb_tile_depth(s->kernel->left);
    for (s->inner = 0; s->inner < s->product->k; s->inner += most)
    {
        s->n_inner = lb_min(most, s->product->k - s->inner);
        left_pack(s);
        for (size_t column = 0; column < s->product->n; column += LB_PANEL)
        {
            panel_multiply(s, column, lb_min(LB_PANEL, s->product->n - column));
        }
    }
}

void lb_tile_gemm(const struct lb_scratch *scratch, unsigned worker, const lb_product *product)
{
    slice s = {.product = product,
               .kernel = product->is_bf16 ? &scratch->tiles->bf16 : &scratch->tiles->fp32,
               .vector = scratch->vector,
               .is_bf16 = product->is_bf16};
    s.left = scratch->tile_memory + worker * lb_tile_worker_bytes();
    s.panel = s.left + LEFT_BYTES;
    for (s.row = 0; s.row < product->m; s.row += MOST_ROWS)
    {
        s.n_rows = lb_min(MOST_ROWS, product->m - s.row);
        rows_multiply(&s);
    }
}
