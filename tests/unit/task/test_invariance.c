/* SPDX-License-Identifier: Apache-2.0
 *
 * A row's losses and el2n are the same bits whatever it travels with: alone, packed with others in
 * any order, with what they have in common computed once, and packed by groups. In fp32 and bf16,
 * with every instruction set that this machine has, without an adapter and with one.
 */
#include "data/data.h"
#include "instruction_sets.h"
#include "model/model.h"

enum
{
    N_ROWS = 12,
    LONGEST = 330,
    MOST_TOKENS = N_ROWS * LONGEST
};

typedef struct row
{
    int32_t ids[LONGEST];
    uint8_t flags[LONGEST];
    size_t length, n_scored;
    float alone[LONGEST]; /* losses */
    float alone_el2n[LONGEST];
} row;

/* Rows of 20 to 120 tokens and a long one; two introductions, one of which has two ways on. */
static void rows_make(row rows[N_ROWS], size_t n_vocabulary)
{
    lb_random random;
    lb_random_init(&random, 6);
    for (size_t i = 0; i < N_ROWS; i++)
    {
        row *r = &rows[i];
        const size_t n_prefix = i == 0 ? 0 : i < 7 ? 24 + i % 2 * 16 : 9;
        r->length = i == 5 ? LONGEST : n_prefix + 20 + (size_t)lb_random_below(&random, 60);
        const size_t first = n_prefix + 3 + i % 4;
        r->n_scored = 0;
        for (size_t t = 0; t < r->length; t++)
        {
            const size_t from_prefix = i < 7 ? 7 * t + t / 24 * (i % 2) : 11 * t;
            r->ids[t] = t < n_prefix ? (int32_t)(from_prefix % n_vocabulary)
                                     : (int32_t)lb_random_below(&random, n_vocabulary);
            r->flags[t] = t >= first && t % 5 != 0 ? LOBASS_TOKEN_SCORED : 0;
            r->n_scored += r->flags[t] != 0;
        }
    }
}

static lb_config small_config(void)
{
    lb_config config = {.n_layers = 2,
                        .d_model = 40,
                        .d_ffn = 1100, /* more than one slice of the inner dimension in fp32 */
                        .n_heads = 6,
                        .n_kv_heads = 2,
                        .head_size = 16,
                        .n_vocabulary = 9001, /* more words than one chunk of cross-entropy has */
                        .max_length = 512,
                        .norm_epsilon = 1e-5F,
                        .initializer_range = 0.08,
                        .has_tied_head = true,
                        .rope_theta = 10000.0,
                        .eos = -1};
    config.family = lb_architecture_find("LlamaForCausalLM");
    return config;
}

/* The rows that ORDER names, in one batch; every loss must be that of the row alone. */
static void check_order(lb_decoder *decoder, const row *rows, const size_t *order, size_t n_rows,
                        bool is_shared)
{
    static float nll[MOST_TOKENS];
    static float el2n[MOST_TOKENS];
    lb_batch_builder builder = {0};
    size_t at = 0;
    size_t n_tokens = 0;
    lb_batch_builder_reset(&builder);
    for (size_t i = 0; i < n_rows; i++)
    {
        const row *r = &rows[order[i]];
        n_tokens += r->length;
        assert_int_equal(lb_batch_builder_add(&builder, r->ids, r->flags, r->length, NULL), 0);
    }
    if (is_shared)
    {
        assert_int_equal(lb_batch_builder_share(&builder, NULL), LOBASS_OK);
        assert_true(n_rows == 1 || builder.batch.n_tokens < n_tokens);
    }
    assert_int_equal(lb_decoder_forward(decoder, &builder.batch, nll, el2n, NULL), LOBASS_OK);
    for (size_t i = 0; i < n_rows; i++)
    {
        const row *r = &rows[order[i]];
        assert_memory_equal(nll + at, r->alone, r->n_scored * sizeof *nll);
        assert_memory_equal(el2n + at, r->alone_el2n, r->n_scored * sizeof *el2n);
        at += r->n_scored;
    }
    lb_batch_builder_free(&builder);
}

