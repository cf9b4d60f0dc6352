/* SPDX-License-Identifier: Apache-2.0
 *
 * The loops that need wide registers: maximum, exponential, dot product, moments, softmax and SiLU
 * gradients, bf16 conversion. Each is written once, inlined into a
 * function per instruction set (baseline, AVX2, AVX-512), and chosen through a table when a
 * computation is created: no resolver runs before main, so sanitizers do not mind.
 *
 * exp(x) = 2^n exp(r) with n = round(x / ln 2) and |r| <= ln(2) / 2, where the Taylor polynomial of
 * degree 7 is within 5e-9; ln 2 is split so that n times its upper part is exact. About 1 ulp.
 */
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "compute/kernels.h"

#define INLINED static inline __attribute__((always_inline))

enum
{
    LANES = 16,
    FLUSH_ELEMENTS = 512 /* summed in fp32 lanes before they go into a double */
};

/* 16 floats at any address; narrower registers take several. Functions that take or return them are
 * always inlined, so no calling convention is involved. */
#pragma GCC diagnostic ignored "-Wpsabi"
typedef float lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t lane_masks __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t lane_bits __attribute__((vector_size(64), aligned(4), may_alias));

/* The next COUNT values, at most 16; lanes beyond them hold FILLER. */
INLINED lanes load(const float *x, size_t count, float filler)
{
    if (count >= LANES)
    {
        return *(const lanes *)x;
    }
    lanes value = (lanes){0} + filler;
    for (size_t l = 0; l < LANES; l++)
    {
        value[l] = l < count ? x[l] : filler;
    }
    return value;
}

INLINED void store(float *y, lanes value, size_t count)
{
    if (count >= LANES)
    {
        *(lanes *)y = value;
        return;
    }
    for (size_t l = 0; l < count; l++)
    {
        y[l] = value[l];
    }
}

INLINED lanes select(lane_masks mask, lanes a, lanes b)
{
    return (lanes)((mask & (lane_masks)a) | (~mask & (lane_masks)b));
}

INLINED lanes exponential_of(lanes x)
{
    const float log2_e = 0x1.715476p+0F;
    const float ln2_upper = 0x1.62e4p-1F;
    const float ln2_lower = 0x1.7f7d1cp-20F;
    const float to_integer = 0x1.8p+23F; /* adding it leaves the rounded integer in the low bits */
    const lanes lowest = (lanes){0} - 87.0F;
    const lanes highest = (lanes){0} + 88.0F;
    const lanes low = select(x < lowest, lowest, x); /* a NaN passes both */
    const lanes t = select(low > highest, highest, low);
    const lanes shifted = t * log2_e + to_integer;
    const lanes n = shifted - to_integer;
    const lanes r = (t - n * ln2_upper) - n * ln2_lower;
    lanes p = r * (1.0F / 5040.0F) + 1.0F / 720.0F;
    p = p * r + 1.0F / 120.0F;
    p = p * r + 1.0F / 24.0F;
    p = p * r + 1.0F / 6.0F;
    p = p * r + 0.5F;
    p = p * r * r + r;
    /* Unsigned, so that the bits of a NaN may wrap. */
    const lane_bits power = ((lane_bits)shifted - (lane_bits)((lanes){0} + to_integer) + 127U)
                            << 23;
    return (p + 1.0F) * (lanes)power;
}

/* Both go over a tree of halves: a chain of 16 would take longer than a row of scores. */
INLINED float largest_of_lanes(lanes x)
{
    float halves[LANES];
    *(lanes *)halves = x;
    for (size_t width = LANES / 2; width > 0; width /= 2)
    {
        for (size_t l = 0; l < width; l++)
        {
            halves[l] = halves[l + width] > halves[l] ? halves[l + width] : halves[l];
        }
    }
    return halves[0];
}

INLINED double sum_of_lanes(lanes x)
{
    double halves[LANES];
    for (size_t l = 0; l < LANES; l++)
    {
        halves[l] = (double)x[l];
    }
    for (size_t width = LANES / 2; width > 0; width /= 2)
    {
        for (size_t l = 0; l < width; l++)
        {
            halves[l] += halves[l + width];
        }
    }
    return halves[0];
}

INLINED float maximum(const float *x, size_t count)
{
    lanes largest = (lanes){0} - INFINITY;
    for (size_t i = 0; i < count; i += LANES)
    {
        const lanes value = load(x + i, count - i, -INFINITY);
        largest = select(value > largest, value, largest);
    }
    return largest_of_lanes(largest);
}

INLINED double exponential(float *y, const float *x, float scale, float shift, size_t count)
{
    double sum = 0.0;
    size_t i = 0;
    while (i + LANES <= count)
    {
        const size_t last = lb_min(count - count % LANES, i + FLUSH_ELEMENTS);
        lanes partial = {0};
        for (; i < last; i += LANES)
        {
            const lanes value = exponential_of(*(const lanes *)(x + i) * scale - shift);
            *(lanes *)(y + i) = value;
            partial += value;
        }
        sum += sum_of_lanes(partial);
    }
    if (i < count)
    {
        const lanes value = exponential_of(load(x + i, count - i, 0.0F) * scale - shift);
        store(y + i, value, count - i);
        sum += sum_of_lanes(load(y + i, count - i, 0.0F));
    }
    return sum;
}

