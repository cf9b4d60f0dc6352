/* SPDX-License-Identifier: Apache-2.0
 *
 * Layer programs apart from Llama's: a family of three kinds of layers in another order of steps
 * (one with parallel halves that read the same input through norms of their own and without
 * positions, one with norms behind each half, one in which values that come again depend on each
 * other) has the gradients that finite differences say, the same bits in scoring, training and
 * recomputing; a table that does not fit together is refused by its step; memory is counted by what
 * the programs keep.
 */
#include "unit/model/fixture.h"

#include <math.h>

#include "model/arch/arch.h"

/* ---- a family of the test's own ----------------------------------------------------------------
 */

static const lb_tensor_rule before_rules[] = {
    {.name = "words", .shape = {LB_WIDTH_VOCABULARY, LB_WIDTH_MODEL}, .role = LB_TENSOR_EMBEDDING},
    LB_GAIN("words_norm", LB_WIDTH_MODEL),
};

/* A norm behind the embedding: what leaves is not what the first step wrote. */
static const lb_step before_steps[] = {
    {.op = LB_OP_EMBEDDING, .output = "word", .weight = "words"},
    LB_NORM("word", "x", "words_norm"),
};

static bool is_always(const lb_config *config)
{
    return config != NULL;
}

#define LAYER_MATRICES                                           \
    LB_MATRIX("q", LB_WIDTH_QUERY, LB_WIDTH_MODEL, "q"),         \
        LB_MATRIX("k", LB_WIDTH_KEY_VALUE, LB_WIDTH_MODEL, "k"), \
        LB_MATRIX("v", LB_WIDTH_KEY_VALUE, LB_WIDTH_MODEL, "v"), \
        LB_BIAS("v", LB_WIDTH_KEY_VALUE, is_always),             \
        LB_MATRIX("o", LB_WIDTH_MODEL, LB_WIDTH_QUERY, "o"),     \
        LB_MATRIX("gate", LB_WIDTH_FFN, LB_WIDTH_MODEL, "gate"), \
        LB_MATRIX("up", LB_WIDTH_FFN, LB_WIDTH_MODEL, "up"),     \
        LB_MATRIX("down", LB_WIDTH_MODEL, LB_WIDTH_FFN, "down")
/* A part of a string. NOLINTBEGIN(bugprone-macro-parentheses) */
#define PLAIN(input, to, module) \
    {.op = LB_OP_LINEAR, .inputs = {input}, .output = to, .weight = module ".weight"}
/* NOLINTEND(bugprone-macro-parentheses) */

static const lb_tensor_rule parallel_rules[] = {
    LB_GAIN("norm1", LB_WIDTH_MODEL),
    LB_GAIN("norm2", LB_WIDTH_MODEL),
    LAYER_MATRICES,
};

/* x + o(attention(norm1(x))) + down(swiglu(norm2(x))), queries first, no positions. */
static const lb_step parallel_steps[] = {
    LB_NORM("x", "a", "norm1"),
    PLAIN("a", "q", "q"),
    PLAIN("a", "k", "k"),
    LB_LINEAR("a", "v", "v"),
    LB_ATTENTION("q", "k", "v", "heads"),
    PLAIN("heads", "first", "o"),
    LB_NORM("x", "b", "norm2"),
    PLAIN("b", "gate", "gate"),
    PLAIN("b", "up", "up"),
    LB_SWIGLU("gate", "up", "active"),
    PLAIN("active", "next", "down"),
    LB_ADD("next", "first"),
    LB_ADD("next", "x"),
};

static const lb_tensor_rule behind_rules[] = {
    LB_GAIN("norm1", LB_WIDTH_MODEL),
    LB_GAIN("norm2", LB_WIDTH_MODEL),
    LB_GAIN("q_norm", LB_WIDTH_QUERY),
    LAYER_MATRICES,
};

/* x += norm1(o(attention(x))), x += norm2(down(swiglu(x))), with a norm of the queries. */
static const lb_step behind_steps[] = {
    PLAIN("x", "k", "k"),
    LB_ROPE("k"),
    LB_LINEAR("x", "v", "v"),
    PLAIN("x", "q_raw", "q"),
    LB_NORM("q_raw", "q", "q_norm"),
    LB_ROPE("q"),
    LB_ATTENTION("q", "k", "v", "heads"),
    PLAIN("heads", "first", "o"),
    LB_NORM("first", "middle", "norm1"),
    LB_ADD("middle", "x"),
    PLAIN("middle", "up", "up"),
    PLAIN("middle", "gate", "gate"),
    LB_SWIGLU("gate", "up", "active"),
    PLAIN("active", "second", "down"),
    LB_NORM("second", "next", "norm2"),
    LB_ADD("next", "middle"),
};

