/* SPDX-License-Identifier: Apache-2.0
 *
 * How a test program runs its cmocka tests, and how one that cannot run here is reported: never as
 * passed. A program ends with 77, which CTest shows as skipped, where none of its tests failed and
 * some could not run. So that these do not hide the others, CMakeLists.txt looks into the source
 * for may_skip(test) and on_each_set(test), and runs such tests on their own:
 *
 *     program                 all tests
 *     program NAME...         these
 *     program -NAME...        all but these
 *     program NAME @SET       this test with one instruction set (instruction_sets.h)
 */
#ifndef RUN_TESTS_H
#define RUN_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum
{
    EXIT_SKIPPED = 77,
    MOST_TESTS = 64
};

/* Tests that need what may not be here; those that are run with every instruction set. */
#define may_skip(test) cmocka_unit_test(test)
#define on_each_set(test) cmocka_unit_test(test)

static size_t run_n_skipped;
static const char *run_set; /* without its @; NULL: all sets */

/* Ends the test that runs, with the reason why it cannot. */
#define skip_because(...)           \
    do                              \
    {                               \
        run_n_skipped++;            \
        print_message("skipped: "); \
        print_message(__VA_ARGS__); \
        print_message("\n");        \
        skip();                     \
    } while (0)

static inline bool run_is_wanted(const char *name, char **arguments)
{
    bool has_names = false;
    for (char **a = arguments + 1; *a != NULL; a++)
    {
        if (strcmp(*a, name) == 0)
        {
            return true;
        }
        if ((*a)[0] == '-' && strcmp(*a + 1, name) == 0)
        {
            return false;
        }
        has_names = has_names || ((*a)[0] != '-' && (*a)[0] != '@');
    }
    return !has_names;
}

/* Whether all names that are given are those of tests. */
static inline bool run_is_known(char **arguments, const struct CMUnitTest *tests, size_t n_tests)
{
    for (char **a = arguments + 1; *a != NULL; a++)
    {
        size_t i = 0;
        while (i < n_tests && strcmp(*a + ((*a)[0] == '-'), tests[i].name) != 0)
        {
            i++;
        }
        run_set = (*a)[0] == '@' ? *a + 1 : run_set;
        if (i == n_tests && (*a)[0] != '@')
        {
            (void)fprintf(stderr, "there is no test \"%s\"\n", *a);
            return false;
        }
    }
    return true;
}

/* TESTS[n_tests], those that ARGUMENTS (main's) name; returns what main does. */
static inline int run_wanted_tests(const struct CMUnitTest *tests, size_t n_tests, char **arguments,
                                   CMFixtureFunction setup, CMFixtureFunction teardown)
{
    struct CMUnitTest wanted[MOST_TESTS] = {{0}};
    size_t n_wanted = 0;
    if (n_tests > MOST_TESTS || !run_is_known(arguments, tests, n_tests))
    {
        return 1;
    }
    for (size_t i = 0; i < n_tests; i++)
    {
        if (run_is_wanted(tests[i].name, arguments))
        {
            wanted[n_wanted++] = tests[i];
        }
    }
    const int n_failed = _cmocka_run_group_tests("tests", wanted, n_wanted, setup, teardown);
    if (n_failed != 0 || n_wanted == 0)
    {
        return 1;
    }
    return run_n_skipped > 0 ? EXIT_SKIPPED : 0;
}

#define RUN_TESTS(tests, arguments, setup, teardown) \
    run_wanted_tests(tests, sizeof(tests) / sizeof(tests)[0], arguments, setup, teardown)

#endif
