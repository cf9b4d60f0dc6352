/* SPDX-License-Identifier: Apache-2.0
 *
 * Records' JSON without a tree of allocations. The reader here takes what records are made of and
 * declines everything else: a document that is not valid, one nested deeply, an object with very
 * many members or with one name twice. What it declines goes through jansson (json.c), which
 * decides what is valid and finds the words for what is not; so there is one rule and one set of
 * messages, and both ways give the same values. Strings are written, one behind the other, into one
 * piece of memory as large as the document: none is longer than it is written there.
 */
#include "format/format.h"

#include <string.h>

#define MOST_DEPTH 32
#define MOST_MEMBERS 64 /* of an object: each is compared with all */
#define EXACT_DIGITS 15 /* any integer of so many digits is a double */

typedef struct reader
{
    const unsigned char *at, *end;
    char *out; /* where the next string goes */
    lb_arena *arena;
} reader;

static bool value_read(reader *r, lb_value *value, unsigned depth);

/* ---- strings ----------------------------------------------------------------------------------
 */

/* Whether any of eight bytes ends a plain stretch: a control character, '"', '\' or no ASCII. */
static bool has_special(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = UINT64_C(0x8080808080808080);
    const uint64_t quotes = bytes ^ (ones * '"');
    const uint64_t slashes = bytes ^ (ones * '\\');
    /* A top bit appears where a byte falls below the one that is taken from it. */
    return ((bytes | (bytes - ones * 0x20) | (quotes - ones) | (slashes - ones)) & tops) != 0;
}

static void copy_plain(reader *r)
{
    while (r->end - r->at >= 8)
    {
        uint64_t bytes = 0;
        memcpy(&bytes, r->at, sizeof bytes);
        if (has_special(bytes))
        {
            break;
        }
        memcpy(r->out, &bytes, sizeof bytes);
        r->out += 8;
        r->at += 8;
    }
    while (r->at < r->end && *r->at >= 0x20 && *r->at < 0x80 && *r->at != '"' && *r->at != '\\')
    {
        *r->out++ = (char)*r->at++;
    }
}

/* One character of two to four bytes, if it is well formed. */
static bool copy_wide(reader *r)
{
    size_t n_bad = 0;
    if (*r->at < 0x80) /* a control character */
    {
        return false;
    }
    const size_t size = lb_utf8_look((const char *)r->at, (size_t)(r->end - r->at), &n_bad);
    memcpy(r->out, r->at, size);
    r->out += size;
    r->at += size;
    return size > 0;
}

static bool hex_read(reader *r, uint32_t *unit)
{
    *unit = 0;
    if (r->end - r->at < 4)
    {
        return false;
    }
    for (unsigned i = 0; i < 4; i++)
    {
        const unsigned char digit = *r->at++;
        const unsigned char lower = digit | 0x20U;
        const bool is_letter = lower >= 'a' && lower <= 'f';
        if (!is_letter && (digit < '0' || digit > '9'))
        {
            return false;
        }
        *unit = *unit << 4 | (is_letter ? lower - 'a' + 10U : digit - (uint32_t)'0');
    }
    return true;
}

static void put_code_point(reader *r, uint32_t code_point)
{
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    const unsigned size = code_point < 0x80      ? 1
                          : code_point < 0x800   ? 2
                          : code_point < 0x10000 ? 3
                                                 : 4;
    for (unsigned i = size; i-- > 0; code_point >>= 6)
    {
        const uint32_t bits = i > 0 ? (code_point & 0x3FU) | 0x80U : code_point | leads[size];
        r->out[i] = (char)(unsigned char)bits;
    }
    r->out += size;
}

/* Behind "\u". */
static bool copy_unit(reader *r)
{
    uint32_t unit = 0, second = 0;
    if (!hex_read(r, &unit) || (unit >= 0xDC00 && unit <= 0xDFFF))
    {
        return false;
    }
    if (unit >= 0xD800 && unit <= 0xDBFF)
    {
        if (r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u')
        {
            return false;
        }
        r->at += 2;
        if (!hex_read(r, &second) || second < 0xDC00 || second > 0xDFFF)
        {
            return false;
        }
        unit = 0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00);
    }
    put_code_point(r, unit);
    return true;
}

