/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/model: what a family of models is made of, and how it is computed. A family
 * (arch/NAME.c) is a table: of the tensors in its files, and of the steps that compute with them.
 * program.c turns the steps of a part into a program, with names resolved, widths worked out and
 * every edge checked. Four walks go over it: forward.c, backward.c, lifetimes.c (which arrays may
 * share memory) and activations.c (which hands the memory out). Operations are the rows of ops.c.
 */
#ifndef LB_MODEL_PROGRAM_H
#define LB_MODEL_PROGRAM_H

#include "model/model.h"

/* ---- a family's tables --------------------------------------------------------------------------
 */

typedef enum lb_width
{
    LB_WIDTH_NONE, /* as the second of a shape: the tensor has one dimension */
    LB_WIDTH_MODEL,
    LB_WIDTH_FFN,
    LB_WIDTH_QUERY,     /* all query heads */
    LB_WIDTH_KEY_VALUE, /* all key/value heads */
    LB_WIDTH_VOCABULARY,
    LB_WIDTH_COUNT
} lb_width;

typedef struct lb_tensor_rule
{
    const char *name; /* in the file, behind the part's prefix */
    lb_width shape[2];
    lb_tensor_role role;
    bool (*is_present)(const lb_config *config); /* NULL: always */
    const char *target; /* what an adapter's configuration calls it; NULL: takes no adapter */
} lb_tensor_rule;

typedef enum lb_op
{
    LB_OP_EMBEDDING, /* -> rows of the weight */
    LB_OP_NORM,      /* x -> RMSNorm(x) with the weight as gain */
    LB_OP_LINEAR,    /* x -> x weight^T + bias, and what an adapter adds */
    LB_OP_ROPE,      /* x -> x turned by its positions, head by head, in place */
    LB_OP_ATTENTION, /* q, k, v -> causal attention */
    LB_OP_SWIGLU,    /* gate, up -> silu(gate) * up */
    LB_OP_ADD,       /* x, y -> x + y, in place of x */
    LB_OP_COUNT
} lb_op;

#define LB_STEP_INPUTS 3

/* Values are named; "x" enters a part, and what its last step writes leaves it. A value is written
 * by one step, and changed by in-place ones (whose output is their first input) before any other
 * step reads it. */
typedef struct lb_step
{
    lb_op op;
    const char *inputs[LB_STEP_INPUTS];
    const char *output;
    const char *weight, *bias; /* names of the part's rules, or NULL; an absent bias is none */
} lb_step;

typedef struct lb_part
{
    const char *prefix; /* of its tensors' names; %zu stands for the layer's number */
    const lb_tensor_rule *rules;
    size_t n_rules;
    const lb_step *steps;
    size_t n_steps;
} lb_part;

/* Defaults are those of the family's configuration class in transformers. */
struct lb_architecture
{
    const char *name;       /* in "architectures" of config.json */
    const char *activation; /* the only one it is computed with */
    double norm_epsilon, rope_theta;
    size_t max_length;
    bool has_tied_head;
    bool has_bias_fields; /* attention_bias and mlp_bias say which projections have biases */
    /* First what leads from the tokens to the first layer, then each kind of layer, then what leads
     * from the rows that predict to what the head takes. */
    const lb_part *parts;
    size_t n_parts;
    size_t (*part_of)(const lb_config *config, size_t layer); /* NULL: all layers are parts[1] */
};

/* Those that there are; NULL past the last. */
const lb_architecture *lb_architecture_at(size_t index);

/* ---- programs (program.c, ops.c) ----------------------------------------------------------------
 */

#define LB_MOST_STEPS 48
#define LB_MOST_VALUES 64 /* a bit each in a mask */
#define LB_NO_INDEX UINT8_MAX

typedef enum lb_keeping
{
    LB_PASSING, /* no backward reads it */
    LB_KEPT,
    LB_AGAIN /* computed again for the backward: its steps are passes over memory, which cost less
                than to keep it for every layer */
} lb_keeping;

/* An array of a part: a value of its table, or what a step leaves beside its output (1/rms, the
 * log of a sum). */
typedef struct lb_program_value
{
    const char *name;        /* NULL: of what is left beside an output */
    size_t width;            /* elements a row */
    uint8_t first;           /* step that writes it; 0 for what enters */
    uint8_t last;            /* step that reads it last; n_steps for what leaves */
    uint8_t highest, lowest; /* steps whose backward reads it; highest < lowest: none */
    lb_keeping keeping;
    uint8_t gradient; /* the value in whose array its gradient stands: itself, or one that it was
                         added to */
} lb_program_value;

