/* SPDX-License-Identifier: Apache-2.0
 *
 * A recipe that is written and read back is the same text; what is wrong in one is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "run/run.h"

static void check_round_trip(const lobass_train_options *options, lb_dtype dtype)
{
    lobass_train_options read = {0};
    char *text = NULL;
    char *again = NULL;
    char *targets = NULL;
    assert_int_equal(lb_recipe_to_json(&text, options, dtype, NULL), LOBASS_OK);
    assert_int_equal(lb_recipe_from_json(&read, &targets, text, "recipe", NULL), LOBASS_OK);
    assert_int_equal(read.dtype, dtype == LB_BF16 ? LOBASS_DTYPE_BF16 : LOBASS_DTYPE_FP32);
    assert_int_equal(lb_recipe_to_json(&again, &read, dtype, NULL), LOBASS_OK);
    assert_string_equal(again, text);
    free(targets);
    free(again);
    free(text);
}

static void test_round_trip(void **state)
{
    lobass_train_options options = lobass_train_options_default();
    (void)state;
    check_round_trip(&options, LB_F32);
    options.n_epochs = 7;
    options.n_steps = 12345678901;
    options.batch_size = 3;
    options.learning_rate = 1.0 / 3;
    options.warmup_ratio = 0.1;
    options.weight_decay = 0.01;
    options.clip = 0;
    options.seed = UINT64_MAX;
    options.lora = (lobass_lora_options){.rank = 4, .alpha = 2.5, .targets = "q_proj,v_proj"};
    check_round_trip(&options, LB_BF16);
}

static void test_refused(void **state)
{
    static const char *const cases[][2] = {
        {"{", "recipe: "},
        {"{}", "field \"epochs\""},
        {"{\"epochs\": 0}", "field \"epochs\""},
        {"{\"epochs\": 1, \"batch_size\": 1, \"learning_rate\": 1, \"warmup\": 0, "
         "\"weight_decay\": 0, "
         "\"clip\": 1, \"seed\": \"-1\", \"dtype\": \"bf16\"}",
         "field \"seed\""},
        {"{\"epochs\": 1, \"batch_size\": 1, \"learning_rate\": 1, \"warmup\": 0, "
         "\"weight_decay\": 0, "
         "\"clip\": 1, \"seed\": \"99999999999999999999\", \"dtype\": \"bf16\"}",
         "field \"seed\""},
        {"{\"epochs\": 1, \"batch_size\": 1, \"learning_rate\": 1, \"warmup\": 0, "
         "\"weight_decay\": 0, "
         "\"clip\": 1, \"seed\": \"1\", \"dtype\": \"fp8\"}",
         "field \"dtype\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    {
        lobass_train_options options = {.n_epochs = 99};
        lobass_error error = {0};
        char *targets = NULL;
        assert_int_equal(lb_recipe_from_json(&options, &targets, cases[i][0], "recipe", &error),
                         LOBASS_BAD_FORMAT);
        assert_non_null(strstr(error.message, cases[i][1]));
        assert_int_equal(options.n_epochs, 99);
        assert_null(targets);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
