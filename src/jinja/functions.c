/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that every template has: jinja2's range, dict, namespace, cycler and joiner, and
 * transformers' raise_exception and strftime_now, whose clock is the caller's: a rendering does not
 * depend on the day it was made.
 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "jinja/jinja_private.h"

enum
{
    MOST_RANGE = 100000, /* jinja2's sandbox */
    PRINTED_SIZE = 24
};

static lobass_status run_range(call *c, value *result)
{
    int64_t bounds[3] = {0, 0, 1};
    void *memory = NULL;
    const bool has_stop = c->bound[1].kind != KIND_MISSING;
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[0], 0, &bounds[has_stop ? 0 : 1]));
    LB_TRY(has_stop ? lb_jinja_take_integer(c->jinja, &c->bound[1], 0, &bounds[1]) : LOBASS_OK);
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[2], 1, &bounds[2]));
    if (bounds[2] == 0)
    {
        return lb_jinja_fail(c->jinja, "range() arg 3 must not be zero");
    }
    /* In doubles the count is exact where it is small enough to be allowed. */
    const double distance = bounds[2] > 0 ? (double)bounds[1] - (double)bounds[0]
                                          : (double)bounds[0] - (double)bounds[1];
    const double stride = fabs((double)bounds[2]);
    const double count = distance <= 0.0 ? 0.0 : floor((distance - 1.0) / stride) + 1.0;
    if (count > (double)MOST_RANGE)
    {
        return lb_jinja_fail(c->jinja, "Range too big. The sandbox blocks ranges larger than "
                                       "MAX_RANGE (100000).");
    }
    LB_TRY(lb_jinja_take(c->jinja, &memory, 1, sizeof(range)));
    range *made = memory;
    *made = (range){bounds[0], bounds[1], bounds[2], (int64_t)count};
    *result = lb_jinja_of_object(KIND_RANGE, made);
    return LOBASS_OK;
}

/* A dict of what is given: pairs or a dict, then keywords. */
static lobass_status collect_members(call *c, dict **made)
{
    LB_TRY(lb_jinja_dict_make(c->jinja, made, c->given->n_keywords));
    if (c->given->n_positional > 1)
    {
        return lb_jinja_fail(c->jinja, "dict expected at most 1 argument, got %zu",
                             c->given->n_positional);
    }
    if (c->given->n_positional == 1 && c->given->positional[0].kind == KIND_DICT)
    {
        const dict *of = lb_jinja_dict_of(&c->given->positional[0]);
        for (size_t i = 0; i < of->count; i++)
        {
            LB_TRY(lb_jinja_dict_set(c->jinja, *made, &of->entries[i].key, &of->entries[i].value));
        }
    }
    else if (c->given->n_positional == 1)
    {
        const value *items = NULL;
        size_t count = 0;
        LB_TRY(lb_jinja_collect_all(c->jinja, &c->given->positional[0], &items, &count));
        for (size_t i = 0; i < count; i++)
        {
            const value *pair = NULL;
            size_t n = 0;
            LB_TRY(lb_jinja_collect_all(c->jinja, &items[i], &pair, &n));
            if (n != 2)
            {
                return lb_jinja_fail(c->jinja,
                                     "dictionary update sequence element #%zu has length "
                                     "%zu; 2 is required",
                                     i, n);
            }
            LB_TRY(lb_jinja_dict_set(c->jinja, *made, &pair[0], &pair[1]));
        }
    }
    for (size_t i = 0; i < c->given->n_keywords; i++)
    {
        LB_TRY(lb_jinja_dict_set(c->jinja, *made, &c->given->keywords[i].key,
                                 &c->given->keywords[i].value));
    }
    return LOBASS_OK;
}

static lobass_status run_dict(call *c, value *result)
{
    dict *made = NULL;
    LB_TRY(collect_members(c, &made));
    *result = lb_jinja_of_object(KIND_DICT, made);
    return LOBASS_OK;
}

static lobass_status run_namespace(call *c, value *result)
{
    dict *made = NULL;
    LB_TRY(collect_members(c, &made));
    *result = lb_jinja_of_object(KIND_NAMESPACE, made);
    return LOBASS_OK;
}

static lobass_status run_cycler(call *c, value *result)
{
    void *memory = NULL;
    if (c->given->n_positional == 0)
    {
        return lb_jinja_fail(c->jinja, "at least one item has to be provided");
    }
    LB_TRY(lb_jinja_take(c->jinja, &memory, 1, sizeof(cycler)));
    cycler *made = memory;
    *made = (cycler){c->given->positional, c->given->n_positional, 0};
    *result = lb_jinja_of_object(KIND_CYCLER, made);
    return LOBASS_OK;
}

static lobass_status run_joiner(call *c, value *result)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(c->jinja, &memory, 1, sizeof(joiner)));
    joiner *made = memory;
    *made = (joiner){c->bound[0], false};
    *result = lb_jinja_of_object(KIND_JOINER, made);
    return c->bound[0].kind == KIND_MISSING ? lb_jinja_make_word(c->jinja, &made->separator, ", ")
                                            : LOBASS_OK;
}

