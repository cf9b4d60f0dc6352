/* SPDX-License-Identifier: Apache-2.0
 *
 * A locale whose decimal point is a comma, made in the test's folder: few systems have one. A
 * library that reads or writes a number by the process's locale is seen there.
 */
#ifndef TESTS_COMMA_LOCALE_H
#define TESTS_COMMA_LOCALE_H

#include <locale.h>
#include <stdlib.h>

#include "run_tests.h"
#include "unit/base/scratch.h"

/* Skips the test where there is no localedef or no source of the locale. */
static inline void comma_locale_choose(void)
{
    char command[SCRATCH_PATH_SIZE + 128];
    (void)snprintf(command, sizeof command,
                   "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' >/dev/null 2>&1", scratch_folder);
    if (system(command) != 0 || setenv("LOCPATH", scratch_folder, 1) != 0 ||
        setlocale(LC_ALL, "de_DE.UTF-8") == NULL)
    {
        skip_because("no locale with a decimal comma can be made: install locales");
    }
    assert_string_equal(localeconv()->decimal_point, ",");
}

static inline void comma_locale_leave(void)
{
    (void)setlocale(LC_ALL, "C");
}

#endif
