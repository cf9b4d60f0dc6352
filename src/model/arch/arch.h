/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/model: the families that there are, one file each beside this one, and the rows
 * that their tables are written with. A module is a tensor's name without ".weight" or ".bias".
 */
#ifndef LB_MODEL_ARCH_ARCH_H
#define LB_MODEL_ARCH_ARCH_H

#include "model/program.h"

extern const lb_architecture lb_llama; /* LlamaForCausalLM */

/* A table and its length. */
#define LB_TABLE(rows) (rows), sizeof(rows) / sizeof *(rows)

#define LB_PARTS(rows) .parts = (rows), .n_parts = sizeof(rows) / sizeof *(rows)

/* Arguments are initialisers and parts of strings. NOLINTBEGIN(bugprone-macro-parentheses) */
/* Tensors. CALLED is what an adapter's configuration calls the module. */
#define LB_MATRIX(module, out, in, called) \
    {.name = module ".weight", .shape = {out, in}, .role = LB_TENSOR_MATRIX, .target = called}
#define LB_BIAS(module, out, when) \
    {.name = module ".bias", .shape = {out}, .role = LB_TENSOR_BIAS, .is_present = when}
#define LB_GAIN(module, width) {.name = module ".weight", .shape = {width}, .role = LB_TENSOR_GAIN}

/* Steps. */
#define LB_NORM(input, to, module) \
    {.op = LB_OP_NORM, .inputs = {input}, .output = to, .weight = module ".weight"}
#define LB_LINEAR(input, to, module) \
    {.op = LB_OP_LINEAR,             \
     .inputs = {input},              \
     .output = to,                   \
     .weight = module ".weight",     \
     .bias = module ".bias"}
#define LB_ROPE(value) {.op = LB_OP_ROPE, .inputs = {value}, .output = value}
#define LB_ATTENTION(q, k, v, to) {.op = LB_OP_ATTENTION, .inputs = {q, k, v}, .output = to}
#define LB_SWIGLU(gate, up, to) {.op = LB_OP_SWIGLU, .inputs = {gate, up}, .output = to}
#define LB_ADD(value, term) {.op = LB_OP_ADD, .inputs = {value, term}, .output = value}
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
