/* SPDX-License-Identifier: Apache-2.0
 *
 * A value of a column as JSON: the table of duckdb_column.h. Calendar: Howard Hinnant's
 * civil_from_days (public domain), proleptic Gregorian as DuckDB has it.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "format/duckdb_column.h"
#include "format/format.h"

__extension__ typedef __int128 wide_signed;
__extension__ typedef unsigned __int128 wide_unsigned;

#define INLINE_BYTES 12U /* of a string that lies in its own place */

typedef struct text_value
{
    uint32_t size;
    char prefix[4];
    const char *data; /* where size > INLINE_BYTES; the text begins at prefix otherwise */
} text_value;

typedef struct list_value
{
    uint64_t begin, size;
} list_value;

typedef struct wide_value
{
    uint64_t low;
    int64_t high;
} wide_value;

/* ---- whole numbers ----------------------------------------------------------------------------
 */

#define MOST_DIGITS 48

/* The digits of MAGNITUDE with the point before the last SCALE of them. */
static lobass_status digits_append(lb_buffer *buffer, wide_unsigned magnitude, bool is_negative,
                                   unsigned scale, lobass_error *error)
{
    char text[MOST_DIGITS];
    size_t at = sizeof text;
    for (unsigned n = 0; magnitude > 0 || n <= scale; n++)
    {
        if (n == scale && scale > 0)
        {
            text[--at] = '.';
        }
        text[--at] = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
    }
    if (is_negative)
    {
        text[--at] = '-';
    }
    return lb_buffer_append(buffer, text + at, sizeof text - at, error);
}

static lobass_status signed_append(lb_buffer *buffer, wide_signed value, unsigned scale,
                                   lobass_error *error)
{
    const bool is_negative = value < 0;
    const wide_unsigned bits = (wide_unsigned)value;
    return digits_append(buffer, is_negative ? 0 - bits : bits, is_negative, scale, error);
}

static wide_signed wide(const void *data, uint64_t row)
{
    const wide_value *value = (const wide_value *)data + row;
    return (wide_signed)(((wide_unsigned)(uint64_t)value->high << 64U) | value->low);
}

/* The whole number of TYPE. */
static wide_signed integer_at(lb_duckdb_type type, const void *data, uint64_t row)
{
    switch (type)
    {
    case LB_DUCKDB_TINYINT:
        return ((const int8_t *)data)[row];
    case LB_DUCKDB_SMALLINT:
        return ((const int16_t *)data)[row];
    case LB_DUCKDB_INTEGER:
        return ((const int32_t *)data)[row];
    case LB_DUCKDB_UTINYINT:
        return ((const uint8_t *)data)[row];
    case LB_DUCKDB_USMALLINT:
        return ((const uint16_t *)data)[row];
    case LB_DUCKDB_UINTEGER:
        return ((const uint32_t *)data)[row];
    case LB_DUCKDB_UBIGINT:
        return ((const uint64_t *)data)[row];
    case LB_DUCKDB_HUGEINT:
        return wide(data, row);
    default:
        return ((const int64_t *)data)[row];
    }
}

/* ---- real numbers, text -----------------------------------------------------------------------
 */

static lobass_status real_append(lb_buffer *buffer, double value, lobass_error *error)
{
    if (isnan(value))
    {
        return lb_buffer_append_text(buffer, "NaN", error);
    }
    return isinf(value) ? lb_buffer_append_text(buffer, value < 0 ? "-Infinity" : "Infinity", error)
                        : lb_json_append_real(buffer, value, error);
}

static lobass_status text_append(lb_buffer *buffer, const void *data, uint64_t row,
                                 lobass_error *error)
{
    const text_value *value = (const text_value *)data + row;
    const char *text = value->size <= INLINE_BYTES ? value->prefix : value->data;
    return lb_json_append_text(buffer, text, value->size, error);
}

static lobass_status uuid_append(lb_buffer *buffer, const void *data, uint64_t row,
                                 lobass_error *error)
{
    const wide_value *value = (const wide_value *)data + row;
    /* DuckDB turns the first bit over, so that the numbers sort as the texts do. */
    const uint64_t high = (uint64_t)value->high ^ (UINT64_C(1) << 63U);
    return lb_buffer_print(
        buffer, error, "\"%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64 "\"",
        high >> 32U, (high >> 16U) & 0xFFFFU, high & 0xFFFFU, value->low >> 48U,
        value->low & UINT64_C(0xFFFFFFFFFFFF));
}

