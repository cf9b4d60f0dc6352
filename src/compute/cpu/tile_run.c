/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole product on all threads of a computation. First both operands are packed, each value once,
 * in memory that all threads see; then blocks of the result are computed with no packing left to
 * do. A call on one thread (tile_gemm.c) would pack the rows anew for every block of columns. Where
 * the right operand is given as panels it stays where it is.
 */
#include <stdlib.h>

#include "compute/cpu/tile.h"

enum
{
    PACKED_ROWS = 64,     /* of the left operand, by one chunk */
    BLOCK_ROWS = 252,     /* of the result, up to whole tiles of the kernel */
    SLAB_BLOCKS = 8,      /* of rows of the left operand, packed at once, at most */
    FEWEST_CHUNKS = 16,   /* that a result is cut into, while it has panels enough */
    GROUP_BYTES = 3 << 18 /* of a chunk's panels: they stay in the second cache */
};

typedef struct tile_run
{
    const lb_product *product;
    const lb_tile_kernel *kernel;
    const lb_vector *vector;
    size_t element_bytes;         /* of the right operand */
    size_t depth, n_depth_blocks; /* values of a left block, and blocks */
    size_t block_rows, slab_rows;
    size_t first_row, n_rows; /* the slab */
    char *left;               /* [n_depth_blocks][n_rows][LB_TILE_STRIDE] */
    char *packed;             /* panels of the right operand, or NULL */
    const char *right;        /* the panels, wherever they are */
    size_t panel_bytes;
    size_t n_left_chunks;
    size_t n_row_blocks, n_panels, group_panels; /* panels of a chunk */
} tile_run;

static void pack_chunk(void *context, size_t chunk, unsigned worker)
{
    const tile_run *r = (const tile_run *)context;
    const lb_product *p = r->product;
    (void)worker;
    if (chunk >= r->n_left_chunks)
    {
        const size_t panel = chunk - r->n_left_chunks;
        const lb_tile_source source = {p->b, p->ldb, !p->is_b_transposed, p->is_b_bf16};
        lb_tile_pack_right(r->vector, r->packed + panel * r->panel_bytes, &source,
                           r->element_bytes == sizeof(uint16_t), panel * LB_PANEL,
                           lb_min(LB_PANEL, p->n - panel * LB_PANEL), 0, p->k);
        return;
    }
    const size_t row = chunk * PACKED_ROWS;
    const size_t n_rows = lb_min(PACKED_ROWS, r->n_rows - row);
    const lb_tile_source source = {p->a, p->lda, p->is_a_transposed, false};
    for (size_t block = 0; block < r->n_depth_blocks; block++)
    {
        lb_tile_pack_left(r->vector, r->left + (block * r->n_rows + row) * LB_TILE_STRIDE, &source,
                          r->kernel->left, r->first_row + row, n_rows, block * r->depth,
                          lb_min(r->depth, p->k - block * r->depth));
    }
}

/* The panels from FIRST to before LAST against the rows of a block, over a slice of the inner
 * dimension. */
static void panels_multiply(const tile_run *r, size_t row, size_t n_rows, size_t first, size_t last,
                            size_t first_block)
{
    const lb_product *p = r->product;
    const size_t inner = first_block * r->depth;
    const size_t column = first * LB_PANEL;
    const lb_tile_strip strip = {.left = r->left + (first_block * r->n_rows + row) * LB_TILE_STRIDE,
                                 .block_rows = r->n_rows,
                                 .right = r->right + first * r->panel_bytes +
                                          inner * LB_PANEL * r->element_bytes,
                                 .panel_bytes = r->panel_bytes,
                                 .c = p->c + (r->first_row + row) * p->ldc + column,
                                 .ldc = p->ldc,
                                 .n_rows = n_rows,
                                 .n_columns = lb_min(last * LB_PANEL, p->n) - column,
                                 .n_inner = lb_min(LB_TILE_SLICE * r->depth, p->k - inner),
                                 .is_added = p->is_added || first_block > 0};
    lb_tile_multiply(r->kernel, &strip);
}

