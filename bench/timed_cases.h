/* SPDX-License-Identifier: Apache-2.0
 *
 * Cases for timing beside those of tests/grad/op_cases.h, of the same kinds: the shapes of
 * smollm-135m (d 576, ffn 1536, 9 heads of 64 on 3, 49,152 words) and tinyllama-1.1b (d 2048, ffn
 * 5632, 32 heads of 64 on 4, 32,000 words), and the small heads of stories260K (8 of 8 on 4).
 */
#ifndef TIMED_CASES_H
#define TIMED_CASES_H

#include "grad/op_cases.h"

/* clang-format off */
static const op_case timed_cases[] = {
    {"smollm q and o",       &op_linear, .n = 2048, .d = 576,  .n_out = 576},
    {"smollm k and v",       &op_linear, .n = 2048, .d = 576,  .n_out = 192},
    {"smollm gate and up",   &op_linear, .n = 2048, .d = 576,  .n_out = 1536},
    {"smollm down",          &op_linear, .n = 2048, .d = 1536, .n_out = 576},
    {"smollm q and o",       &op_linear, .n = 2048, .d = 576,  .n_out = 576,  .is_bf16 = true},
    {"smollm k and v",       &op_linear, .n = 2048, .d = 576,  .n_out = 192,  .is_bf16 = true},
    {"smollm gate and up",   &op_linear, .n = 2048, .d = 576,  .n_out = 1536, .is_bf16 = true},
    {"smollm down",          &op_linear, .n = 2048, .d = 1536, .n_out = 576,  .is_bf16 = true},
    {"smollm short gate",    &op_linear, .n = 64,   .d = 576,  .n_out = 1536},
    {"smollm short gate",    &op_linear, .n = 64,   .d = 576,  .n_out = 1536, .is_bf16 = true},
    {"tinyllama q and o",    &op_linear, .n = 1024, .d = 2048, .n_out = 2048},
    {"tinyllama gate and up",&op_linear, .n = 1024, .d = 2048, .n_out = 5632},
    {"tinyllama down",       &op_linear, .n = 1024, .d = 5632, .n_out = 2048},
    {"tinyllama q and o",    &op_linear, .n = 1024, .d = 2048, .n_out = 2048, .is_bf16 = true},
    {"tinyllama gate and up",&op_linear, .n = 1024, .d = 2048, .n_out = 5632, .is_bf16 = true},
    {"tinyllama down",       &op_linear, .n = 1024, .d = 5632, .n_out = 2048, .is_bf16 = true},
    {"smollm",               &op_embedding, .n = 2048, .d = 576,  .n_out = 49152},
    {"smollm",               &op_embedding, .n = 2048, .d = 576,  .n_out = 49152, .is_bf16 = true},
    {"smollm",               &op_rms_norm,  .n = 2048, .d = 576},
    {"tinyllama",            &op_rms_norm,  .n = 1024, .d = 2048},
    {"smollm queries",       &op_rope, .h = 9,  .s = 64, .lengths = {400, 200, 110, 90, 64, 32}},
    {"tinyllama queries",    &op_rope, .h = 32, .s = 64, .lengths = {400, 200, 110, 90, 64, 32}},
    {"stories260K rows",     &op_attention, .h = 8,  .g = 4, .s = 8,
     .lengths = {110, 110, 110, 110, 110, 110}},
    {"stories260K long",     &op_attention, .h = 8,  .g = 4, .s = 8,  .lengths = {512, 512}},
    {"smollm rows",          &op_attention, .h = 9,  .g = 3, .s = 64,
     .lengths = {110, 110, 110, 110, 110, 110}},
    {"smollm long",          &op_attention, .h = 9,  .g = 3, .s = 64, .lengths = {512, 512}},
    {"smollm document",      &op_attention, .h = 9,  .g = 3, .s = 64, .lengths = {2048}},
    {"tinyllama rows",       &op_attention, .h = 32, .g = 4, .s = 64,
     .lengths = {110, 110, 110, 110, 110, 110}},
    {"tinyllama long",       &op_attention, .h = 32, .g = 4, .s = 64, .lengths = {512, 512}},
    {"smollm",               &op_swiglu, .n = 2048, .d = 1536},
    {"tinyllama",            &op_swiglu, .n = 1024, .d = 5632},
    {"smollm",               &op_add,    .n = 2048, .d = 576},
    {"tinyllama",            &op_add,    .n = 1024, .d = 2048},
    {"smollm",               &op_cross_entropy, .n = 512, .d = 576,  .n_out = 49152},
    {"smollm",               &op_cross_entropy, .n = 512, .d = 576,  .n_out = 49152,
     .is_bf16 = true},
    {"tinyllama",            &op_cross_entropy, .n = 512, .d = 2048, .n_out = 32000},
    {"tinyllama",            &op_cross_entropy, .n = 512, .d = 2048, .n_out = 32000,
     .is_bf16 = true},
};
/* clang-format on */

enum
{
    N_TIMED_CASES = sizeof timed_cases / sizeof timed_cases[0]
};

#endif