static lobass_status run_raise_exception(call *c, value *result)
{
    const text *said = NULL;
    (void)result;
    LB_TRY(lb_jinja_text_from(c->jinja, &said, &c->bound[0]));
    c->jinja->is_raised = true;
    return lb_jinja_fail(c->jinja, "%s", said->data);
}

/* DIRECTIVE as a number with so many digits; false: it is none. */
static bool print_number(char printed[PRINTED_SIZE], char directive, const struct tm *now)
{
    const int hour12 = now->tm_hour % 12 == 0 ? 12 : now->tm_hour % 12;
    const int weekday = now->tm_wday == 0 ? 7 : now->tm_wday;
    const struct
    {
        char directive;
        int n_digits, number;
    } numbers[] = {{'d', 2, now->tm_mday},
                   {'m', 2, now->tm_mon + 1},
                   {'y', 2, now->tm_year % 100},
                   {'Y', 4, now->tm_year + 1900},
                   {'H', 2, now->tm_hour},
                   {'I', 2, hour12},
                   {'M', 2, now->tm_min},
                   {'S', 2, now->tm_sec},
                   {'j', 3, now->tm_yday + 1},
                   {'f', 6, 0},
                   {'u', 1, weekday},
                   {'w', 1, now->tm_wday}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    {
        if (numbers[i].directive == directive)
        {
            (void)lb_print(printed, PRINTED_SIZE, "%0*d", numbers[i].n_digits, numbers[i].number);
            return true;
        }
    }
    return false;
}

/* In English whatever the locale: names are written here. */
static lobass_status put_time(text_builder *to, char directive, const struct tm *now)
{
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    const char *const day = days[now->tm_wday];
    const char *const month = months[now->tm_mon];
    char number[PRINTED_SIZE];
    switch (directive)
    {
    case 'A':
        return lb_jinja_builder_bytes(to, day, strlen(day), 0);
    case 'a':
        return lb_jinja_builder_bytes(to, day, 3, 0);
    case 'B':
        return lb_jinja_builder_bytes(to, month, strlen(month), 0);
    case 'b':
    case 'h':
        return lb_jinja_builder_bytes(to, month, 3, 0);
    case 'p':
        return lb_jinja_builder_bytes(to, now->tm_hour < 12 ? "AM" : "PM", 2, 0);
    case '%':
        return lb_jinja_builder_bytes(to, "%", 1, 0);
    default:
        return print_number(number, directive, now)
                   ? lb_jinja_builder_bytes(to, number, strlen(number), 0)
                   : lb_jinja_fail(to->jinja, "strftime_now: %%%c is not supported", directive);
    }
}

static lobass_status run_strftime_now(call *c, value *result)
{
    const text *pattern = NULL;
    const text *made = NULL;
    text_builder to;
    struct tm now;
    const time_t seconds = (time_t)c->jinja->clock_seconds;
    LB_TRY(lb_jinja_take_text(c, 0, &pattern));
    if (gmtime_r(&seconds, &now) == NULL)
    {
        return lb_jinja_fail(c->jinja, "strftime_now: the date is beyond what can be shown");
    }
    lb_jinja_builder_begin(&to, c->jinja);
    for (size_t at = 0; at < pattern->size; at++)
    {
        if (pattern->data[at] != '%')
        {
            LB_TRY(lb_jinja_builder_part(&to, pattern, at, at + 1));
            continue;
        }
        at++;
        const bool is_short = at < pattern->size && pattern->data[at] == '-';
        at += is_short;
        if (at >= pattern->size)
        {
            return lb_jinja_fail(c->jinja, "strftime_now: the format ends behind %%");
        }
        if (!is_short)
        {
            LB_TRY(put_time(&to, pattern->data[at], &now));
            continue;
        }
        const text *part = NULL; /* "%-d": without the zeros before it */
        text_builder padded;
        lb_jinja_builder_begin(&padded, c->jinja);
        LB_TRY(put_time(&padded, pattern->data[at], &now));
        LB_TRY(lb_jinja_builder_end(&padded, &part));
        size_t first = 0;
        while (first + 1 < part->size && part->data[first] == '0')
        {
            first++;
        }
        LB_TRY(lb_jinja_builder_part(&to, part, first, part->size));
    }
    LB_TRY(lb_jinja_builder_end(&to, &made));
    *result = lb_jinja_of_text(made);
    return LOBASS_OK;
}

static lobass_status run_lipsum(call *c, value *result)
{
    (void)result;
    return lb_jinja_fail(c->jinja, "lipsum() is not supported");
}

#define FUNCTION_OF_ALL(name, function) {{name, {NULL}, 0, true}, function}

const function_row lb_jinja_functions[] = {
    {{"range", {"/start", "/stop", "/step"}, 1, false}, run_range},
    FUNCTION_OF_ALL("dict", run_dict),
    FUNCTION_OF_ALL("namespace", run_namespace),
    FUNCTION_OF_ALL("cycler", run_cycler),
    FUNCTION_OF_ALL("lipsum", run_lipsum),
    {{"joiner", {"sep"}, 0, false}, run_joiner},
    {{"raise_exception", {"message"}, 1, false}, run_raise_exception},
    {{"strftime_now", {"format"}, 1, false}, run_strftime_now},
    {{NULL, {NULL}, 0, false}, NULL}};
