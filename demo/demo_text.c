/* SPDX-License-Identifier: Apache-2.0
 *
 * See demo_text.h.
 */
#include "demo_text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

uint64_t demo_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t demo_random_below(uint64_t *state, size_t bound)
{
    return (size_t)(demo_random(state) % bound);
}

void demo_print(demo_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *end = text->data + text->size;
    const size_t left = DEMO_TEXT_SIZE - text->size;
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it does not see va_start */
    const int size = vsnprintf(end, left, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= left)
    {
        (void)fprintf(stderr, "demo: a text is longer than %d bytes\n", DEMO_TEXT_SIZE - 1);
        exit(EXIT_FAILURE);
    }
    text->size += (size_t)size;
}

void demo_print_form(demo_text *text, const char *format, const char *first, const char *second)
{
    const char *const values[] = {first, second};
    size_t n_used = 0;
    for (const char *at = format; *at != '\0';)
    {
        const char *place = strstr(at, "%s");
        const size_t size = place == NULL ? strlen(at) : (size_t)(place - at);
        demo_print(text, "%.*s", (int)size, at);
        at += size;
        if (place != NULL && n_used < 2)
        {
            demo_print(text, "%s", values[n_used++]);
            at += 2;
        }
    }
}

void demo_json_write(FILE *file, const char *value)
{
    (void)fputc('"', file);
    for (const char *at = value; *at != '\0'; ++at)
    {
        if (*at == '\n')
        {
            (void)fputs("\\n", file);
            continue;
        }
        if (*at == '"' || *at == '\\')
        {
            (void)fputc('\\', file);
        }
        (void)fputc(*at, file);
    }
    (void)fputc('"', file);
}

FILE *demo_file_open(const char *folder, const char *name)
{
    demo_text path = {0};
    demo_print(&path, "%s/%s", folder, name);
    FILE *file = fopen(path.data, "w");
    if (file == NULL)
    {
        perror(path.data);
        exit(EXIT_FAILURE);
    }
    return file;
}

void demo_file_close(FILE *file, const char *name)
{
    const int has_failed = ferror(file);
    if (fclose(file) != 0 || has_failed)
    {
        perror(name);
        exit(EXIT_FAILURE);
    }
}
