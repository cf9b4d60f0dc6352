/* SPDX-License-Identifier: Apache-2.0
 *
 * The benchmark without its clock: rows and shapes are what they say, the products are all of the
 * model's and nothing else, results hold together, and what cannot be done is refused. No time is
 * asserted.
 */
#include "unit/task/run_fixture.h"

#include "bench/bench.h"
#include "pass/pass.h"

/* ---- rows ------------------------------------------------------------------------------------ */

static lb_bench bench_of(const lb_bench_options *options)
{
    lb_bench bench = {.options = options};
    lobass_error error = {0};
    check_ok(lb_bench_shape_find(&bench.config, &bench.pack_tokens, options->shape, &error),
             &error);
    return bench;
}

static void pack_make(lb_batch_builder *pack, uint64_t seed, bool is_response_only,
                      size_t max_tokens)
{
    lobass_error error = {0};
    lb_bench_rows rows;
    lb_bench_options options = lb_bench_options_default();
    options.seed = seed;
    options.is_response_only = is_response_only;
    const lb_bench bench = bench_of(&options);
    check_ok(lb_bench_rows_create(&rows, &bench, &error), &error);
    check_ok(lb_bench_rows_pack(&rows, pack, max_tokens, &error), &error);
    lb_bench_rows_free(&rows);
}

static void check_lengths(const lb_batch *batch, size_t max_tokens)
{
    size_t n_longer = 0;
    for (size_t i = 0; i < batch->n_sequences; i++)
    {
        const size_t length = batch->starts[i + 1] - batch->starts[i];
        assert_in_range(length, 32, 512);
        n_longer += length > 89 ? 1 : 0;
    }
    assert_in_range(batch->n_tokens, max_tokens - 31, max_tokens);
    const double mean = (double)batch->n_tokens / (double)batch->n_sequences;
    assert_true(mean > 95 && mean < 120);
    /* 89 is the median. */
    const double share = (double)n_longer / (double)batch->n_sequences;
    assert_true(share > 0.4 && share < 0.6);
}

