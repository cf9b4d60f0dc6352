/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs that write the demo's data share: random numbers that are the same everywhere,
 * a text being put together, and lines of JSON.
 */
#ifndef DEMO_TEXT_H
#define DEMO_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DEMO_TEXT_SIZE 2048

typedef struct demo_text
{
    char data[DEMO_TEXT_SIZE];
    size_t size;
} demo_text;

/* splitmix64 (Steele, Lea and Flood); *STATE begins as the seed. */
uint64_t demo_random(uint64_t *state);
/* 0 to BOUND - 1; the bias of a remainder is far below what a demo could show. */
size_t demo_random_below(uint64_t *state, size_t bound);
/* Appends; ends the program where it does not fit. */
void demo_print(demo_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with FORMAT from a table: one or two %s. */
void demo_print_form(demo_text *text, const char *format, const char *first, const char *second);
/* VALUE quoted. */
void demo_json_write(FILE *file, const char *value);
/* Opens FOLDER/NAME, and closes it; end the program on failure. */
FILE *demo_file_open(const char *folder, const char *name);
void demo_file_close(FILE *file, const char *name);

#endif
