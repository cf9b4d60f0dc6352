/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain products: loops in C, nothing but the compiler. They are the reference the libraries
 * are compared with, and what runs where LOBASS_BACKEND=plain asks for it. bf16 operands are fp32
 * values rounded to bf16, whose products are exact in fp32.
 */
#include "compute/kernels.h"

static int multiply(struct lb_scratch *scratch, unsigned worker, const lb_product *product)
{
    (void)worker;
    scratch->vector->multiply(product);
    return 0;
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

const lb_gemm lb_gemm_plain = {
    .name = "plain", .element_bytes = sizeof(float), .row_multiple = 1, .multiply = multiply};

const lb_gemm lb_gemm_plain_bf16 = {.name = "plain bf16",
                                    .element_bytes = sizeof(float),
                                    .row_multiple = 1,
                                    .convert = round_values,
                                    .convert_weights = widen_weights,
                                    .multiply = multiply};
