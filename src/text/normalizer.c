/* SPDX-License-Identifier: Apache-2.0
 *
 * The normalizer of tokenizer.json: Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase and Strip, in
 * any order. Each step writes a new text that remembers which original byte each of its bytes comes
 * from. Unicode forms are made of one stretch at a time (utf8proc), from one character that can
 * neither combine with nor be ordered among those before it to the next, which gives the same text
 * as the whole at once.
 */
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "format/format.h"
#include "text/tokenizer_private.h"

#define FEW_CODE_POINTS 64     /* of a stretch; more need memory of their own */
#define MAX_CHAR_DECOMPOSED 32 /* U+FDFA has 18 */

typedef struct context
{
    const lb_normalizer *step;
    lb_matcher *matcher;
    lb_view input;
    lb_tracked *output;
    lb_scope *scope;
    lobass_error *error;
} context;

typedef lobass_status (*apply_function)(const context *c);

/* What the kind's entry in the table points to. */
typedef struct detail
{
    apply_function apply;
    utf8proc_option_t form;
} detail;

/* ---- Prepend, Replace, Lowercase, Strip
 * ----------------------------------------------------------- */

static lobass_status parse_prepend(void *step, const lb_loader *loader, const json_t *value,
                                   const char *where, lobass_error *error)
{
    lb_normalizer *prepend = step;
    return lb_part_text(value, loader, where, "prepend", &prepend->text, &prepend->text_size,
                        error);
}

static lobass_status apply_prepend(const context *c)
{
    if (c->input.size > 0 && c->scope->takes_prefix)
    {
        LB_TRY(lb_tracked_append(c->output, c->step->text, c->step->text_size, 0, c->error));
    }
    return lb_tracked_copy(c->output, c->input, 0, c->input.size, c->error);
}

static lobass_status parse_replace(void *step, const lb_loader *loader, const json_t *value,
                                   const char *where, lobass_error *error)
{
    lb_normalizer *replace = step;

    LB_TRY(
        lb_part_text(value, loader, where, "content", &replace->text, &replace->text_size, error));
    LB_TRY(lb_pattern_parse(&replace->pattern, loader->arena, value, where, error));
    /* Versions of the library differ in whether "$1" is a group. */
    if (replace->pattern.regex != NULL && memchr(replace->text, '$', replace->text_size) != NULL)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s: field \"content\": \"$\" beside a regular expression is not supported",
                       where);
    }
    return LOBASS_OK;
}

/* Where the first characters are dropped, what is left does not stand at the origin. */
static void drop_beginning(const context *c, size_t size)
{
    c->scope->is_origin = c->scope->is_origin && (size == 0 || c->output->text.size > 0);
}

static lobass_status apply_replace(const context *c)
{
    size_t copied = 0;
    size_t last_end = SIZE_MAX;
    lb_range match;
    bool found;

    for (;;)
    {
        LB_TRY(lb_pattern_find(&c->step->pattern, c->matcher, c->input, copied, last_end, &match,
                               &found, c->error));
        if (!found)
        {
            return lb_tracked_copy(c->output, c->input, copied, c->input.size, c->error);
        }
        LB_TRY(lb_tracked_copy(c->output, c->input, copied, match.from, c->error));
        LB_TRY(lb_tracked_append(c->output, c->step->text, c->step->text_size,
                                 lb_view_end(c->input, match.to), c->error));
        drop_beginning(c, match.to);
        copied = match.to;
        last_end = match.to;
    }
}

static lobass_status apply_lowercase(const context *c)
{
    static const char small_i_with_dot[] = "i\xCC\x87"; /* of U+0130, the only one with two */
    char lower[LB_UTF8_MAX];

    for (size_t at = 0; at < c->input.size;)
    {
        uint32_t code_point;
        at += lb_utf8_decode(c->input.data + at, &code_point);
        const size_t end = lb_view_end(c->input, at);
        if (code_point == 0x130)
        {
            LB_TRY(lb_tracked_append(c->output, small_i_with_dot, sizeof small_i_with_dot - 1, end,
                                     c->error));
            continue;
        }
        const size_t size =
            lb_utf8_encode(lower, (uint32_t)utf8proc_tolower((utf8proc_int32_t)code_point));
        LB_TRY(lb_tracked_append(c->output, lower, size, end, c->error));
    }
    return LOBASS_OK;
}

