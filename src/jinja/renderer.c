/* SPDX-License-Identifier: Apache-2.0
 *
 * A renderer's memory and limits. Templates are not trusted: what one takes is counted, bytes,
 * steps and levels, and beyond the limit it fails like any other that is wrong.
 */
#include <stdlib.h>
#include <string.h>

#include "jinja/jinja_private.h"

enum
{
    DEFAULT_MEMORY_BYTES = 64 * 1024 * 1024,
    DEFAULT_STEPS = 10 * 1000 * 1000,
    DEFAULT_DEPTH = 1000
};

lb_jinja_limits lb_jinja_limits_default(void)
{
    return (lb_jinja_limits){DEFAULT_MEMORY_BYTES, DEFAULT_STEPS, DEFAULT_DEPTH};
}

lobass_status lb_jinja_create(lb_jinja **jinja, const lb_jinja_limits *limits, lobass_error *error)
{
    *jinja = lb_alloc(1, sizeof **jinja, error);
    if (*jinja == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    (*jinja)->limits = *limits;
    return LOBASS_OK;
}

void lb_jinja_free(lb_jinja *jinja)
{
    if (jinja == NULL)
    {
        return;
    }
    lb_arena_free(&jinja->arena);
    free(jinja);
}

void lb_jinja_reset(lb_jinja *jinja)
{
    lb_arena_reset(&jinja->arena);
    jinja->used_bytes = 0;
}

void lb_jinja_set_clock(lb_jinja *jinja, int64_t local_seconds)
{
    jinja->clock_seconds = local_seconds;
}

lobass_status lb_jinja_fail(lb_jinja *jinja, const char *format, ...)
{
    char what[512];
    va_list given;
    va_start(given, format);
    (void)lb_print_list(what, sizeof what, format, given);
    va_end(given);
    return lb_fail(jinja->error, LOBASS_BAD_FORMAT, "%s: line %u: %s",
                   jinja->where == NULL ? "template" : jinja->where, jinja->line, what);
}

lobass_status lb_jinja_take(lb_jinja *jinja, void **memory, size_t count, size_t element_bytes)
{
    size_t bytes = 0;
    size_t total = 0;
    if (!lb_size_multiply(count, element_bytes, &bytes) ||
        !lb_size_add(jinja->used_bytes, bytes, &total) || total > jinja->limits.memory_bytes)
    {
        return lb_jinja_fail(jinja, "its values and text need more than %zu MiB of memory",
                             jinja->limits.memory_bytes / 1024 / 1024);
    }
    jinja->used_bytes = total;
    *memory = lb_arena_alloc(&jinja->arena, count, element_bytes, jinja->error);
    return *memory == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

lobass_status lb_jinja_step(lb_jinja *jinja, uint64_t cost)
{
    jinja->n_steps += cost;
    return jinja->n_steps <= jinja->limits.n_steps
               ? LOBASS_OK
               : lb_jinja_fail(jinja, "it does not end within %llu steps",
                               (unsigned long long)jinja->limits.n_steps);
}

lobass_status lb_jinja_enter(lb_jinja *jinja)
{
    return ++jinja->depth <= jinja->limits.depth
               ? LOBASS_OK
               : lb_jinja_fail(jinja, "it calls itself, or nests, beyond a depth of %u",
                               jinja->limits.depth);
}

void lb_jinja_leave(lb_jinja *jinja)
{
    jinja->depth--;
}