#define SQUARE(module) LB_MATRIX(module, LB_WIDTH_MODEL, LB_WIDTH_MODEL, module)

static const lb_tensor_rule again_rules[] = {
    LB_GAIN("norm1", LB_WIDTH_MODEL),
    LB_GAIN("norm2", LB_WIDTH_MODEL),
    LB_GAIN("norm3", LB_WIDTH_MODEL),
    SQUARE("first"),
    SQUARE("second"),
    SQUARE("third"),
};

/* v and w could both come again, but v is made of w and wanted before it. */
static const lb_step again_steps[] = {
    LB_NORM("x", "v", "norm1"), PLAIN("x", "y", "first"),
    LB_NORM("y", "w", "norm2"), PLAIN("w", "z", "second"),
    LB_ADD("v", "w"),           PLAIN("v", "u", "third"),
    LB_ADD("u", "z"),           LB_NORM("u", "next", "norm3"),
};

static const lb_tensor_rule after_rules[] = {
    LB_GAIN("last_norm", LB_WIDTH_MODEL),
    {.name = "head", .shape = {LB_WIDTH_VOCABULARY, LB_WIDTH_MODEL}, .role = LB_TENSOR_HEAD},
};

static const lb_step after_steps[] = {
    LB_NORM("x", "hidden", "last_norm"),
};

static const lb_part parts[] = {
    {"", LB_TABLE(before_rules), LB_TABLE(before_steps)},
    {"parallel.%zu.", LB_TABLE(parallel_rules), LB_TABLE(parallel_steps)},
    {"behind.%zu.", LB_TABLE(behind_rules), LB_TABLE(behind_steps)},
    {"again.%zu.", LB_TABLE(again_rules), LB_TABLE(again_steps)},
    {"", LB_TABLE(after_rules), LB_TABLE(after_steps)},
};

static size_t part_of(const lb_config *config, size_t layer)
{
    (void)config;
    return layer % 3 + 1;
}

static const lb_architecture family = {.name = "Test", LB_PARTS(parts), .part_of = part_of};

static lb_config family_config(void)
{
    lb_config config = fixture_config(false, false);
    config.family = &family;
    config.n_layers = 5;
    return config;
}

/* ---- numbers -----------------------------------------------------------------------------------
 */

static const uint32_t lengths[] = {9, 1, 6};

static float **gradients_of(const lb_model *model, lb_decoder_use use, const lb_batch *batch,
                            float *nll)
{
    lb_compute *compute = fixture_compute(NULL, 1);
    lb_decoder *decoder = NULL;
    float **grads = calloc(model->n_parameters, sizeof *grads);
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        grads[i] = calloc(model->parameters[i].count, sizeof **grads);
    }
    assert_ok(lb_decoder_create(&decoder, model, compute, batch->n_tokens, use, error));
    assert_ok(lb_decoder_forward(decoder, batch, nll, NULL, error));
    if (use != LB_DECODER_SCORE)
    {
        assert_ok(lb_decoder_backward(decoder, batch, 1.0F, grads, error));
    }
    lb_decoder_free(decoder);
    lb_compute_free(compute);
    return grads;
}

static void free_gradients(const lb_model *model, float **grads)
{
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        free(grads[i]);
    }
    free(grads);
}

static double loss_of(lb_decoder *decoder, const lb_batch *batch)
{
    float nll[FIXTURE_MOST_TOKENS];
    double sum = 0;
    assert_ok(lb_decoder_forward(decoder, batch, nll, NULL, error));
    for (size_t i = 0; i < batch->n_scored; i++)
    {
        sum += (double)nll[i];
    }
    return sum;
}

#define N_SAMPLES 12
#define DIFFERENCE 0.01
/* Of a tensor's largest gradient; losses are fp32. Measured: 1.4e-3. A term that is missing, or
 * added twice, is of the order of 1. */
#define TOLERANCE 5e-3

/* (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12h */
static double difference(lb_decoder *decoder, const lb_batch *batch, float *element)
{
    static const double places[] = {-2.0, -1.0, 1.0, 2.0};
    static const double weights[] = {1.0, -8.0, 8.0, -1.0};
    const float old = *element;
    double sum = 0;
    for (size_t i = 0; i < 4; i++)
    {
        *element = (float)((double)old + places[i] * DIFFERENCE);
        sum += weights[i] * loss_of(decoder, batch);
    }
    *element = old;
    return sum / (12.0 * DIFFERENCE);
}

