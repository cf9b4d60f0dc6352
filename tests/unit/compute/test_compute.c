/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a computation: the instructions that the environment leaves, threads, scratch memory that
 * grows once and stays.
 */
#include "instruction_sets.h"
#include "op_setup.h"

static void test_threads(void **state)
{
    (void)state;
    lb_compute *c = NULL;
    assert_int_equal(lb_compute_create(&c, 3, NULL), LOBASS_OK);
    assert_int_equal(lb_pool_thread_count(c->pool), 3);
    lb_compute_free(c);
    lb_compute_free(NULL);
}

/* The environment can only take away; what is there is used up to the level it names. */
static void test_cpu_level(void **state)
{
    (void)state;
    static const char *const names[] = {"plain", "avx2", "avx512", "avx512_bf16", "amx"};
    const lb_cpu cpu = lb_cpu_detect();
    for (size_t level = 0; level < sizeof names / sizeof names[0]; level++)
    {
        lb_compute *c = NULL;
        assert_int_equal(setenv("LOBASS_CPU", names[level], 1), 0);
        assert_int_equal(lb_compute_create(&c, 1, NULL), LOBASS_OK);
        size_t best = level;
        while (best > 0 && lb_tile_at(&cpu, best) == NULL)
        {
            best--;
        }
        assert_string_equal(c->scratch->tiles->name, names[best]);
        static const char *const described[] = {"native/plain", "native/fma", "native/fma",
                                                "native/avx512_bf16", "native/amx_bf16"};
        char text[32];
        lb_compute_describe(c, true, text, sizeof text);
        assert_string_equal(text, described[best]);
        lb_compute_describe(c, false, text, sizeof text);
        assert_string_equal(text, best == 0 ? "native/plain" : "native/fma");
        lb_compute_free(c);
    }
    lb_compute *c = NULL;
    lobass_error error = {0};
    assert_int_equal(setenv("LOBASS_CPU", "sse9", 1), 0);
    assert_int_equal(lb_compute_create(&c, 1, &error), LOBASS_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "LOBASS_CPU: found \"sse9\", expected plain, avx2"));
    assert_int_equal(unsetenv("LOBASS_CPU"), 0);
}

/* What CMakeLists.txt runs by name is there, or a test of one set would run none. */
static void test_names_of_sets(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_INSTRUCTION_SETS; i++)
    {
        assert_string_equal(op_set(i)->name, instruction_sets[i]);
    }
}

static void test_scratch_stays(void **state)
{
    (void)state;
    for (size_t k = 0; k < OP_N_SETS; k++)
    {
        lb_compute *c = op_compute_create(k, 2);
        const void *memory = NULL;
        for (size_t pass = 0; c != NULL && pass < 2; pass++)
        {
            for (size_t i = 0; i < OP_N_CASES; i++)
            {
                op_data *t = op_data_make(&op_cases[i], 1);
                assert_int_equal(op_cases[i].kind->forward(c, t), LOBASS_OK);
                assert_int_equal(op_cases[i].kind->backward(c, t), LOBASS_OK);
                op_data_free(t);
            }
            assert_true(pass == 0 || c->scratch->memory == memory);
            memory = c->scratch->memory;
        }
        lb_compute_free(c);
    }
}

/* A table of angles is kept while frequencies and lengths allow, and made anew when they do not. */
static void test_rope_table_stays(void **state)
{
    (void)state;
    enum
    {
        N = 700,
        S = 4
    };
    lb_compute *c = op_compute_create(0, 1);
    float *x = (float *)op_alloc((size_t)N * S, sizeof *x);
    uint32_t positions[N];
    for (uint32_t i = 0; i < N; i++)
    {
        positions[i] = i;
    }
    const float frequencies[] = {1.0F, 0.01F};
    const float other_frequencies[] = {1.0F, 0.02F};
    assert_int_equal(lb_rope_forward(c, x, positions, 3, frequencies, 1, S, NULL), LOBASS_OK);
    assert_true(c->scratch->rope.n_positions >= 3 && c->scratch->rope.n_positions < N);
    assert_int_equal(lb_rope_forward(c, x, positions, N, frequencies, 1, S, NULL), LOBASS_OK);
    assert_true(c->scratch->rope.n_positions >= N);
    const float *cosine = c->scratch->rope.cosine;
    assert_int_equal(lb_rope_backward(c, x, positions, 3, frequencies, 1, S, NULL), LOBASS_OK);
    assert_true(c->scratch->rope.cosine == cosine);
    assert_true(cosine[699 * 2 + 1] == (float)cos(699.0 * (double)0.01F));
    assert_int_equal(lb_rope_forward(c, x, positions, N, other_frequencies, 1, S, NULL), LOBASS_OK);
    assert_true(c->scratch->rope.cosine[699 * 2 + 1] == (float)cos(699.0 * (double)0.02F));
    free(x);
    lb_compute_free(c);
}

static void test_scratch_too_large(void **state)
{
    (void)state;
    lb_compute *c = op_compute_create(0, 1);
    size_t total = 0;
    lb_scratch_add(&total, SIZE_MAX / 2, 4);
    assert_true(total == SIZE_MAX);
    lobass_error error = {0};
    assert_int_equal(lb_scratch_reserve(c->scratch, total, 0, &error), LOBASS_OUT_OF_MEMORY);
    assert_int_equal(lb_scratch_reserve(c->scratch, 100, 100, &error), LOBASS_OK);
    lb_compute_free(c);
}

static void test_cpu_features_imply_each_other(void **state)
{
    (void)state;
    const lb_cpu cpu = lb_cpu_detect();
    print_message("avx2 %d avx512 %d avx512_bf16 %d amx_bf16 %d\n", cpu.has_avx2, cpu.has_avx512,
                  cpu.has_avx512_bf16, cpu.has_amx_bf16);
    assert_true(!cpu.has_avx512 || cpu.has_avx2);
    assert_true(!cpu.has_avx512_bf16 || cpu.has_avx512);
    assert_true(!cpu.has_amx_bf16 || cpu.has_avx512_bf16);
    assert_int_equal(cpu.has_avx2, __builtin_cpu_supports("avx2") != 0);
    assert_int_equal(cpu.has_avx512, __builtin_cpu_supports("avx512bw") != 0);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_cpu_level),
        cmocka_unit_test(test_names_of_sets),
        on_each_set(test_scratch_stays),
        cmocka_unit_test(test_rope_table_stays),
        cmocka_unit_test(test_scratch_too_large),
        cmocka_unit_test(test_cpu_features_imply_each_other),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}
