/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns numbers as text and texts with numbers in them: with a point in every locale, since a
 * program that the library is part of may have chosen one with a comma. The C library's own
 * functions do the work, in the "C" locale, which is always there and costs nothing to be given.
 */
#include "base/base.h"

#include <locale.h>
#include <stdlib.h>

static locale_t plain_locale(void)
{
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

double lb_real_parse(const char *text, char **end)
{
    return strtod_l(text, end, plain_locale());
}

int lb_print_list(char *text, size_t size_bytes, const char *format, va_list arguments)
{
    const locale_t before = uselocale(plain_locale());
    const int size = vsnprintf(text, size_bytes, format, arguments);
    (void)uselocale(before);
    return size;
}

int lb_print(char *text, size_t size_bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int size = lb_print_list(text, size_bytes, format, arguments);
    va_end(arguments);
    return size;
}