/* At a backslash. */
static bool copy_escape(reader *r)
{
    static const char names[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    if (r->end - r->at < 2)
    {
        return false;
    }
    const char name = (char)r->at[1];
    r->at += 2;
    if (name == 'u')
    {
        return copy_unit(r);
    }
    const char *found = name == '\0' ? NULL : strchr(names, name);
    if (found == NULL)
    {
        return false;
    }
    *r->out++ = meant[found - names];
    return true;
}

/* Behind the opening quote. */
static bool string_read(reader *r, const char **text, size_t *size)
{
    char *begin = r->out;
    for (;;)
    {
        copy_plain(r);
        if (r->at == r->end || *r->at < 0x20)
        {
            return false;
        }
        if (*r->at == '"')
        {
            break;
        }
        if (*r->at == '\\' ? !copy_escape(r) : !copy_wide(r))
        {
            return false;
        }
    }
    r->at++;
    *text = begin;
    *size = (size_t)(r->out - begin);
    *r->out++ = '\0';
    return true;
}

/* ---- numbers and words ------------------------------------------------------------------------
 */

static size_t digits_skip(reader *r)
{
    const unsigned char *begin = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
    {
        r->at++;
    }
    return (size_t)(r->at - begin);
}

/* A short integer is read here; jansson knows what any other number is. */
static bool number_read(reader *r, lb_value *value)
{
    const unsigned char *begin = r->at;
    r->at += *r->at == '-' ? 1 : 0;
    const unsigned char *first = r->at;
    const size_t n_digits = digits_skip(r);
    const bool has_more = r->at < r->end && (*r->at == '.' || (*r->at | 0x20U) == 'e');
    if (n_digits == 0 || (n_digits > 1 && *first == '0'))
    {
        return false;
    }
    value->kind = LB_VALUE_NUMBER;
    if (!has_more && n_digits <= EXACT_DIGITS)
    {
        int64_t number = 0;
        for (const unsigned char *digit = first; digit < r->at; digit++)
        {
            number = 10 * number + (*digit - '0');
        }
        value->is_integer = true;
        value->integer = first > begin ? -number : number;
        value->number = (double)value->integer;
        return true;
    }
    while (r->at < r->end && *r->at != '\0' && strchr("0123456789.eE+-", *r->at) != NULL)
    {
        r->at++;
    }
    json_t *json = NULL;
    if (lb_json_parse(&json, (const char *)begin, (size_t)(r->at - begin), "", NULL) != LOBASS_OK)
    {
        return false;
    }
    value->is_integer = json_is_integer(json);
    value->integer = json_integer_value(json);
    value->number = json_number_value(json);
    json_decref(json);
    return true;
}

static bool word_read(reader *r, lb_value *value)
{
    static const struct
    {
        const char *word;
        lb_value_kind kind;
    } words[] = {{"true", LB_VALUE_TRUE}, {"false", LB_VALUE_FALSE}, {"null", LB_VALUE_NULL}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    {
        const size_t size = strlen(words[i].word);
        if ((size_t)(r->end - r->at) >= size && memcmp(r->at, words[i].word, size) == 0)
        {
            r->at += size;
            value->kind = words[i].kind;
            return true;
        }
    }
    return false;
}

/* ---- objects and arrays -----------------------------------------------------------------------
 */

/* Passes over white space; false at the end. */
static bool spaces_skip(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
    {
        r->at++;
    }
    return r->at < r->end;
}

/* The next byte that is not white space is BYTE; passes over it. */
static bool byte_take(reader *r, unsigned char byte)
{
    const bool is_there = spaces_skip(r) && *r->at == byte;
    r->at += is_there ? 1 : 0;
    return is_there;
}

static bool key_read(reader *r, lb_value *member, const lb_value *object)
{
    size_t size = 0;
    if (!byte_take(r, '"') || !string_read(r, &member->key, &size) || strlen(member->key) != size ||
        object->count == MOST_MEMBERS || lb_value_get(object, member->key) != NULL)
    {
        return false;
    }
    return byte_take(r, ':');
}

/* Behind the opening bracket. */
static bool elements_read(reader *r, lb_value *value, unsigned depth)
{
    const unsigned char closing = value->kind == LB_VALUE_OBJECT ? '}' : ']';
    const lb_value **link = &value->first;
    if (byte_take(r, closing))
    {
        return true;
    }
    do
    {
        lb_value *element = lb_arena_alloc(r->arena, 1, sizeof *element, NULL);
        if (element == NULL || (value->kind == LB_VALUE_OBJECT && !key_read(r, element, value)) ||
            !spaces_skip(r) || !value_read(r, element, depth + 1))
        {
            return false;
        }
        *link = element;
        link = &element->next;
        value->count++;
    } while (byte_take(r, ','));
    return byte_take(r, closing);
}

/* At its first byte. */
static bool value_read(reader *r, lb_value *value, unsigned depth)
{
    value->text = "";
    if (*r->at == '"')
    {
        r->at++;
        value->kind = LB_VALUE_STRING;
        return string_read(r, &value->text, &value->size);
    }
    if (*r->at == '{' || *r->at == '[')
    {
        value->kind = *r->at == '{' ? LB_VALUE_OBJECT : LB_VALUE_ARRAY;
        r->at++;
        return depth < MOST_DEPTH && elements_read(r, value, depth);
    }
    return *r->at == '-' || (*r->at >= '0' && *r->at <= '9') ? number_read(r, value)
                                                             : word_read(r, value);
}

bool lb_value_read(lb_value *value, const char *data, size_t size_bytes, lb_arena *arena)
{
    *value = (lb_value){0};
    if (size_bytes == 0)
    {
        return false;
    }
    const unsigned char *begin = (const unsigned char *)data;
    reader r = {begin, begin + size_bytes, NULL, arena};
    /* A string has two quotes there and one NUL here. */
    r.out = lb_arena_alloc(arena, size_bytes, 1, NULL);
    return r.out != NULL && spaces_skip(&r) && value_read(&r, value, 0) && !spaces_skip(&r);
}

/* ---- through jansson --------------------------------------------------------------------------
 */

static lobass_status element_add(const lb_value ***link, const char *key, const json_t *json,
                                 lb_arena *arena, lobass_error *error)
{
    lb_value *element = lb_arena_alloc(arena, 1, sizeof *element, error);
    if (element == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY(lb_value_convert(element, json, arena, error));
    if (key != NULL)
    {
        element->key = lb_arena_text(arena, key, strlen(key), error);
        if (element->key == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
    }
    **link = element;
    *link = &element->next;
    return LOBASS_OK;
}

lobass_status lb_value_convert(lb_value *value, const json_t *json, lb_arena *arena,
                               lobass_error *error)
{
    static const lb_value_kind kinds[] = {
        [JSON_OBJECT] = LB_VALUE_OBJECT, [JSON_ARRAY] = LB_VALUE_ARRAY,
        [JSON_STRING] = LB_VALUE_STRING, [JSON_INTEGER] = LB_VALUE_NUMBER,
        [JSON_REAL] = LB_VALUE_NUMBER,   [JSON_TRUE] = LB_VALUE_TRUE,
        [JSON_FALSE] = LB_VALUE_FALSE,   [JSON_NULL] = LB_VALUE_NULL,
    };
    const lb_value **link = &value->first;
    *value = (lb_value){.kind = kinds[json_typeof(json)], .text = ""};
    value->count = value->kind == LB_VALUE_OBJECT ? json_object_size(json) : json_array_size(json);
    value->is_integer = json_is_integer(json);
    value->integer = json_integer_value(json);
    value->number = json_number_value(json);
    if (value->kind == LB_VALUE_STRING)
    {
        value->size = json_string_length(json);
        value->text = lb_arena_text(arena, json_string_value(json), value->size, error);
        return value->text == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    }
    json_t *object = (json_t *)json; /* jansson iterates over objects that are not const */
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at))
    {
        LB_TRY(
            element_add(&link, json_object_iter_key(at), json_object_iter_value(at), arena, error));
    }
    for (size_t i = 0; i < json_array_size(json); i++)
    {
        LB_TRY(element_add(&link, NULL, json_array_get(json, i), arena, error));
    }
    return LOBASS_OK;
}

/* ---- values -----------------------------------------------------------------------------------
 */

lobass_status lb_value_parse(const lb_value **value, const char *data, size_t size_bytes,
                             const char *where, lb_arena *arena, lobass_error *error)
{
    lb_value *root = lb_arena_alloc(arena, 1, sizeof *root, error);
    if (root == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    *value = root;
    if (lb_value_read(root, data, size_bytes, arena))
    {
        return LOBASS_OK;
    }
    json_t *json = NULL;
    LB_TRY(lb_json_parse(&json, data, size_bytes, where, error));
    const lobass_status status = lb_value_convert(root, json, arena, error);
    json_decref(json);
    return status;
}

const lb_value *lb_value_get(const lb_value *object, const char *key)
{
    const lb_value *member = lb_value_is(object, LB_VALUE_OBJECT) ? object->first : NULL;
    while (member != NULL && strcmp(member->key, key) != 0)
    {
        member = member->next;
    }
    return member;
}

bool lb_value_is(const lb_value *value, lb_value_kind kind)
{
    return value != NULL && value->kind == kind;
}

const char *lb_value_describe(const lb_value *value)
{
    static const char *const kinds[] = {
        [LB_VALUE_OBJECT] = "an object", [LB_VALUE_ARRAY] = "an array",
        [LB_VALUE_STRING] = "a string",  [LB_VALUE_NUMBER] = "a number",
        [LB_VALUE_TRUE] = "true",        [LB_VALUE_FALSE] = "false",
        [LB_VALUE_NULL] = "null",
    };
    return value == NULL ? "nothing" : kinds[value->kind];
}