static void test_rows(void **state)
{
    (void)state;
    lb_batch_builder all = {0};
    lb_batch_builder same = {0};
    lb_batch_builder other = {0};
    lb_batch_builder response = {0};
    pack_make(&all, 1, false, 20000);
    check_lengths(&all.batch, 20000);
    pack_make(&same, 1, false, 20000);
    assert_int_equal(same.batch.n_tokens, all.batch.n_tokens);
    assert_memory_equal(same.ids, all.ids, all.batch.n_tokens * sizeof *all.ids);
    pack_make(&other, 2, false, 20000);
    assert_memory_not_equal(other.ids, all.ids, 1000 * sizeof *all.ids);
    /* All positions but the first of each row, or a little more than half of each. */
    assert_int_equal(all.batch.n_scored, all.batch.n_tokens - all.batch.n_sequences);
    pack_make(&response, 1, true, 20000);
    assert_int_equal(response.batch.n_tokens, all.batch.n_tokens);
    const double share = (double)response.batch.n_scored / (double)response.batch.n_tokens;
    assert_true(share > 0.54 && share < 0.56);
    /* Already a pack of usual size has the mix. */
    pack_make(&other, 3, false, 2048);
    check_lengths(&other.batch, 2048);
    lb_batch_builder_free(&all);
    lb_batch_builder_free(&same);
    lb_batch_builder_free(&other);
    lb_batch_builder_free(&response);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static void test_shapes(void **state)
{
    /* As published with the models. */
    static const struct
    {
        const char *name;
        uint64_t n_parameters;
    } known[] = {{"stories-15m", 15191712},
                 {"smollm-135m", 134515008},
                 {"tinyllama-1.1b", 1100048384},
                 {"llama-7b", 6738415616}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    {
        lobass_error error = {0};
        lb_config config;
        size_t pack_tokens = 0;
        uint64_t n_parameters = 0;
        uint64_t n_bytes = 0;
        assert_string_equal(lb_bench_shape_name(i), known[i].name);
        check_ok(lb_bench_shape_find(&config, &pack_tokens, known[i].name, &error), &error);
        lb_bench_count(&config, LB_F32, &n_parameters, &n_bytes);
        assert_int_equal(n_parameters, known[i].n_parameters);
        assert_int_equal(n_bytes, 4 * n_parameters);
        lb_bench_count(&config, LB_BF16, &n_parameters, &n_bytes);
        const uint64_t n_norms = (2 * config.n_layers + 1) * config.d_model;
        assert_int_equal(n_bytes, 2 * n_parameters + 2 * n_norms);
    }
    assert_null(lb_bench_shape_name(sizeof known / sizeof known[0]));
}

/* ---- weights and products on a model of uneven shapes -----------------------------------------
 */

static lb_config small_config(bool has_tied_head)
{
    lobass_error error = {0};
    lb_config config;
    size_t unused = 0;
    check_ok(lb_bench_shape_find(&config, &unused, "stories-15m", &error), &error);
    config.n_layers = 2;
    config.d_model = 24;
    config.d_ffn = 40;
    config.n_heads = 3;
    config.n_kv_heads = 1;
    config.head_size = 8;
    config.n_vocabulary = 2500; /* more than two blocks of the head */
    config.has_tied_head = has_tied_head;
    return config;
}

static void check_weights(const lb_model *model, lb_dtype dtype, lb_model_use use)
{
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        const lb_parameter *p = &model->parameters[i];
        const bool is_narrow = p->n_dims == 2 && dtype == LB_BF16;
        assert_int_equal(p->matrix.bf16 != NULL, is_narrow);
        assert_int_equal(p->matrix.fp32 != NULL, !is_narrow);
        assert_int_equal(p->master != NULL, use == LB_MODEL_TRAIN);
        assert_int_equal(p->working != NULL, use == LB_MODEL_TRAIN && is_narrow);
        double sum = 0;
        double squares = 0;
        for (size_t j = 0; j < p->count; j++)
        {
            const float value =
                is_narrow ? lb_float_from_bf16(p->matrix.bf16[j]) : p->matrix.fp32[j];
            assert_true(p->n_dims == 2 || value == 1.0F);
            assert_true(p->working == NULL ||
                        value == lb_float_from_bf16(lb_bf16_from_float(p->master[j])));
            sum += (double)value;
            squares += (double)value * (double)value;
        }
        if (p->n_dims == 2)
        {
            const double deviation = sqrt(squares / (double)p->count);
            assert_true(fabs(sum / (double)p->count) < 0.004);
            assert_true(deviation > 0.018 && deviation < 0.022);
        }
    }
}

static void test_weights(void **state)
{
    static const lb_dtype dtypes[] = {LB_F32, LB_BF16};
    static const lb_model_use uses[] = {LB_MODEL_SCORE, LB_MODEL_TRAIN};
    const lb_config config = small_config(false);
    (void)state;
    for (size_t i = 0; i < 4; i++)
    {
        lobass_error error = {0};
        lb_model *model = NULL;
        lb_model *same = NULL;
        const lb_dtype dtype = dtypes[i % 2];
        const lb_model_use use = uses[i / 2];
        check_ok(lb_model_create_uniform(&model, &config, dtype, use, 5, &error), &error);
        check_ok(lb_model_create_uniform(&same, &config, dtype, use, 5, &error), &error);
        check_weights(model, dtype, use);
        const lb_matrix *a = &model->head->matrix;
        const lb_matrix *b = &same->head->matrix;
        assert_memory_equal(a->bf16 != NULL ? (const void *)a->bf16 : a->fp32,
                            b->bf16 != NULL ? (const void *)b->bf16 : b->fp32,
                            a->n_out * a->n_in * lb_dtype_size(dtype));
        lb_model_free(model);
        lb_model_free(same);
    }
}

/* In place of the operations (the linker's --wrap): while counting, multiplications are counted
 * instead of done. */
static bool is_counting;
static uint64_t n_forward, n_backward;
static const float *head_seen; /* where the next block of the head should begin */

lobass_status __real_lb_linear_forward(lb_compute *c, float *y, const float *x, const lb_matrix *w,
                                       const float *bias, size_t n, lobass_error *error);
lobass_status __wrap_lb_linear_forward(lb_compute *c, float *y, const float *x, const lb_matrix *w,
                                       const float *bias, size_t n, lobass_error *error);
lobass_status __wrap_lb_linear_forward(lb_compute *c, float *y, const float *x, const lb_matrix *w,
                                       const float *bias, size_t n, lobass_error *error)
{
    if (!is_counting)
    {
        return __real_lb_linear_forward(c, y, x, w, bias, n, error);
    }
    assert_null(bias);
    n_forward += (uint64_t)n * w->n_out * w->n_in;
    if (w->fp32 == head_seen)
    {
        head_seen += w->n_out * w->n_in;
    }
    return LOBASS_OK;
}

lobass_status __real_lb_linear_backward(lb_compute *c, float *grad_x, float *grad_w,
                                        float *grad_bias, const float *grad_y, const float *x,
                                        const lb_matrix *w, size_t n, lobass_error *error);
lobass_status __wrap_lb_linear_backward(lb_compute *c, float *grad_x, float *grad_w,
                                        float *grad_bias, const float *grad_y, const float *x,
                                        const lb_matrix *w, size_t n, lobass_error *error);
lobass_status __wrap_lb_linear_backward(lb_compute *c, float *grad_x, float *grad_w,
                                        float *grad_bias, const float *grad_y, const float *x,
                                        const lb_matrix *w, size_t n, lobass_error *error)
{
    if (!is_counting)
    {
        return __real_lb_linear_backward(c, grad_x, grad_w, grad_bias, grad_y, x, w, n, error);
    }
    assert_non_null(grad_x);
    assert_null(grad_bias);
    for (size_t i = 0; i < w->n_out * w->n_in; i++)
    {
        grad_w[i] += 1.0F;
    }
    n_backward += 2 * (uint64_t)n * w->n_out * w->n_in;
    return LOBASS_OK;
}

static void check_products(const lb_config *config)
{
    lobass_error error = {0};
    lb_model *model = NULL;
    lb_products *products = NULL;
    lb_optimizer *optimizer = NULL;
    static const lb_adamw settings = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    check_ok(lb_model_create_uniform(&model, config, LB_F32, LB_MODEL_TRAIN, 1, &error), &error);
    check_ok(lb_products_create(&products, model, 1, 100, &error), &error);
    check_ok(lb_optimizer_create(&optimizer, model, &settings, &error), &error);
    is_counting = true;
    n_forward = 0;
    n_backward = 0;
    head_seen = model->head->matrix.fp32;
    check_ok(lb_products_forward(products, 100, 70, &error), &error);
    check_ok(lb_products_backward(products, 100, 70, optimizer->grads, &error), &error);
    is_counting = false;
    /* Per layer q and o, k and v, gate, up and down; then the head. */
    const uint64_t in_layers = UINT64_C(2) * (2 * 24 * 24 + 2 * 24 * 8 + 3 * 24 * 40);
    assert_int_equal(n_forward, 100 * in_layers + UINT64_C(70) * 2500 * 24);
    assert_int_equal(n_backward, 2 * n_forward);
    assert_ptr_equal(head_seen, model->head->matrix.fp32 + (size_t)2500 * 24);
    /* Every gradient of a matrix once, none of a norm or of an embedding that is not the head. */
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        const lb_parameter *p = &model->parameters[i];
        const bool is_product = p->n_dims == 2 && (p != model->embedding || p == model->head);
        for (size_t j = 0; j < p->count; j++)
        {
            assert_true(optimizer->grads[i][j] == (is_product ? 1.0F : 0.0F));
        }
    }
    lb_optimizer_free(optimizer);
    lb_products_free(products);
    lb_model_free(model);
}

