/* SPDX-License-Identifier: Apache-2.0
 *
 * Between arrays and products: blocks of activations and weights as the operands a product asks for
 * (rounded to bf16, widened to fp32, or as they stand), how results are cut in blocks, and how a
 * chunk that runs on some worker reports that a product failed.
 */
#include <string.h>

#include "compute/kernels.h"

size_t lb_rows_padded(size_t n_rows)
{
    return lb_round_up(n_rows, LB_ROW_ROUND);
}

size_t lb_column_block(size_t n_rows, size_t n_columns)
{
    const size_t wanted = lb_blocks(LB_WANTED_CHUNKS, lb_blocks(n_rows, LB_ROW_BLOCK));
    const size_t fewest = lb_blocks(n_columns, LB_COLUMN_BLOCK);
    const size_t n_blocks = wanted > fewest ? wanted : fewest;
    return lb_round_up(lb_blocks(n_columns, n_blocks), LB_SUM_BLOCK);
}

const lb_gemm *lb_gemm_for(const struct lb_scratch *scratch, const lb_matrix *w)
{
    return w->bf16 != NULL ? scratch->bf16 : scratch->fp32;
}

lb_operand lb_operand_from_values(const struct lb_scratch *scratch, const lb_gemm *gemm,
                                  void *memory, const float *values, size_t ld, size_t n_rows,
                                  size_t n_columns, size_t rows_wanted)
{
    if (gemm->convert == NULL)
    {
        return (lb_operand){.data = values, .ld = ld};
    }
    const size_t row_bytes = n_columns * gemm->element_bytes;
    if (ld == n_columns)
    {
        gemm->convert(scratch, memory, values, n_rows * n_columns);
    }
    else
    {
        for (size_t i = 0; i < n_rows; i++)
        {
            gemm->convert(scratch, (char *)memory + i * row_bytes, values + i * ld, n_columns);
        }
    }
    memset((char *)memory + n_rows * row_bytes, 0, (rows_wanted - n_rows) * row_bytes);
    return (lb_operand){.data = memory, .ld = n_columns};
}

lb_operand lb_operand_from_weights(const struct lb_scratch *scratch, const lb_gemm *gemm,
                                   void *memory, const lb_matrix *w, size_t row, size_t column,
                                   size_t n_rows, size_t n_columns)
{
    if (w->is_packed) /* whole panels, from the first value on */
    {
        const size_t panels = row * lb_packed_depth(w->n_in);
        return (lb_operand){.data = w->bf16 != NULL ? (const void *)(w->bf16 + panels)
                                                    : (const void *)(w->fp32 + panels),
                            .ld = lb_packed_depth(w->n_in),
                            .is_bf16 = w->bf16 != NULL,
                            .is_panels = true};
    }
    const size_t first = row * w->n_in + column;
    if (w->bf16 == NULL)
    {
        return (lb_operand){.data = w->fp32 + first, .ld = w->n_in};
    }
    if (gemm->convert_weights == NULL)
    {
        return (lb_operand){.data = w->bf16 + first, .ld = w->n_in, .is_bf16 = true};
    }
    for (size_t i = 0; i < n_rows; i++)
    {
        gemm->convert_weights(scratch, (char *)memory + i * n_columns * gemm->element_bytes,
                              w->bf16 + first + i * w->n_in, n_columns);
    }
    return (lb_operand){.data = memory, .ld = n_columns};
}

void lb_multiply(struct lb_scratch *scratch, unsigned worker, const lb_gemm *gemm,
                 const lb_product *product, lb_failure *failure)
{
    const int code = gemm->multiply(scratch, worker, product);
    if (code != 0)
    {
        atomic_store(&failure->code, code);
    }
}

lobass_status lb_failure_status(lb_failure *failure, const lb_gemm *gemm, lobass_error *error)
{
    const int code = atomic_load(&failure->code);
    if (code == 0)
    {
        return LOBASS_OK;
    }
    return lb_fail(error, LOBASS_OUT_OF_MEMORY,
                   "a matrix product (%s) failed with status %d of its library; out of memory?",
                   gemm->name, code);
}