static lobass_status parse_strip(void *step, const lb_loader *loader, const json_t *value,
                                 const char *where, lobass_error *error)
{
    lb_normalizer *strip = step;

    (void)loader;
    LB_TRY(lb_json_boolean(value, where, "strip_left", false, &strip->strips_left, error));
    return lb_json_boolean(value, where, "strip_right", false, &strip->strips_right, error);
}

static lobass_status apply_strip(const context *c)
{
    size_t from = 0;
    size_t to = c->input.size;
    uint32_t code_point;

    while (c->step->strips_left && from < to)
    {
        const size_t length = lb_utf8_decode(c->input.data + from, &code_point);
        if (!lb_char_is_space(code_point))
        {
            break;
        }
        from += length;
    }
    while (c->step->strips_right && to > from)
    {
        const size_t before = lb_utf8_previous(c->input.data, to);
        (void)lb_utf8_decode(c->input.data + before, &code_point);
        if (!lb_char_is_space(code_point))
        {
            break;
        }
        to = before;
    }
    drop_beginning(c, from);
    return lb_tracked_copy(c->output, c->input, from, to, c->error);
}

/* ---- Unicode forms
 * -------------------------------------------------------------------------------- */

/* Whether a stretch can begin at a code point: what it decomposes into begins with something that
 * neither combines with nor is ordered among what stands before it. */
static bool is_boundary(uint32_t code_point, utf8proc_option_t form)
{
    utf8proc_int32_t parts[MAX_CHAR_DECOMPOSED];
    int boundclass = 0;

    if (code_point < 0x80)
    {
        return true;
    }
    const utf8proc_ssize_t count = utf8proc_decompose_char((utf8proc_int32_t)code_point, parts,
                                                           MAX_CHAR_DECOMPOSED, form, &boundclass);
    if (count <= 0 || count > MAX_CHAR_DECOMPOSED)
    {
        return count == 0;
    }
    const utf8proc_property_t *property = utf8proc_get_property(parts[0]);
    const bool is_hangul_tail = parts[0] >= 0x1160 && parts[0] <= 0x11FF;
    const bool is_mark = property->category == UTF8PROC_CATEGORY_MN ||
                         property->category == UTF8PROC_CATEGORY_MC ||
                         property->category == UTF8PROC_CATEGORY_ME;
    return property->combining_class == 0 && !is_mark && !is_hangul_tail;
}

static size_t stretch_end(lb_view input, size_t from, utf8proc_option_t form)
{
    uint32_t code_point;
    size_t at = from + lb_utf8_length(input.data + from);

    while (at < input.size)
    {
        const size_t length = lb_utf8_decode(input.data + at, &code_point);
        if (is_boundary(code_point, form))
        {
            break;
        }
        at += length;
    }
    return at;
}

