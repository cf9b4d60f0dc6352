/* SPDX-License-Identifier: Apache-2.0
 *
 * Operands of any layout as the tiles of tile.h want them. What has to be turned is turned in
 * squares of 16 words of four bytes, a word being an fp32 value or a pair of bf16 values.
 */
#include <string.h>

#include "base/base.h"
#include "compute/cpu/tile.h"

enum
{
    SQUARE = 16
};

/* ---- left --------------------------------------------------------------------------------------
 */

static void left_store(char *row, lb_tile_values values, const float *from, size_t at, size_t count,
                       const lb_vector *vector)
{
    if (values == LB_TILE_BF16)
    {
        vector->narrow_bf16((uint16_t *)(void *)row + at, from, count);
    }
    else if (values == LB_TILE_ROUNDED)
    {
        vector->round_bf16((float *)(void *)row + at, from, count);
    }
    else
    {
        memcpy((float *)(void *)row + at, from, count * sizeof *from);
    }
}

/* Kernels go on to the end of a step. */
static void left_pad(char *row, lb_tile_values values, size_t n_inner)
{
    if (values == LB_TILE_BF16)
    {
        memset(row + n_inner * sizeof(uint16_t), 0,
               (lb_round_up(n_inner, LB_TILE_STEP) - n_inner) * sizeof(uint16_t));
    }
    if (values == LB_TILE_ROUNDED && n_inner % 2 != 0)
    {
        ((float *)(void *)row)[n_inner] = 0.0F;
    }
}

/* square[j][i] = from[i][j] for up to SQUARE rows and columns. */
static void turn_square(const lb_vector *vector, float square[SQUARE][SQUARE], const float *from,
                        size_t ld, size_t n_rows, size_t n_columns)
{
    if (n_rows == SQUARE && n_columns == SQUARE)
    {
        vector->turn(square, sizeof square[0], from, ld * sizeof *from);
        return;
    }
    for (size_t i = 0; i < n_rows; i++)
    {
        for (size_t j = 0; j < n_columns; j++)
        {
            square[j][i] = from[i * ld + j];
        }
    }
}

static void turn_to_left(const lb_vector *vector, char *left, const float *from, size_t ld,
                         lb_tile_values values, size_t n_rows, size_t n_inner)
{
    for (size_t p = 0; p < n_inner; p += SQUARE)
    {
        float square[SQUARE][SQUARE];
        const size_t n_across = lb_min(SQUARE, n_inner - p);
        turn_square(vector, square, from + p * ld, ld, n_across, n_rows);
        for (size_t r = 0; r < n_rows; r++)
        {
            left_store(left + r * LB_TILE_STRIDE, values, square[r], p, n_across, vector);
        }
    }
    for (size_t r = 0; r < n_rows; r++)
    {
        left_pad(left + r * LB_TILE_STRIDE, values, n_inner);
    }
}

/* The same in bf16 alone: a square of words takes two squares of values. */
static void turn_to_bf16(const lb_vector *vector, char *left, const float *from, size_t ld,
                         size_t n_rows, size_t n_inner)
{
    for (size_t p = 0; p < n_inner; p += LB_TILE_STEP)
    {
        uint32_t words[SQUARE][SQUARE];
        const size_t count = lb_min(LB_TILE_STEP, n_inner - p);
        char *to = left + p * sizeof(uint16_t);
        if (count < LB_TILE_STEP || n_rows < SQUARE)
        {
            memset(words, 0, sizeof words);
        }
        vector->pair_bf16(words[0], SQUARE, from + p * ld, ld, count, n_rows);
        if (n_rows == SQUARE)
        {
            vector->turn(to, LB_TILE_STRIDE, words, sizeof words[0]);
            continue;
        }
        vector->turn(words, sizeof words[0], words, sizeof words[0]);
        for (size_t r = 0; r < n_rows; r++)
        {
            memcpy(to + r * LB_TILE_STRIDE, words[r], sizeof words[r]);
        }
    }
}