INLINED double dot(const float *a, const float *b, size_t count)
{
    double partial[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
    {
        for (size_t l = 0; l < LANES; l++)
        {
            partial[l] += (double)a[i + l] * (double)b[i + l];
        }
    }
    double sum = 0.0;
    for (size_t l = 0; l < LANES; l++)
    {
        sum += partial[l];
    }
    for (; i < count; i++)
    {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

INLINED void moments_add(double *sum, double *squares, const float *x, size_t count)
{
    for (size_t i = 0; i < count;)
    {
        const size_t last = lb_min(count, i + FLUSH_ELEMENTS);
        lanes partial = {0};
        lanes partial_squares = {0};
        for (; i < last; i += LANES)
        {
            const lanes value = load(x + i, last - i, 0.0F);
            partial += value;
            partial_squares += value * value;
        }
        *sum += sum_of_lanes(partial);
        *squares += sum_of_lanes(partial_squares);
    }
}

INLINED void softmax_backward(float *x, const float *p, float shift, float scale, size_t count)
{
    for (size_t i = 0; i < count; i++)
    {
        x[i] = scale * p[i] * (x[i] - shift);
    }
}

INLINED void silu_forward(float *y, const float *gate, const float *up, size_t count)
{
    for (size_t i = 0; i < count; i += LANES)
    {
        const size_t n = count - i;
        const lanes g = load(gate + i, n, 0.0F);
        store(y + i, g / (exponential_of(-g) + 1.0F) * load(up + i, n, 0.0F), n);
    }
}

INLINED void silu_backward(float *grad_gate, float *grad_up, const float *grad_y, const float *gate,
                           const float *up, size_t count)
{
    for (size_t i = 0; i < count; i += LANES)
    {
        const size_t n = count - i;
        const lanes g = load(gate + i, n, 0.0F);
        const lanes grad = load(grad_y + i, n, 0.0F);
        const lanes sigmoid = 1.0F / (exponential_of(-g) + 1.0F);
        const lanes slope = sigmoid * (g * (1.0F - sigmoid) + 1.0F);
        store(grad_gate + i, grad * load(up + i, n, 0.0F) * slope, n);
        store(grad_up + i, grad * (g * sigmoid), n);
    }
}

INLINED void round_bf16(float *y, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
    {
        y[i] = lb_bf16_widen(lb_bf16_narrow(x[i]));
    }
}

INLINED void narrow_bf16(uint16_t *y, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
    {
        y[i] = lb_bf16_narrow(x[i]);
    }
}

INLINED void pair_row(uint32_t *y, const float *even, const float *odd, size_t count)
{
    for (size_t i = 0; i < count; i++)
    {
        y[i] = lb_bf16_narrow(even[i]) | (uint32_t)lb_bf16_narrow(odd[i]) << 16;
    }
}

INLINED void pair_bf16(uint32_t *y, size_t y_ld, const float *x, size_t ld, size_t n_rows,
                       size_t count)
{
    for (size_t p = 0; p + 1 < n_rows; p += 2)
    {
        if (count == LANES)
        {
            pair_row(y + p / 2 * y_ld, x + p * ld, x + (p + 1) * ld, LANES);
        }
        else
        {
            pair_row(y + p / 2 * y_ld, x + p * ld, x + (p + 1) * ld, count);
        }
    }
    for (size_t j = 0; n_rows % 2 != 0 && j < count; j++)
    {
        y[n_rows / 2 * y_ld + j] = lb_bf16_narrow(x[(n_rows - 1) * ld + j]);
    }
}

INLINED void widen_bf16(float *y, const uint16_t *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
    {
        y[i] = lb_bf16_widen(x[i]);
    }
}

/* Where bit W of a lane's number differs from that of its row's, the two rows that differ in that
 * bit exchange lanes; once for every bit, and rows have become columns. */
#define EXCHANGE(rows, w, lower, upper)                                        \
    for (size_t i = 0; i < LANES; i++)                                         \
    {                                                                          \
        if ((i & (w)) == 0)                                                    \
        {                                                                      \
            const lane_bits a = (rows)[i];                                     \
            const lane_bits b = (rows)[i | (w)];                               \
            (rows)[i] = (lane_bits)__builtin_shufflevector(a, b, lower);       \
            (rows)[i | (w)] = (lane_bits)__builtin_shufflevector(a, b, upper); \
        }                                                                      \
    }
/* clang-format off */
#define LOWER_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define UPPER_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define LOWER_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define UPPER_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LOWER_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define UPPER_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define LOWER_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define UPPER_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
/* clang-format on */

INLINED void turn(void *to, size_t to_bytes, const void *from, size_t from_bytes)
{
    lane_bits rows[LANES];
    for (size_t i = 0; i < LANES; i++)
    {
        memcpy(&rows[i], (const char *)from + i * from_bytes, sizeof rows[i]);
    }
    EXCHANGE(rows, 1, LOWER_1, UPPER_1)
    EXCHANGE(rows, 2, LOWER_2, UPPER_2)
    EXCHANGE(rows, 4, LOWER_4, UPPER_4)
    EXCHANGE(rows, 8, LOWER_8, UPPER_8)
    for (size_t i = 0; i < LANES; i++)
    {
        memcpy((char *)to + i * to_bytes, &rows[i], sizeof rows[i]);
    }
}

/* One row of the table: every loop above, compiled for INSTRUCTIONS. */
#define VECTOR_ROW(isa, instructions)                                                              \
    __attribute__((target(instructions))) static float maximum_##isa(const float *x, size_t count) \
    {                                                                                              \
        return maximum(x, count);                                                                  \
    }                                                                                              \
    __attribute__((target(instructions))) static double exponential_##isa(                         \
        float *y, const float *x, float scale, float shift, size_t count)                          \
    {                                                                                              \
        return exponential(y, x, scale, shift, count);                                             \
    }                                                                                              \
    __attribute__((target(instructions))) static double dot_##isa(const float *a, const float *b,  \
                                                                  size_t count)                    \
    {                                                                                              \
        return dot(a, b, count);                                                                   \
    }                                                                                              \
    __attribute__((target(instructions))) static void moments_add_##isa(                           \
        double *sum, double *squares, const float *x, size_t count)                                \
    {                                                                                              \
        moments_add(sum, squares, x, count);                                                       \
    }                                                                                              \
    __attribute__((target(instructions))) static void softmax_backward_##isa(                      \
        float *x, const float *p, float shift, float scale, size_t count)                          \
    {                                                                                              \
        softmax_backward(x, p, shift, scale, count);                                               \
    }                                                                                              \
    __attribute__((target(instructions))) static void silu_forward_##isa(                          \
        float *y, const float *gate, const float *up, size_t count)                                \
    {                                                                                              \
        silu_forward(y, gate, up, count);                                                          \
    }                                                                                              \
    __attribute__((target(instructions))) static void silu_backward_##isa(                         \
        float *grad_gate, float *grad_up, const float *grad_y, const float *gate, const float *up, \
        size_t count)                                                                              \
    {                                                                                              \
        silu_backward(grad_gate, grad_up, grad_y, gate, up, count);                                \
    }                                                                                              \
    __attribute__((target(instructions))) static void round_bf16_##isa(float *y, const float *x,   \
                                                                       size_t count)               \
    {                                                                                              \
        round_bf16(y, x, count);                                                                   \
    }                                                                                              \
    __attribute__((target(instructions))) static void narrow_bf16_##isa(                           \
        uint16_t *y, const float *x, size_t count)                                                 \
    {                                                                                              \
        narrow_bf16(y, x, count);                                                                  \
    }                                                                                              \
    __attribute__((target(instructions))) static void pair_bf16_##isa(                             \
        uint32_t *y, size_t y_ld, const float *x, size_t ld, size_t n_rows, size_t count)          \
    {                                                                                              \
        pair_bf16(y, y_ld, x, ld, n_rows, count);                                                  \
    }                                                                                              \
    __attribute__((target(instructions))) static void widen_bf16_##isa(                            \
        float *y, const uint16_t *x, size_t count)                                                 \
    {                                                                                              \
        widen_bf16(y, x, count);                                                                   \
    }                                                                                              \
    __attribute__((target(instructions))) static void turn_##isa(                                  \
        void *to, size_t to_bytes, const void *from, size_t from_bytes)                            \
    {                                                                                              \
        turn(to, to_bytes, from, from_bytes);                                                      \
    }                                                                                              \
    static const lb_vector vector_##isa = {#isa,                                                   \
                                           maximum_##isa,                                          \
                                           exponential_##isa,                                      \
                                           dot_##isa,                                              \
                                           moments_add_##isa,                                      \
                                           softmax_backward_##isa,                                 \
                                           silu_forward_##isa,                                     \
                                           silu_backward_##isa,                                    \
                                           round_bf16_##isa,                                       \
                                           narrow_bf16_##isa,                                      \
                                           pair_bf16_##isa,                                        \
                                           widen_bf16_##isa,                                       \
                                           turn_##isa}

VECTOR_ROW(baseline, "sse2");
VECTOR_ROW(avx2, "avx2");
VECTOR_ROW(avx512, "avx512f,avx512dq,avx512bw");

const lb_vector *lb_vector_at(const lb_cpu *cpu, size_t index)
{
    const struct
    {
        const lb_vector *vector;
        bool can_run;
    } rows[] = {
        {&vector_baseline, true}, {&vector_avx2, cpu->has_avx2}, {&vector_avx512, cpu->has_avx512}};
    if (index >= sizeof rows / sizeof rows[0] || !rows[index].can_run)
    {
        return NULL;
    }
    return rows[index].vector;
}

const lb_vector *lb_vector_choose(const lb_cpu *cpu)
{
    const lb_vector *best = lb_vector_at(cpu, 0);
    for (size_t i = 1; lb_vector_at(cpu, i) != NULL; i++)
    {
        best = lb_vector_at(cpu, i);
    }
    return best;
}