static lobass_status enum_append(lb_buffer *buffer, const lb_duckdb_column *column, uint64_t row,
                                 lobass_error *error)
{
    const uint64_t word = (uint64_t)integer_at(column->internal, column->data, row);
    const char *text = word < column->n_words ? column->words[word] : "";
    return lb_json_append_text(buffer, text, strlen(text), error);
}

/* ---- times ------------------------------------------------------------------------------------
 */

#define SECONDS_A_DAY 86400

static int64_t floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0 ? 1 : 0);
}

static lobass_status date_append(lb_buffer *buffer, int64_t days, lobass_error *error)
{
    const int64_t shifted = days + 719468; /* days since 0000-03-01 */
    const int64_t era = floor_divide(shifted, 146097);
    const int64_t day_of_era = shifted - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month = (5 * day + 2) / 153;
    return lb_buffer_print(buffer, error, "%04" PRId64 "-%02" PRId64 "-%02" PRId64,
                           year_of_era + era * 400 + (month >= 10 ? 1 : 0),
                           month < 10 ? month + 3 : month - 9, day - (153 * month + 2) / 5 + 1);
}

/* Of a day, in parts of a second of which there are PER_SECOND, 10^N_DIGITS. */
static lobass_status clock_append(lb_buffer *buffer, int64_t time, int64_t per_second,
                                  unsigned n_digits, lobass_error *error)
{
    const int64_t seconds = time / per_second;
    int64_t rest = time % per_second;
    LB_TRY(lb_buffer_print(buffer, error, "%02" PRId64 ":%02" PRId64 ":%02" PRId64, seconds / 3600,
                           seconds / 60 % 60, seconds % 60));
    if (rest == 0)
    {
        return LOBASS_OK;
    }
    for (; rest % 10 == 0; rest /= 10)
    {
        n_digits--;
    }
    return lb_buffer_print(buffer, error, ".%0*" PRId64, (int)n_digits, rest);
}

static lobass_status timestamp_append(lb_buffer *buffer, int64_t time, int64_t per_second,
                                      unsigned n_digits, const char *zone, lobass_error *error)
{
    if (time == INT64_MAX || time == -INT64_MAX)
    {
        return real_append(buffer, time > 0 ? (double)INFINITY : -(double)INFINITY, error);
    }
    const int64_t per_day = per_second * SECONDS_A_DAY;
    const int64_t days = floor_divide(time, per_day);
    LB_TRY(lb_buffer_append(buffer, "\"", 1, error));
    LB_TRY(date_append(buffer, days, error));
    LB_TRY(lb_buffer_append(buffer, "T", 1, error));
    /* The product may not be had of the first day there is, the remainder always. */
    const int64_t rest = time % per_day;
    LB_TRY(clock_append(buffer, rest < 0 ? rest + per_day : rest, per_second, n_digits, error));
    LB_TRY(lb_buffer_append_text(buffer, zone, error));
    return lb_buffer_append(buffer, "\"", 1, error);
}

static lobass_status day_append(lb_buffer *buffer, int32_t days, lobass_error *error)
{
    if (days == INT32_MAX || days == -INT32_MAX)
    {
        return real_append(buffer, days > 0 ? (double)INFINITY : -(double)INFINITY, error);
    }
    LB_TRY(lb_buffer_append(buffer, "\"", 1, error));
    LB_TRY(date_append(buffer, days, error));
    return lb_buffer_append(buffer, "\"", 1, error);
}

static lobass_status time_append(lb_buffer *buffer, int64_t time, lobass_error *error)
{
    LB_TRY(lb_buffer_append(buffer, "\"", 1, error));
    LB_TRY(clock_append(buffer, time, 1000000, 6, error));
    return lb_buffer_append(buffer, "\"", 1, error);
}

/* ---- values in values -------------------------------------------------------------------------
 */

static lobass_status list_append(lb_buffer *buffer, const lb_duckdb_column *child, uint64_t begin,
                                 uint64_t size, lobass_error *error)
{
    LB_TRY(lb_buffer_append(buffer, "[", 1, error));
    for (uint64_t i = 0; i < size; i++)
    {
        LB_TRY(lb_buffer_append(buffer, ", ", i == 0 ? 0 : 2, error));
        LB_TRY(lb_duckdb_value_append(buffer, child, begin + i, error));
    }
    return lb_buffer_append(buffer, "]", 1, error);
}

