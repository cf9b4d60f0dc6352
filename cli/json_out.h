/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes one JSON object to a file as it goes: members in the order they are added, text escaped,
 * numbers in the shortest form that reads back as the same value. A number that is not finite is
 * left out, as a score that does not exist is. Bytes that are not UTF-8 appear as \xNN in the text.
 */
#ifndef CLI_JSON_OUT_H
#define CLI_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CLI_JSON_DEPTH 16

typedef struct cli_json
{
    FILE *file;
    size_t depth;
    bool has_members[CLI_JSON_DEPTH];
    char closers[CLI_JSON_DEPTH];
} cli_json;

/* KEY is NULL inside arrays and for the outermost object. */
void cli_json_object(cli_json *json, const char *key);
void cli_json_array(cli_json *json, const char *key);
void cli_json_end(cli_json *json); /* of the innermost; a newline follows the outermost */
void cli_json_text(cli_json *json, const char *key, const char *text);
void cli_json_bytes(cli_json *json, const char *key, const char *data, size_t size_bytes);
void cli_json_uint(cli_json *json, const char *key, uint64_t value);
void cli_json_int(cli_json *json, const char *key, int64_t value);
void cli_json_real(cli_json *json, const char *key, double value);
void cli_json_float(cli_json *json, const char *key, float value);
void cli_json_bool(cli_json *json, const char *key, bool value);
/* TEXT is JSON already. */
void cli_json_raw(cli_json *json, const char *key, const char *text, size_t size_bytes);

#endif