void lb_tile_pack_left(const lb_vector *vector, char *left, const lb_tile_source *source,
                       lb_tile_values values, size_t row, size_t n_rows, size_t inner,
                       size_t n_inner)
{
    const float *from = (const float *)source->data;
    if (!source->is_inner_first)
    {
        from += row * source->ld + inner;
        for (size_t i = 0; i < n_rows; i++)
        {
            left_store(left + i * LB_TILE_STRIDE, values, from + i * source->ld, 0, n_inner,
                       vector);
            left_pad(left + i * LB_TILE_STRIDE, values, n_inner);
        }
        return;
    }
    from += inner * source->ld + row;
    for (size_t i = 0; i < n_rows; i += SQUARE)
    {
        char *to = left + i * LB_TILE_STRIDE;
        const size_t n_square = lb_min(SQUARE, n_rows - i);
        if (values == LB_TILE_BF16)
        {
            turn_to_bf16(vector, to, from + i, source->ld, n_square, n_inner);
        }
        else
        {
            turn_to_left(vector, to, from + i, source->ld, values, n_square, n_inner);
        }
    }
}

/* ---- right -------------------------------------------------------------------------------------
 */

/* values[count] as bf16, whatever they are. */
static void load_bf16(const lb_vector *vector, uint16_t *values, const lb_tile_source *source,
                      size_t at, size_t count)
{
    if (source->is_bf16)
    {
        memcpy(values, (const uint16_t *)source->data + at, count * sizeof *values);
    }
    else
    {
        vector->narrow_bf16(values, (const float *)source->data + at, count);
    }
}

static void fp32_rows(float *to, const lb_tile_source *source, size_t at, size_t n_columns,
                      size_t n_inner)
{
    const float *from = (const float *)source->data + at;
    for (size_t p = 0; p < n_inner; p++)
    {
        memcpy(to + p * LB_PANEL, from + p * source->ld, n_columns * sizeof *to);
        memset(to + p * LB_PANEL + n_columns, 0, (LB_PANEL - n_columns) * sizeof *to);
    }
}

static void bf16_rows(uint16_t *to, const lb_tile_source *source, size_t at, size_t n_columns,
                      size_t n_inner)
{
    static const uint16_t zeros[LB_PANEL];
    const uint16_t *from = (const uint16_t *)source->data + at;
    for (size_t p = 0; p < n_inner; p += 2)
    {
        const uint16_t *even = from + p * source->ld;
        const uint16_t *odd = p + 1 < n_inner ? even + source->ld : zeros;
        for (size_t j = 0; j < n_columns; j++)
        {
            to[p * LB_PANEL + 2 * j] = even[j];
            to[p * LB_PANEL + 2 * j + 1] = odd[j];
        }
    }
}

/* Inner rows of the source lie as they are wanted; in bf16 two of them are interleaved. */
static void rows_to_panel(const lb_vector *vector, char *panel, const lb_tile_source *source,
                          bool is_bf16, size_t column, size_t n_columns, size_t inner,
                          size_t n_inner)
{
    const size_t at = inner * source->ld + column;
    if (!is_bf16)
    {
        fp32_rows((float *)(void *)panel, source, at, n_columns, n_inner);
        return;
    }
    if (n_columns < LB_PANEL)
    {
        memset(panel, 0, lb_blocks(n_inner, 2) * LB_PANEL * sizeof(uint32_t));
    }
    if (source->is_bf16)
    {
        bf16_rows((uint16_t *)(void *)panel, source, at, n_columns, n_inner);
    }
    else
    {
        vector->pair_bf16((uint32_t *)(void *)panel, LB_PANEL, (const float *)source->data + at,
                          source->ld, n_inner, n_columns);
    }
}

/* COUNT values of up to SQUARE columns, as words; zero where there is none. */
static void square_load(const lb_vector *vector, uint32_t square[SQUARE][SQUARE],
                        const lb_tile_source *source, bool is_bf16, size_t at, size_t n_columns,
                        size_t count)
{
    memset(square, 0, SQUARE * sizeof square[0]);
    for (size_t q = 0; q < n_columns; q++)
    {
        if (is_bf16)
        {
            uint16_t values[2 * SQUARE] = {0};
            load_bf16(vector, values, source, at + q * source->ld, count);
            memcpy(square[q], values, sizeof values);
        }
        else
        {
            memcpy(square[q], (const float *)source->data + at + q * source->ld,
                   count * sizeof(float));
        }
    }
}

