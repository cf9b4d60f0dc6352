/* SPDX-License-Identifier: Apache-2.0
 *
 * Text that knows where it came from: UTF-8 with runs of origins, immutable once made. What is cut
 * out or put together keeps the origin of every byte. Memory is the renderer's, within its limit.
 */
#include <string.h>

#include "jinja/jinja_private.h"

enum
{
    FIRST_BUILDER_BYTES = 64,
    FIRST_BUILDER_RUNS = 8
};

#define WORD(name, string) \
    const text lb_jinja_word_##name = {string, sizeof(string) - 1, sizeof(string) - 1, 0, NULL, 0}

WORD(empty, "");
WORD(space, " ");
WORD(zero, "0");
WORD(comma, ",");
WORD(comma_space, ", ");
WORD(colon_space, ": ");
WORD(dots, "...");
WORD(common, "common");
WORD(key, "key");
WORD(caller, "caller");
WORD(kwargs, "kwargs");
WORD(varargs, "varargs");
WORD(loop, "loop");
WORD(length, "length");

bool lb_jinja_text_equal(const text *a, const text *b)
{
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

bool lb_jinja_text_is(const text *a, const char *word)
{
    const size_t size = strlen(word);
    return a->size == size && memcmp(a->data, word, size) == 0;
}

/* The order of UTF-8's bytes is that of the code points. */
int lb_jinja_text_compare(const text *a, const text *b)
{
    const size_t shorter = a->size < b->size ? a->size : b->size;
    const int order = memcmp(a->data, b->data, shorter);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

size_t lb_jinja_char_size(const char *at)
{
    const unsigned char lead = (unsigned char)*at;
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

size_t lb_jinja_text_offset(const text *of, size_t index)
{
    if (of->n_chars == of->size)
    {
        return index;
    }
    size_t at = 0;
    for (size_t i = 0; i < index; i++)
    {
        at += lb_jinja_char_size(of->data + at);
    }
    return at;
}

static size_t count_chars(const char *data, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
    {
        n += ((unsigned char)data[i] & 0xC0U) != 0x80U;
    }
    return n;
}

lobass_status lb_jinja_text_copy(lb_jinja *jinja, const text **made, const char *data, size_t size,
                                 uint32_t origin)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(jinja, &memory, sizeof(text) + size + 1, 1));
    text *copy = memory;
    char *bytes = (char *)memory + sizeof *copy;
    memcpy(bytes, data, size);
    bytes[size] = '\0';
    *copy = (text){bytes, size, count_chars(bytes, size), origin, NULL, 0};
    *made = copy;
    return LOBASS_OK;
}

/* The number of the run that byte AT lies in. */
static size_t run_at(const text *of, size_t at)
{
    size_t low = 0;
    size_t high = of->n_runs;
    while (low < high)
    {
        const size_t middle = low + (high - low) / 2;
        if (of->runs[middle].end <= at)
        {
            low = middle + 1;
        }
        else
        {
            high = middle;
        }
    }
    return low;
}

uint32_t lb_jinja_text_origin(const text *of, size_t at)
{
    if (of->n_runs == 0)
    {
        return of->origin;
    }
    const size_t run = run_at(of, at);
    return of->runs[run < of->n_runs ? run : of->n_runs - 1].origin;
}

lobass_status lb_jinja_text_part(lb_jinja *jinja, const text **part, const text *of, size_t from,
                                 size_t to)
{
    if (from == 0 && to == of->size)
    {
        *part = of;
        return LOBASS_OK;
    }
    text_builder builder;
    lb_jinja_builder_begin(&builder, jinja);
    LB_TRY(lb_jinja_builder_part(&builder, of, from, to));
    return lb_jinja_builder_end(&builder, part);
}

void lb_jinja_builder_begin(text_builder *builder, lb_jinja *jinja)
{
    *builder = (text_builder){.jinja = jinja};
}

/* Room for EXTRA bytes and a NUL. */
static lobass_status reserve(text_builder *builder, size_t extra)
{
    if (extra < builder->capacity - builder->size)
    {
        return LOBASS_OK;
    }
    size_t wanted = builder->capacity == 0 ? FIRST_BUILDER_BYTES : builder->capacity * 2;
    while (wanted - builder->size <= extra)
    {
        if (!lb_size_multiply(wanted, 2, &wanted))
        {
            return lb_jinja_fail(builder->jinja, "its text does not fit in memory");
        }
    }
    void *grown = NULL;
    LB_TRY(lb_jinja_take(builder->jinja, &grown, wanted, 1));
    if (builder->size > 0)
    {
        memcpy(grown, builder->data, builder->size);
    }
    builder->data = grown;
    builder->capacity = wanted;
    return LOBASS_OK;
}

/* The bytes added last, up to the builder's size, have ORIGIN. */
static lobass_status mark(text_builder *builder, uint32_t origin)
{
    if (builder->n_runs > 0 && builder->runs[builder->n_runs - 1].origin == origin)
    {
        builder->runs[builder->n_runs - 1].end = builder->size;
        return LOBASS_OK;
    }
    if (builder->n_runs == builder->runs_capacity)
    {
        const size_t wanted =
            builder->runs_capacity == 0 ? FIRST_BUILDER_RUNS : builder->runs_capacity * 2;
        void *grown = NULL;
        LB_TRY(lb_jinja_take(builder->jinja, &grown, wanted, sizeof *builder->runs));
        if (builder->n_runs > 0)
        {
            memcpy(grown, builder->runs, builder->n_runs * sizeof *builder->runs);
        }
        builder->runs = grown;
        builder->runs_capacity = wanted;
    }
    builder->runs[builder->n_runs++] = (lb_jinja_run){builder->size, origin};
    return LOBASS_OK;
}

lobass_status lb_jinja_builder_bytes(text_builder *builder, const char *data, size_t size,
                                     uint32_t origin)
{
    if (size == 0)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_jinja_step(builder->jinja, size / 64));
    LB_TRY(reserve(builder, size));
    memcpy(builder->data + builder->size, data, size);
    builder->size += size;
    return mark(builder, origin);
}

lobass_status lb_jinja_builder_part(text_builder *builder, const text *added, size_t from,
                                    size_t to)
{
    if (added->n_runs == 0)
    {
        return lb_jinja_builder_bytes(builder, added->data + from, to - from, added->origin);
    }
    for (size_t run = run_at(added, from); from < to; run++)
    {
        const size_t end = added->runs[run].end < to ? added->runs[run].end : to;
        LB_TRY(lb_jinja_builder_bytes(builder, added->data + from, end - from,
                                      added->runs[run].origin));
        from = end;
    }
    return LOBASS_OK;
}

lobass_status lb_jinja_builder_text(text_builder *builder, const text *added)
{
    return lb_jinja_builder_part(builder, added, 0, added->size);
}

lobass_status lb_jinja_builder_end(text_builder *builder, const text **made)
{
    LB_TRY(reserve(builder, 0));
    builder->data[builder->size] = '\0';
    void *memory = NULL;
    LB_TRY(lb_jinja_take(builder->jinja, &memory, 1, sizeof(text)));
    text *built = memory;
    *built = (text){builder->data,
                    builder->size,
                    count_chars(builder->data, builder->size),
                    builder->n_runs == 1 ? builder->runs[0].origin : 0,
                    NULL,
                    0};
    if (builder->n_runs > 1)
    {
        built->runs = builder->runs;
        built->n_runs = builder->n_runs;
    }
    *made = built;
    return LOBASS_OK;
}