static void check_model(const lb_model *model, lb_compute *compute, row *rows)
{
    static const size_t forth[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    static const size_t mixed[] = {11, 3, 7, 1, 5, 9, 2, 8, 4, 6, 10, 0};
    static const size_t few[] = {4, 6, 2};
    lb_decoder *decoder = NULL;
    assert_int_equal(
        lb_decoder_create(&decoder, model, compute, MOST_TOKENS, LB_DECODER_SCORE, NULL), 0);
    for (size_t i = 0; i < N_ROWS; i++)
    {
        lb_batch_builder builder = {0};
        lb_batch_builder_reset(&builder);
        assert_int_equal(
            lb_batch_builder_add(&builder, rows[i].ids, rows[i].flags, rows[i].length, NULL),
            LOBASS_OK);
        assert_int_equal(
            lb_decoder_forward(decoder, &builder.batch, rows[i].alone, rows[i].alone_el2n, NULL),
            0);
        lb_batch_builder_free(&builder);
    }
    for (int is_shared = 0; is_shared < 2; is_shared++)
    {
        check_order(decoder, rows, forth, N_ROWS, is_shared != 0);
        check_order(decoder, rows, mixed, N_ROWS, is_shared != 0);
        check_order(decoder, rows, few, 3, is_shared != 0);
    }
    lb_decoder_free(decoder);
}

/* An adapter that changes the losses: b is not zero. */
static void adapter_add(lb_model *model, lb_dtype dtype)
{
    const lb_lora_settings settings = {.rank = 5, .alpha = 10, .targets = LB_LORA_ALL_LINEAR};
    lb_random random;
    lb_random_init(&random, 8);
    assert_int_equal(lb_lora_create(model, &settings, dtype, 1, NULL), LOBASS_OK);
    for (size_t i = 1; i < model->lora->n_parameters; i += 2)
    {
        lb_parameter *b = &model->lora->parameters[i];
        for (size_t j = 0; j < b->count; j++)
        {
            b->master[j] = (float)(0.05 * lb_random_normal(&random));
        }
    }
    lb_model_refresh(model);
}

/* fp32 with fused multiply-adds is the same arithmetic however wide the registers are: AVX2 and
 * AVX-512 give equal bits, as lb_compute_describe says. */
static void check_arithmetic(const lb_compute *compute, const row *rows)
{
    static row before[N_ROWS];
    static char description[32];
    char now[32];
    lb_compute_describe(compute, false, now, sizeof now);
    for (size_t i = 0; strcmp(now, description) == 0 && i < N_ROWS; i++)
    {
        assert_memory_equal(rows[i].alone, before[i].alone, rows[i].n_scored * sizeof(float));
    }
    memcpy(before, rows, sizeof before);
    memcpy(description, now, sizeof description);
}

static void check_level(lb_dtype dtype)
{
    static row rows[N_ROWS];
    const lb_config config = small_config();
    rows_make(rows, config.n_vocabulary);
    for (unsigned n_threads = 1; n_threads < 4; n_threads += 2)
    {
        lb_compute *compute = NULL;
        lb_model *model = NULL;
        assert_int_equal(lb_compute_create(&compute, n_threads, NULL), LOBASS_OK);
        assert_int_equal(
            lb_model_create_uniform(&model, &config, dtype, LB_MODEL_SCORE_PACKED, 9, NULL),
            LOBASS_OK);
        assert_true(model->parameters[2].matrix.is_packed);
        check_model(model, compute, rows);
        const float without = rows[0].alone[0];
        adapter_add(model, dtype);
        check_model(model, compute, rows);
        assert_true(rows[0].alone[0] != without);
        lb_model_free(model);
        lb_compute_free(compute);
    }
}

static void check_set_like_others(const char *set, void *context)
{
    static row rows[N_ROWS];
    const lb_config config = small_config();
    lb_compute *compute = NULL;
    lb_model *model = NULL;
    (void)set;
    (void)context;
    rows_make(rows, config.n_vocabulary);
    assert_int_equal(lb_compute_create(&compute, 1, NULL), LOBASS_OK);
    assert_int_equal(
        lb_model_create_uniform(&model, &config, LB_F32, LB_MODEL_SCORE_PACKED, 9, NULL),
        LOBASS_OK);
    check_model(model, compute, rows);
    check_arithmetic(compute, rows);
    lb_model_free(model);
    lb_compute_free(compute);
}

static void test_equal_arithmetic(void **state)
{
    (void)state;
    for_each_set(check_set_like_others, NULL);
}

static void check_set(const char *set, void *context)
{
    (void)set;
    (void)context;
    check_level(LB_F32);
    check_level(LB_BF16);
}

static void test_every_layout_and_path(void **state)
{
    (void)state;
    for_each_set(check_set, NULL);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        on_each_set(test_every_layout_and_path),
        cmocka_unit_test(test_equal_arithmetic),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}