/* Outer rows of the source become columns. */
static void columns_to_panel(const lb_vector *vector, char *panel, const lb_tile_source *source,
                             bool is_bf16, size_t column, size_t n_columns, size_t inner,
                             size_t n_inner)
{
    const size_t n_values = is_bf16 ? 2 * SQUARE : SQUARE; /* of the inner dimension in a square */
    const size_t element_bytes = source->is_bf16 ? sizeof(uint16_t) : sizeof(float);
    const size_t row_bytes = LB_PANEL * sizeof(uint32_t);
    for (size_t p = 0; p < n_inner; p += n_values)
    {
        const size_t count = lb_min(n_values, n_inner - p);
        const size_t n_words = is_bf16 ? lb_blocks(count, 2) : count;
        char *to = panel + p / (n_values / SQUARE) * row_bytes;
        for (size_t j = 0; j < LB_PANEL; j += SQUARE)
        {
            const size_t n_across = j < n_columns ? lb_min(SQUARE, n_columns - j) : 0;
            const size_t at = (column + j) * source->ld + inner + p;
            char *half = to + j * sizeof(uint32_t);
            uint32_t square[SQUARE][SQUARE];
            if (n_across == SQUARE && count == n_values && source->is_bf16 == is_bf16)
            {
                vector->turn(half, row_bytes, (const char *)source->data + at * element_bytes,
                             source->ld * element_bytes);
                continue;
            }
            square_load(vector, square, source, is_bf16, at, n_across, count);
            vector->turn(square, sizeof square[0], square, sizeof square[0]);
            for (size_t w = 0; w < n_words; w++)
            {
                memcpy(half + w * row_bytes, square[w], sizeof square[w]);
            }
        }
    }
}

void lb_tile_pack_right(const lb_vector *vector, void *panel, const lb_tile_source *source,
                        bool is_bf16, size_t column, size_t n_columns, size_t inner, size_t n_inner)
{
    if (source->is_inner_first)
    {
        rows_to_panel(vector, (char *)panel, source, is_bf16, column, n_columns, inner, n_inner);
    }
    else
    {
        columns_to_panel(vector, (char *)panel, source, is_bf16, column, n_columns, inner, n_inner);
    }
}

/* ---- weights, packed once ----------------------------------------------------------------------
 */

size_t lb_packed_rows(void)
{
    return LB_PANEL;
}

size_t lb_packed_depth(size_t n_in)
{
    return lb_round_up(n_in, 2);
}

lobass_status lb_packed_count(size_t *count, size_t n_out, size_t n_in, lobass_error *error)
{
    size_t rows = 0;
    size_t depth = 0;
    if (!lb_size_add(n_out, LB_PANEL - 1, &rows) || !lb_size_add(n_in, 1, &depth) ||
        !lb_size_multiply(rows / LB_PANEL * LB_PANEL, depth / 2 * 2, count))
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    return LOBASS_OK;
}

void lb_weights_pack(void *panels, const lb_matrix *w, size_t first_row)
{
    lb_cpu cpu;
    (void)lb_cpu_choose(&cpu, NULL); /* a wrong name was refused when a computation was made */
    const lb_vector *vector = lb_vector_choose(&cpu);
    const bool is_bf16 = w->bf16 != NULL;
    const lb_tile_source source = {is_bf16 ? (const void *)w->bf16 : (const void *)w->fp32, w->n_in,
                                   false, is_bf16};
    const size_t element_bytes = is_bf16 ? sizeof(uint16_t) : sizeof(float);
    for (size_t row = 0; row < w->n_out; row += LB_PANEL)
    {
        char *panel = (char *)panels + (first_row + row) * lb_packed_depth(w->n_in) * element_bytes;
        lb_tile_pack_right(vector, panel, &source, is_bf16, row, lb_min(LB_PANEL, w->n_out - row),
                           0, w->n_in);
    }
}

size_t lb_packed_place(const lb_matrix *w, size_t row, size_t column)
{
    const size_t panel = row / LB_PANEL * LB_PANEL * lb_packed_depth(w->n_in);
    const size_t within = row % LB_PANEL;
    return w->bf16 != NULL ? panel + column / 2 * 2 * LB_PANEL + 2 * within + column % 2
                           : panel + column * LB_PANEL + within;
}

void lb_product_weights(lb_product *product, const lb_matrix *w, size_t first)
{
    const size_t row_values = w->is_packed ? lb_packed_depth(w->n_in) : w->n_in;
    const size_t at = first * row_values;
    product->is_bf16 = w->bf16 != NULL;
    product->is_b_bf16 = w->bf16 != NULL;
    product->is_b_panels = w->is_packed;
    product->b = w->bf16 != NULL ? (const void *)(w->bf16 + at) : (const void *)(w->fp32 + at);
    product->ldb = row_values;
}
