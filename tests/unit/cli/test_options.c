/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of options: however many rows a command adds, each of them is read and explained.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#define N_OPTIONS 200

static void test_many_options(void **state)
{
    static char names[N_OPTIONS][32], words[N_OPTIONS][64];
    static char *argv[N_OPTIONS];
    uint64_t values[N_OPTIONS] = {0};
    cli_parser parser = {.name = "test", .n_most = 0};
    (void)state;
    for (unsigned i = 0; i < N_OPTIONS; i++)
    {
        (void)snprintf(names[i], sizeof names[i], "option-%u", i);
        (void)snprintf(words[i], sizeof words[i], "--option-%u=%u", i, i + 1);
        argv[i] = words[i];
        cli_option_add(&parser, (cli_option){.name = names[i],
                                             .type = CLI_UINT64,
                                             .target = &values[i],
                                             .value = "N",
                                             .help = "a number",
                                             .most = UINT64_MAX});
    }
    assert_int_equal(parser.n_options, N_OPTIONS);
    assert_int_equal(cli_parse(&parser, N_OPTIONS, argv), -1);
    for (unsigned i = 0; i < N_OPTIONS; i++)
    {
        assert_int_equal(values[i], i + 1);
        assert_true(cli_option_is_given(&parser, names[i]));
    }
    cli_parser_free(&parser);
}

/* The 65th text of an option that takes several is refused, not dropped. */
static void test_too_many_texts(void **state)
{
    static char word[] = "--text=x";
    char *argv[CLI_TEXTS_MOST + 1];
    cli_texts texts = {0};
    cli_parser parser = {.name = "test"};
    (void)state;
    for (size_t i = 0; i < CLI_TEXTS_MOST + 1; i++)
    {
        argv[i] = word;
    }
    cli_option_add(
        &parser,
        (cli_option){
            .name = "text", .type = CLI_TEXTS, .target = &texts, .value = "X", .help = "x"});
    assert_int_equal(cli_parse(&parser, CLI_TEXTS_MOST + 1, argv), CLI_WRONG_USAGE);
    assert_int_equal(texts.count, CLI_TEXTS_MOST);
    cli_parser_free(&parser);
}

/* What does not fit in a text is told. */
static void test_text_is_cut_visibly(void **state)
{
    char text[12] = "";
    (void)state;
    cli_text_add(text, sizeof text, "%s", "alpha");
    cli_text_add(text, sizeof text, ", %s", "beta");
    assert_string_equal(text, "alpha, beta");
    cli_text_add(text, sizeof text, ", %s", "gamma");
    assert_string_equal(text, "alpha, b...");
    cli_text_add(text, sizeof text, ", %s", "delta");
    assert_string_equal(text, "alpha, b...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many_options),
                                       cmocka_unit_test(test_too_many_texts),
                                       cmocka_unit_test(test_text_is_cut_visibly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