static void test_gradients(void **state)
{
    (void)state;
    const lb_config config = family_config();
    lb_model *model = fixture_model(&config, 21);
    fixture_batch made;
    fixture_fill(&made, lengths, 3, config.n_vocabulary, 0.8, 22);
    float nll[FIXTURE_MOST_TOKENS];
    float **grads = gradients_of(model, LB_DECODER_TRAIN, &made.batch, nll);
    lb_compute *compute = fixture_compute(NULL, 1);
    lb_decoder *decoder = NULL;
    double worst = 0;
    assert_ok(
        lb_decoder_create(&decoder, model, compute, made.batch.n_tokens, LB_DECODER_SCORE, error));
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        lb_parameter *parameter = &model->parameters[i];
        double largest = 0;
        for (size_t j = 0; j < parameter->count; j++)
        {
            largest = fmax(largest, fabs((double)grads[i][j]));
        }
        assert_true(parameter->count > 0 && largest > 1e-3);
        for (size_t sample = 0; sample < N_SAMPLES; sample++)
        {
            const size_t j = parameter->count == 0 ? 0 : sample * 7919 % parameter->count;
            const double expected = difference(decoder, &made.batch, &parameter->master[j]);
            const double off = fabs(expected - (double)grads[i][j]) / largest;
            worst = fmax(worst, off);
            if (!(off <= TOLERANCE))
            {
                fail_msg("%s[%zu]: expected %.6g, found %.6g", parameter->name, j, expected,
                         (double)grads[i][j]);
            }
        }
    }
    print_message("largest difference %.1e of a tensor's largest gradient\n", worst);
    lb_decoder_free(decoder);
    lb_compute_free(compute);
    free_gradients(model, grads);
    lb_model_free(model);
}

static void test_same_bits(void **state)
{
    (void)state;
    const lb_config config = family_config();
    lb_model *model = fixture_model(&config, 23);
    fixture_batch made;
    fixture_fill(&made, lengths, 3, config.n_vocabulary, 0.6, 24);
    float nll[3][FIXTURE_MOST_TOKENS];
    float **grads[3];
    static const lb_decoder_use uses[] = {LB_DECODER_TRAIN, LB_DECODER_RECOMPUTE, LB_DECODER_SCORE};
    for (size_t k = 0; k < 3; k++)
    {
        grads[k] = gradients_of(model, uses[k], &made.batch, nll[k]);
        assert_memory_equal(nll[0], nll[k], made.batch.n_scored * sizeof **nll);
    }
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        assert_memory_equal(grads[0][i], grads[1][i], model->parameters[i].count * sizeof(float));
    }
    for (size_t k = 0; k < 3; k++)
    {
        free_gradients(model, grads[k]);
    }
    lb_model_free(model);
}

/* ---- tables that do not fit --------------------------------------------------------------------
 */

static const lb_tensor_rule small_rules[] = {
    LB_GAIN("norm", LB_WIDTH_MODEL),
    LB_MATRIX("up", LB_WIDTH_FFN, LB_WIDTH_MODEL, "up"),
    LB_MATRIX("down", LB_WIDTH_MODEL, LB_WIDTH_FFN, "down"),
    LB_BIAS("up", LB_WIDTH_MODEL, is_always),
};

#define MOST_STEPS 8

