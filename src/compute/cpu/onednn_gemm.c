/* SPDX-License-Identifier: Apache-2.0
 *
 * fp32 products through oneDNN's dnnl_sgemm: as fast here as its matmul primitives (within 5 %
 * from 128 rows up), good for any shape at once, and nothing to cache. bf16 operands are widened to
 * fp32 first: on CPUs without AMX this beats the bf16 primitives (150 against 83 GFLOP/s).
 *
 * Debian's oneDNN starts OpenMP threads inside a product. Our parallelism is over products, and the
 * order of sums must not depend on threads, so each runs where OpenMP has a single thread.
 */
#include <dnnl.h>
#include <omp.h>

#include "compute/kernels.h"

static int multiply(struct lb_scratch *scratch, unsigned worker, const lb_product *product)
{
    (void)scratch;
    (void)worker;
    const int n_openmp_threads = omp_get_max_threads(); /* of the calling thread only */
    omp_set_num_threads(1);
    const dnnl_status_t status =
        dnnl_sgemm(product->is_a_transposed ? 'T' : 'N', product->is_b_transposed ? 'T' : 'N',
                   (dnnl_dim_t)product->m, (dnnl_dim_t)product->n, (dnnl_dim_t)product->k, 1.0F,
                   (const float *)product->a, (dnnl_dim_t)product->lda, (const float *)product->b,
                   (dnnl_dim_t)product->ldb, product->is_added ? 1.0F : 0.0F, product->c,
                   (dnnl_dim_t)product->ldc);
    omp_set_num_threads(n_openmp_threads);
    return (int)status;
}

static void round_values(const struct lb_scratch *scratch, void *operand, const float *values,
                         size_t count)
{
    scratch->vector->round_bf16((float *)operand, values, count);
}

static void widen_weights(const struct lb_scratch *scratch, void *operand, const uint16_t *values,
                          size_t count)
{
    scratch->vector->widen_bf16((float *)operand, values, count);
}

const lb_gemm lb_gemm_onednn = {
    .name = "oneDNN fp32", .element_bytes = sizeof(float), .row_multiple = 1, .multiply = multiply};

const lb_gemm lb_gemm_onednn_widened = {.name = "oneDNN fp32 of bf16",
                                        .element_bytes = sizeof(float),
                                        .row_multiple = 1,
                                        .convert = round_values,
                                        .convert_weights = widen_weights,
                                        .multiply = multiply};