static void multiply_chunk(void *context, size_t chunk, unsigned worker)
{
    const tile_run *r = (const tile_run *)context;
    (void)worker;
    const size_t row = chunk % r->n_row_blocks * r->block_rows;
    const size_t n_rows = lb_min(r->block_rows, r->n_rows - row);
    const size_t first = chunk / r->n_row_blocks * r->group_panels;
    const size_t last = lb_min(r->n_panels, first + r->group_panels);
    for (size_t block = 0; block < r->n_depth_blocks; block += LB_TILE_SLICE)
    {
        panels_multiply(r, row, n_rows, first, last, block);
    }
}

/* Memory for the operands; it only grows. */
static lobass_status reserve(struct lb_scratch *scratch, size_t size_bytes, lobass_error *error)
{
    if (size_bytes > scratch->tile_operand_bytes)
    {
        free(scratch->tile_operands);
        scratch->tile_operand_bytes = 0;
        scratch->tile_operands = (char *)lb_alloc(size_bytes, 1, error);
        if (scratch->tile_operands == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        scratch->tile_operand_bytes = size_bytes;
    }
    return LOBASS_OK;
}

/* A slab of rows, and before the first of them the right operand. */
static void slab_run(lb_compute *c, tile_run *r)
{
    const bool packs_right = r->packed != NULL && r->first_row == 0;
    r->n_rows = lb_min(r->slab_rows, r->product->m - r->first_row);
    r->n_left_chunks = lb_blocks(r->n_rows, PACKED_ROWS);
    r->n_row_blocks = lb_blocks(r->n_rows, r->block_rows);
    const size_t n_wanted = lb_min(r->n_panels, lb_blocks(FEWEST_CHUNKS, r->n_row_blocks));
    const size_t slice_bytes =
        r->panel_bytes / r->n_depth_blocks * lb_min(LB_TILE_SLICE, r->n_depth_blocks);
    const size_t most = slice_bytes < GROUP_BYTES ? GROUP_BYTES / slice_bytes : 1;
    r->group_panels = lb_min(most, lb_blocks(r->n_panels, n_wanted));
    lb_pool_run(c->pool, r->n_left_chunks + (packs_right ? r->n_panels : 0), pack_chunk, r);
    lb_pool_run(c->pool, r->n_row_blocks * lb_blocks(r->n_panels, r->group_panels), multiply_chunk,
                r);
}

lobass_status lb_tile_run(lb_compute *c, const lb_product *product, lobass_error *error)
{
    struct lb_scratch *scratch = c->scratch;
    tile_run r = {.product = product,
                  .kernel = product->is_bf16 ? &scratch->tiles->bf16 : &scratch->tiles->fp32,
                  .vector = scratch->vector,
                  .element_bytes = product->is_bf16 ? sizeof(uint16_t) : sizeof(float)};
    r.block_rows = lb_round_up(BLOCK_ROWS, r.kernel->tile_rows);
    const size_t n_slabs = lb_blocks(product->m, SLAB_BLOCKS * r.block_rows);
    r.slab_rows = lb_round_up(lb_blocks(product->m, n_slabs), r.kernel->tile_rows);
    r.depth = lb_tile_depth(r.kernel->left);
    r.n_depth_blocks = lb_blocks(product->k, r.depth);
    r.n_panels = lb_blocks(product->n, LB_PANEL);
    r.panel_bytes = lb_packed_depth(product->k) * LB_PANEL * r.element_bytes;
    size_t left_bytes = 0;
    lb_scratch_add(&left_bytes, r.n_depth_blocks, lb_min(r.slab_rows, product->m) * LB_TILE_STRIDE);
    lb_scratch_add(&left_bytes, LB_TILE_SPARE_ROWS, LB_TILE_STRIDE);
    size_t total = left_bytes;
    if (!product->is_b_panels)
    {
        lb_scratch_add(&total, r.n_panels, r.panel_bytes);
    }
    LB_TRY(reserve(scratch, total, error));
    r.left = scratch->tile_operands;
    r.packed = product->is_b_panels ? NULL : r.left + left_bytes;
    r.right = product->is_b_panels ? (const char *)product->b : r.packed;
    for (; r.first_row < product->m; r.first_row += r.slab_rows)
    {
        slab_run(c, &r);
    }
    return LOBASS_OK;
}