static lobass_status append_form(const context *c, size_t from, size_t to, utf8proc_option_t form)
{
    const utf8proc_uint8_t *text = (const utf8proc_uint8_t *)c->input.data + from;
    const utf8proc_ssize_t size = (utf8proc_ssize_t)(to - from);
    utf8proc_int32_t few[FEW_CODE_POINTS + 1]; /* re-encoding puts a NUL behind the text */
    utf8proc_int32_t *many = NULL;
    lobass_status status = LOBASS_OK;

    utf8proc_ssize_t result = utf8proc_decompose(text, size, few, FEW_CODE_POINTS, form);
    if (result > FEW_CODE_POINTS)
    {
        many = lb_alloc((size_t)result + 1, sizeof *many, c->error);
        if (many == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        result = utf8proc_decompose(text, size, many, result, form);
    }
    utf8proc_int32_t *code_points = many == NULL ? few : many;
    result = result < 0 ? result : utf8proc_reencode(code_points, result, form);
    if (result < 0)
    {
        status = lb_fail(c->error, LOBASS_BAD_FORMAT, "a text cannot be normalised: %s",
                         utf8proc_errmsg(result));
        goto done;
    }
    if (result == size && memcmp(code_points, text, to - from) == 0)
    {
        status =
            lb_tracked_copy(c->output, c->input, from, to, c->error); /* each byte is its own */
        goto done;
    }
    LB_TRY_GOTO(lb_tracked_append(c->output, (const char *)code_points, (size_t)result,
                                  lb_view_end(c->input, to), c->error));
done:
    free(many);
    return status;
}

static lobass_status apply_form(const context *c)
{
    const utf8proc_option_t form = ((const detail *)c->step->kind->detail)->form;

    for (size_t at = 0; at < c->input.size;)
    {
        size_t ascii = at; /* the last ASCII character may combine with what follows it */
        while (ascii + 1 < c->input.size && (unsigned char)c->input.data[ascii] < 0x80 &&
               (unsigned char)c->input.data[ascii + 1] < 0x80)
        {
            ascii++;
        }
        LB_TRY(lb_tracked_copy(c->output, c->input, at, ascii, c->error));
        const size_t end = stretch_end(c->input, ascii, form);
        LB_TRY(append_form(c, ascii, end, form));
        at = end;
    }
    return LOBASS_OK;
}

/* ---- the table
 * ------------------------------------------------------------------------------------- */

static const detail details[] = {
    {apply_prepend, 0},
    {apply_replace, 0},
    {apply_lowercase, 0},
    {apply_strip, 0},
    {apply_form, UTF8PROC_STABLE | UTF8PROC_COMPOSE},
    {apply_form, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE},
    {apply_form, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
    {apply_form, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
};

static const lb_part_kind kinds[] = {
    {"Prepend", parse_prepend, &details[0]},
    {"Replace", parse_replace, &details[1]},
    {"Lowercase", NULL, &details[2]},
    {"Strip", parse_strip, &details[3]},
    {"NFC", NULL, &details[4]},
    {"NFD", NULL, &details[5]},
    {"NFKC", NULL, &details[6]},
    {"NFKD", NULL, &details[7]},
    {NULL, NULL, NULL},
};

static const lb_parts parts_of_normalizer = {
    {"normalizer", "normalizers"}, kinds, sizeof(lb_normalizer)};

lobass_status lb_normalizers_load(lb_normalizers *normalizers, const lb_loader *loader,
                                  const json_t *file, lobass_error *error)
{
    void *steps = NULL;
    const lobass_status status =
        lb_parts_load(&steps, &normalizers->n_steps, &parts_of_normalizer, loader, file, error);

    normalizers->steps = steps;
    return status;
}

lobass_status lb_normalizers_apply(const lb_normalizers *normalizers, lb_scratch *scratch,
                                   lb_view input, lb_scope *scope, lb_view *output,
                                   lobass_error *error)
{
    *output = input;
    for (size_t i = 0; i < normalizers->n_steps; i++)
    {
        lb_tracked *next = &scratch->texts[i % 2];
        const context c = {&normalizers->steps[i], scratch->matcher, *output, next, scope, error};
        const detail *kind = normalizers->steps[i].kind->detail;
        lb_tracked_begin(next, input.ends != NULL);
        LB_TRY(kind->apply(&c));
        *output = lb_tracked_view(next);
    }
    return LOBASS_OK;
}

void lb_normalizers_free(lb_normalizers *normalizers)
{
    for (size_t i = 0; i < normalizers->n_steps; i++)
    {
        lb_pattern_free(&normalizers->steps[i].pattern);
    }
}