typedef struct lb_bound_step
{
    const struct lb_op_row *op;
    uint8_t inputs[LB_STEP_INPUTS];
    uint8_t output, side;   /* LB_NO_INDEX: nothing beside the output */
    uint8_t weight, bias;   /* of the part's rules, or LB_NO_INDEX */
    uint8_t clears;         /* a bit for each input whose gradient is first added to here */
    uint8_t computes_again; /* a bit for each input that the backward computes again before it */
} lb_bound_step;

typedef struct lb_program
{
    const lb_part *part;
    lb_bound_step steps[LB_MOST_STEPS];
    lb_program_value values[LB_MOST_VALUES];
    size_t n_steps, n_values;
    uint8_t input, output; /* values; LB_NO_INDEX: nothing enters */
    /* Where only some rows matter at the end: the steps from here on run on those alone, once the
     * values of the mask are cut down to them. Before stands what keys and values depend on. */
    size_t n_on_all;
    uint64_t cut_down;
} lb_program;

/* Widths of CONFIG by lb_width. */
lobass_status lb_widths_compute(size_t widths[LB_WIDTH_COUNT], const lb_config *config,
                                lobass_error *error);
/* Refuses a table that does not fit together, naming the step: LOBASS_BAD_ARGUMENT. */
lobass_status lb_program_build(lb_program *program, const lb_part *part, const lb_config *config,
                               lobass_error *error);
/* PROGRAMS[the family's n_parts]; free() them, after a failure too. */
lobass_status lb_programs_create(lb_program **programs, const lb_config *config,
                                 lobass_error *error);

/* ---- walking over one (forward.c, backward.c) ---------------------------------------------------
 */

/* The rows that a step runs on. */
typedef struct lb_rows
{
    size_t n;
    const uint32_t *tokens; /* [n] ascending, of the batch; NULL: all */
    const uint32_t *positions;
} lb_rows;

typedef struct lb_walk
{
    struct lb_decoder *decoder;
    const lb_batch *batch;
    const lb_program *program;
    const lb_parameter *const *weights; /* [n_rules] */
    size_t layer;
    float *const *values;    /* [n_values] */
    float *const *gradients; /* [n_values]; backward only */
    float *const *grads;     /* of what is trained, as lb_decoder_backward got them */
    lb_rows rows;
    const lb_rows *needed; /* NULL: all rows to the end */
} lb_walk;

lobass_status lb_program_forward(lb_walk *walk, lobass_error *error);
/* After a forward: the gradient of the output stands in its array, and the input's is added up. */
lobass_status lb_program_backward(const lb_walk *walk, lobass_error *error);
/* Where the gradient of PARAMETER (NULL: none) is added up; NULL: it is not trained. */
float *lb_walk_grad(const lb_walk *walk, const lb_parameter *parameter);

/* What an operation is made of. */
typedef struct lb_op_row
{
    const char *name;
    uint8_t n_inputs;
    bool has_weight, may_have_bias;
    bool is_in_place;
    bool is_cheap;     /* a pass over memory */
    bool overwrites;   /* its backward writes gradients instead of adding to them */
    bool passes;       /* inputs[1] has the gradient of the output: the same array, if it can be */
    uint8_t across;    /* a bit for each input of which it reads all rows of a sequence */
    uint8_t reads;     /* a bit for each input that its backward reads */
    bool reads_output; /* its backward does */
    /* Widths of the output and of what is left beside it (0: nothing); false: they do not fit. */
    bool (*fit)(const lb_config *config, const size_t *in, const size_t *weight, size_t *out,
                size_t *side);
    lobass_status (*forward)(const lb_walk *walk, const lb_bound_step *step, lobass_error *error);
    lobass_status (*backward)(const lb_walk *walk, const lb_bound_step *step, lobass_error *error);
} lb_op_row;

extern const lb_op_row lb_op_rows[LB_OP_COUNT];

/* ---- memory (lifetimes.c) -----------------------------------------------------------------------
 */

/* Where the arrays of a part stand that no other part's forward or backward needs: those whose
 * lives do not overlap share a slot. */
typedef struct lb_lifetimes
{
    uint8_t values[LB_MOST_VALUES];    /* slot; LB_NO_INDEX: kept, or enters or leaves the part */
    uint8_t gradients[LB_MOST_VALUES]; /* slot by lb_program_value.gradient; LB_NO_INDEX: leaves */
    size_t widths[2 * LB_MOST_VALUES]; /* elements a row, of each slot */
    size_t n_slots;
} lb_lifetimes;

void lb_lifetimes_find(lb_lifetimes *lifetimes, const lb_program *program, bool is_training);

#endif