static void test_products(void **state)
{
    (void)state;
    const lb_config tied = small_config(true);
    const lb_config untied = small_config(false);
    check_products(&tied);
    check_products(&untied);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static lb_bench_options small_options(void)
{
    lb_bench_options options = lb_bench_options_default();
    options.shape = "stories-15m";
    options.dtype = LOBASS_DTYPE_FP32;
    options.n_threads = 2;
    options.seconds = 0;
    options.pack_tokens = 200;
    return options;
}

static void check_rate(const lb_bench_rate *rate)
{
    assert_true(isfinite(rate->tokens_per_second) && rate->tokens_per_second > 0);
    assert_true(isfinite(rate->matmul_tokens_per_second) && rate->matmul_tokens_per_second > 0);
    assert_true(isfinite(rate->fraction) && rate->fraction > 0);
    assert_true(rate->n_turns >= 1);
    assert_int_equal(rate->n_scored_tokens, rate->n_tokens - rate->n_rows);
    assert_true(rate->backend[0] != '\0');
    assert_true(rate->skipped[0] == '\0');
}

static void test_result(void **state)
{
    lobass_error error = {0};
    lb_bench_result result;
    lb_bench_options options = small_options();
    (void)state;
    check_ok(lb_bench_run(&options, NULL, &result, &error), &error);
    check_rate(&result.forward);
    check_rate(&result.train);
    assert_int_equal(result.n_threads, 2);
    assert_int_equal(result.dtype, LOBASS_DTYPE_FP32);
    assert_int_equal(result.pack_tokens, 200);
    assert_int_equal(result.weight_bytes, 4 * result.n_parameters);
    /* A pack a thread to score; the tokens of one to train on. */
    assert_in_range(result.forward.n_tokens, 2 * 169, 2 * 200);
    assert_in_range(result.train.n_tokens, 169, 200);
    assert_true(result.forward.peak_rss_bytes >= result.weight_bytes);
    assert_true(result.train.peak_rss_bytes >= 4 * result.weight_bytes);
    assert_true(result.peak_rss_bytes >= result.train.peak_rss_bytes);
    options.parts = LB_BENCH_FORWARD;
    options.n_threads = 1;
    check_ok(lb_bench_run(&options, NULL, &result, &error), &error);
    check_rate(&result.forward);
    assert_true(isnan(result.train.tokens_per_second) && result.train.n_turns == 0);
}

static void test_refusals(void **state)
{
    lobass_error error = {0};
    lb_bench_result result;
    lb_bench_options options = small_options();
    (void)state;
    options.shape = "llama-8b";
    check_refused(lb_bench_run(&options, NULL, &result, &error), LOBASS_BAD_ARGUMENT, &error,
                  "llama-8b", "expected one of stories-15m, smollm-135m");
    options = small_options();
    options.pack_tokens = 31;
    check_refused(lb_bench_run(&options, NULL, &result, &error), LOBASS_BAD_ARGUMENT, &error, "31",
                  "at least 32");
}

static bool stop(void *context, const lobass_progress *progress)
{
    (void)context;
    return progress->done < 1;
}

static void test_stop(void **state)
{
    lobass_error error = {0};
    lb_bench_result result;
    lb_bench_options options = small_options();
    const lobass_observer observer = {.progress = stop};
    (void)state;
    options.seconds = 0.5; /* time for more than one */
    check_refused(lb_bench_run(&options, &observer, &result, &error), LOBASS_CANCELLED, &error,
                  "bench forward", "stopped after 1 turns");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),    cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_weights), cmocka_unit_test(test_products),
        cmocka_unit_test(test_result),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