static const struct
{
    size_t n_rules;
    lb_step steps[MOST_STEPS];
    const char *message; /* NULL: it fits */
} tables[] = {
    {3,
     {LB_NORM("x", "n", "norm"), PLAIN("n", "u", "up"), PLAIN("u", "y", "down"), LB_ADD("y", "x")},
     NULL},
    {3,
     {LB_NORM("x", "n", "norm"), PLAIN("m", "u", "up"), PLAIN("u", "y", "down"), LB_ADD("y", "x")},
     "Test: step 2 (linear -> \"u\"): no step before it writes \"m\""},
    {3,
     {LB_NORM("x", "n", "norm"), PLAIN("n", "u", "up"), PLAIN("n", "y", "down"), LB_ADD("y", "x")},
     "Test: step 3 (linear -> \"y\"): the widths of what it takes do not fit"},
    {4,
     {LB_NORM("x", "n", "norm"), LB_LINEAR("n", "u", "up"), PLAIN("u", "y", "down"),
      LB_ADD("y", "x")},
     "Test: step 2 (linear -> \"u\"): the widths of what it takes do not fit"},
    {3,
     {LB_NORM("x", "n", "norm"), PLAIN("n", "u", "up"), PLAIN("u", "y", "down")},
     NULL}, /* no residual, but it fits */
    {3,
     {LB_NORM("x", "n", "norm"), PLAIN("x", "u", "up"), PLAIN("u", "y", "down"), LB_ADD("y", "x")},
     "Test: step 1 (norm -> \"n\"): no step reads \"n\""},
    {3,
     {LB_NORM("x", "n", "norm"), PLAIN("n", "u", "up"), PLAIN("u", "n", "down")},
     "Test: step 3 (linear -> \"n\"): a step before it writes \"n\""},
    {3,
     {LB_NORM("x", "n", "norm"), PLAIN("n", "u", "up"), PLAIN("u", "y", "down"), LB_ADD("x", "y")},
     "Test: step 4 (add -> \"x\"): a step before it has read what it changes, \"x\""},
    {3,
     {LB_NORM("x", "n", "norm"), PLAIN("n", "u", "wide"), PLAIN("u", "y", "down")},
     "Test: step 2 (linear -> \"u\"): no such tensor to compute with: \"wide.weight\""},
    {4,
     {LB_NORM("x", "n", "norm"), PLAIN("n", "u", "up"), PLAIN("u", "y", "down")},
     "Test: no step takes tensor \"up.bias\""},
    {3,
     {LB_NORM("x", "n", "norm"), PLAIN("n", "u", "up"), PLAIN("u", "y", "down"), LB_ADD("y", "x"),
      LB_ADD("y", NULL)},
     "Test: step 5 (add -> \"y\"): expected another number of inputs"},
    {3,
     {LB_NORM("x", "n", "norm"), PLAIN("n", "u", "up"), PLAIN("n", "w", "up"),
      LB_SWIGLU("w", "u", "z"), PLAIN("z", "e", "down"), PLAIN("u", "f", "down"), LB_ADD("e", "f")},
     "Test: step 4 (swiglu -> \"z\"): its backward overwrites what another adds to, in \"u\""},
    {2,
     {LB_NORM("x", "n", "norm"), PLAIN("n", "u", "up")},
     "Test: step 2 (linear -> \"u\"): expected the model's width of \"u\""},
};

static void test_refusals(void **state)
{
    (void)state;
    const lb_config config = family_config();
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    {
        static lb_program program;
        lb_part part = {.prefix = "",
                        .rules = small_rules,
                        .n_rules = tables[i].n_rules,
                        .steps = tables[i].steps};
        while (part.n_steps < MOST_STEPS && tables[i].steps[part.n_steps].output != NULL)
        {
            part.n_steps++;
        }
        if (tables[i].message == NULL)
        {
            assert_ok(lb_program_build(&program, &part, &config, error));
            continue;
        }
        assert_fails(LOBASS_BAD_ARGUMENT, tables[i].message,
                     lb_program_build(&program, &part, &config, error));
    }
}

/* ---- memory and names --------------------------------------------------------------------------
 */

static size_t bytes_of(size_t n_layers, lb_decoder_use use)
{
    lb_config config = fixture_config(true, false);
    size_t found = 0;
    config.n_layers = n_layers;
    assert_ok(lb_decoder_bytes(&found, &config, 64, use, error));
    return found;
}

/* By hand: a layer keeps what it computes products from (middle, next: 16; q, heads: 24; k, v: 12;
 * gate, up: 28), and a log of a sum for each of 4 heads; normed and active come again. */
static void test_memory(void **state)
{
    (void)state;
    const size_t kept = 2 * 16 + 2 * 24 + 2 * 12 + 2 * 28 + 4;
    assert_int_equal(64 * sizeof(float) * kept,
                     bytes_of(3, LB_DECODER_TRAIN) - bytes_of(2, LB_DECODER_TRAIN));
    assert_int_equal(64 * sizeof(float) * 16,
                     bytes_of(3, LB_DECODER_RECOMPUTE) - bytes_of(2, LB_DECODER_RECOMPUTE));
    assert_int_equal(bytes_of(3, LB_DECODER_SCORE), bytes_of(2, LB_DECODER_SCORE));
    assert_true(bytes_of(2, LB_DECODER_SCORE) < bytes_of(2, LB_DECODER_RECOMPUTE));
    assert_true(bytes_of(2, LB_DECODER_RECOMPUTE) < bytes_of(2, LB_DECODER_TRAIN));
}

static void test_target_names(void **state)
{
    (void)state;
    uint32_t all = 0;
    unsigned bit = 0;
    for (; lb_lora_target_name(bit) != NULL; bit++)
    {
        all |= 1U << bit;
    }
    assert_int_equal(LB_LORA_ALL_LINEAR, all);
    assert_string_equal("q_proj", lb_lora_target_name(0));
    assert_string_equal("down_proj", lb_lora_target_name(bit - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),    cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_memory),
        cmocka_unit_test(test_target_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