static lobass_status struct_append(lb_buffer *buffer, const lb_duckdb_column *column, uint64_t row,
                                   lobass_error *error)
{
    LB_TRY(lb_buffer_append(buffer, "{", 1, error));
    for (size_t i = 0; i < column->n_children; i++)
    {
        const lb_buffer *name = &column->children[i].name;
        LB_TRY(lb_buffer_append(buffer, ", ", i == 0 ? 0 : 2, error));
        LB_TRY(lb_buffer_append(buffer, name->data, name->size, error));
        LB_TRY(lb_duckdb_value_append(buffer, &column->children[i], row, error));
    }
    return lb_buffer_append(buffer, "}", 1, error);
}

static lobass_status map_append(lb_buffer *buffer, const lb_duckdb_column *column, uint64_t row,
                                lobass_error *error)
{
    const list_value *pairs = (const list_value *)column->data + row;
    LB_TRY(lb_buffer_append(buffer, "{", 1, error));
    for (uint64_t i = 0; i < pairs->size; i++)
    {
        LB_TRY(lb_buffer_append(buffer, ", ", i == 0 ? 0 : 2, error));
        LB_TRY(lb_duckdb_value_append(buffer, &column->children[0], pairs->begin + i, error));
        LB_TRY(lb_buffer_append(buffer, ": ", 2, error));
        LB_TRY(lb_duckdb_value_append(buffer, &column->children[1], pairs->begin + i, error));
    }
    return lb_buffer_append(buffer, "}", 1, error);
}

/* ---- any value --------------------------------------------------------------------------------
 */

lobass_status lb_duckdb_value_append(lb_buffer *buffer, const lb_duckdb_column *column,
                                     uint64_t row, lobass_error *error)
{
    const void *data = column->data;
    if (column->type == LB_DUCKDB_SQLNULL ||
        (column->validity != NULL && (column->validity[row / 64] >> (row % 64) & 1U) == 0))
    {
        return lb_buffer_append(buffer, "null", 4, error);
    }
    switch (column->type)
    {
    case LB_DUCKDB_BOOLEAN:
        return lb_buffer_append_text(buffer, ((const bool *)data)[row] ? "true" : "false", error);
    case LB_DUCKDB_FLOAT:
        return real_append(buffer, (double)((const float *)data)[row], error);
    case LB_DUCKDB_DOUBLE:
        return real_append(buffer, ((const double *)data)[row], error);
    case LB_DUCKDB_VARCHAR:
        return text_append(buffer, data, row, error);
    case LB_DUCKDB_UUID:
        return uuid_append(buffer, data, row, error);
    case LB_DUCKDB_ENUM:
        return enum_append(buffer, column, row, error);
    case LB_DUCKDB_DATE:
        return day_append(buffer, ((const int32_t *)data)[row], error);
    case LB_DUCKDB_TIME:
        return time_append(buffer, ((const int64_t *)data)[row], error);
    case LB_DUCKDB_TIMESTAMP:
    case LB_DUCKDB_TIMESTAMP_TZ:
        return timestamp_append(buffer, ((const int64_t *)data)[row], 1000000, 6,
                                column->type == LB_DUCKDB_TIMESTAMP ? "" : "Z", error);
    case LB_DUCKDB_TIMESTAMP_S:
        return timestamp_append(buffer, ((const int64_t *)data)[row], 1, 0, "", error);
    case LB_DUCKDB_TIMESTAMP_MS:
        return timestamp_append(buffer, ((const int64_t *)data)[row], 1000, 3, "", error);
    case LB_DUCKDB_TIMESTAMP_NS:
        return timestamp_append(buffer, ((const int64_t *)data)[row], 1000000000, 9, "", error);
    case LB_DUCKDB_DECIMAL:
        return signed_append(buffer, integer_at(column->internal, data, row), column->scale, error);
    case LB_DUCKDB_UHUGEINT:
        return digits_append(buffer, (wide_unsigned)wide(data, row), false, 0, error);
    case LB_DUCKDB_LIST:
    {
        const list_value *list = (const list_value *)data + row;
        return list_append(buffer, &column->children[0], list->begin, list->size, error);
    }
    case LB_DUCKDB_ARRAY:
        return list_append(buffer, &column->children[0], row * column->array_size,
                           column->array_size, error);
    case LB_DUCKDB_STRUCT:
        return struct_append(buffer, column, row, error);
    case LB_DUCKDB_MAP:
        return map_append(buffer, column, row, error);
    default: /* the whole numbers: lb_duckdb_column_make() lets nothing else through */
        return signed_append(buffer, integer_at(column->type, data, row), 0, error);
    }
}
