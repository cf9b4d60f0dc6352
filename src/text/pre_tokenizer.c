/* SPDX-License-Identifier: Apache-2.0
 *
 * The pre_tokenizer of tokenizer.json: cuts a text into words, which the model encodes one by one.
 * ByteLevel, Split, Metaspace, Digits, Punctuation, Whitespace and WhitespaceSplit, in any order.
 *
 * A cut looks for matches of a pattern; matches and what lies between them are runs, and a
 * behaviour says which runs are dropped or grow together. ByteLevel and Metaspace also change the
 * text: they may put a space before it, and Metaspace writes spaces as another character. ByteLevel
 * finally maps bytes to GPT-2's alphabet; as the last step, where it usually stands, that is left
 * to the model, which looks bytes up directly.
 */
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "text/tokenizer_private.h"

#define WHITESPACE_PATTERN                                     \
    "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]+|" \
    "[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}\\s]+"

typedef struct context
{
    const lb_pre_tokenizer *step;
    lb_scratch *scratch;
    lb_view text;
    const lb_words *input;
    lb_words *output;
    lb_scope scope;
    lobass_error *error;
} context;

/* Writes the step's words to OUTPUT; *TEXT is replaced where the step changes it. */
typedef lobass_status (*apply_function)(context *c);

typedef struct detail
{
    apply_function apply;
} detail;

/* ---- cutting
 * --------------------------------------------------------------------------------------- */

typedef struct cutter
{
    lb_words *words;
    size_t first; /* words before it belong to others */
    lb_behavior behavior;
    bool is_inverted;
    bool was_match;
    lobass_error *error;
} cutter;

/* Takes the next run of a text; runs come in order and leave no gap. */
static lobass_status take_run(cutter *cut, size_t from, size_t to, bool is_match)
{
    const bool has_last = cut->words->count > cut->first;
    bool extends = false;

    is_match = is_match != cut->is_inverted;
    switch (cut->behavior)
    {
    case LB_REMOVED:
        if (is_match)
        {
            return LOBASS_OK;
        }
        break;
    case LB_MERGED_WITH_PREVIOUS:
        extends = is_match && !cut->was_match;
        break;
    case LB_MERGED_WITH_NEXT:
        extends = !is_match && cut->was_match;
        break;
    case LB_CONTIGUOUS:
        extends = is_match == cut->was_match;
        break;
    case LB_ISOLATED:
    case LB_N_BEHAVIORS:
        break;
    }
    cut->was_match = is_match;
    if (extends && has_last)
    {
        cut->words->ranges[cut->words->count - 1].to = to;
        return LOBASS_OK;
    }
    return lb_words_append(cut->words, from, to, cut->error);
}

static void drop_empty_words(lb_words *words, size_t first)
{
    size_t kept = first;

    for (size_t i = first; i < words->count; i++)
    {
        if (words->ranges[i].from != words->ranges[i].to)
        {
            words->ranges[kept++] = words->ranges[i];
        }
    }
    words->count = kept;
}

static lobass_status cut_word(const context *c, const lb_pattern *pattern, lb_behavior behavior,
                              bool is_inverted, lb_range word)
{
    const lb_view subject = lb_view_slice(c->text, word.from, word.to);
    cutter cut = {c->output, c->output->count, behavior, is_inverted, false, c->error};
    size_t taken = 0;
    size_t last_end = SIZE_MAX;
    lb_range match;
    bool found;

    for (;;)
    {
        LB_TRY(lb_pattern_find(pattern, c->scratch->matcher, subject, taken, last_end, &match,
                               &found, c->error));
        if (!found)
        {
            break;
        }
        if (taken != match.from)
        {
            LB_TRY(take_run(&cut, word.from + taken, word.from + match.from, false));
        }
        LB_TRY(take_run(&cut, word.from + match.from, word.from + match.to, true));
        taken = match.to;
        last_end = match.to;
        if (taken == subject.size)
        {
            break;
        }
    }
    if (taken != subject.size)
    {
        LB_TRY(take_run(&cut, word.from + taken, word.to, false));
    }
    drop_empty_words(c->output, cut.first);
    return LOBASS_OK;
}

/* The same for a pattern that is known and leaves no gap: most words need no regular expression. */
static lobass_status scan_word(const context *c, const lb_pattern *pattern, lb_range word)
{
    const lb_view subject = lb_view_slice(c->text, word.from, word.to);
    size_t at = 0;

    while (at < subject.size)
    {
        size_t end = lb_word_scan_end(pattern->scan, subject.data, subject.size, at);
        if (end == 0)
        {
            lb_range match;
            bool found;
            LB_TRY(lb_pattern_find(pattern, c->scratch->matcher, subject, at, SIZE_MAX, &match,
                                   &found, c->error));
            end = found ? match.to : subject.size;
        }
        LB_TRY(lb_words_append(c->output, word.from + at, word.from + end, c->error));
        at = end;
    }
    return LOBASS_OK;
}

static lobass_status cut_words(const context *c, const lb_words *input, const lb_pattern *pattern,
                               lb_behavior behavior, bool is_inverted)
{
    const bool scans = pattern->scan != NULL && behavior == LB_ISOLATED && !is_inverted;
    for (size_t i = 0; i < input->count; i++)
    {
        LB_TRY(scans ? scan_word(c, pattern, input->ranges[i])
                     : cut_word(c, pattern, behavior, is_inverted, input->ranges[i]));
    }
    return LOBASS_OK;
}

static lobass_status apply_cut(context *c)
{
    return cut_words(c, c->input, &c->step->pattern, c->step->behavior, c->step->is_inverted);
}

/* ---- changing the text
 * ------------------------------------------------------------------------------ */

/* The text that a step writes: the one that the last step did not write. */
static lb_tracked *begin_text(const context *c)
{
    lb_tracked *first = &c->scratch->texts[2];
    lb_tracked *next = c->text.data == first->text.data ? &c->scratch->texts[3] : first;

    lb_tracked_begin(next, c->text.ends != NULL);
    return next;
}

/* Whether the step puts its space before the word: only where none stands already. */
static bool takes_prefix(const context *c, lb_range word, const char *space, size_t space_size)
{
    const bool is_first = word.from == 0;

    if (c->step->prefix == LB_PREFIX_NEVER ||
        (c->step->prefix == LB_PREFIX_FIRST && !(is_first && c->scope.is_origin)) ||
        (is_first && !c->scope.takes_prefix))
    {
        return false;
    }
    return word.to - word.from < space_size ||
           memcmp(c->text.data + word.from, space, space_size) != 0;
}

/* Copies a word, each " " as the step's replacement, with the prefix where it is due. */
static lobass_status write_word(const context *c, lb_tracked *text, lb_range word)
{
    const lb_pre_tokenizer *step = c->step;
    const size_t before = word.from == 0 ? 0 : lb_view_end(c->text, word.from);
    size_t at = word.from;

    /* What begins with a space begins with the replacement once it is replaced. */
    if (word.from < word.to && c->text.data[word.from] != ' ' &&
        takes_prefix(c, word, step->replacement, step->replacement_size))
    {
        LB_TRY(
            lb_tracked_append(text, step->replacement, step->replacement_size, before, c->error));
    }
    while (at < word.to)
    {
        const char *space = memchr(c->text.data + at, ' ', word.to - at);
        const size_t to = space == NULL ? word.to : (size_t)(space - c->text.data);
        LB_TRY(lb_tracked_copy(text, c->text, at, to, c->error));
        at = to;
        if (space != NULL)
        {
            at++;
            LB_TRY(lb_tracked_append(text, step->replacement, step->replacement_size,
                                     lb_view_end(c->text, at), c->error));
        }
    }
    return LOBASS_OK;
}

/* Writes all words into a new text; the new words are put into OUTPUT. */
static lobass_status write_words(context *c)
{
    lb_tracked *text = begin_text(c);

    for (size_t i = 0; i < c->input->count; i++)
    {
        const size_t from = text->text.size;
        LB_TRY(write_word(c, text, c->input->ranges[i]));
        LB_TRY(lb_words_append(c->output, from, text->text.size, c->error));
    }
    c->text = lb_tracked_view(text);
    return LOBASS_OK;
}

static lobass_status map_bytes(context *c)
{
    lb_tracked *text = begin_text(c);
    char mapped[LB_UTF8_MAX];

    for (size_t i = 0; i < c->input->count; i++)
    {
        const size_t from = text->text.size;
        for (size_t at = c->input->ranges[i].from; at < c->input->ranges[i].to; at++)
        {
            const size_t size = lb_utf8_encode(mapped, lb_byte_to_char((uint8_t)c->text.data[at]));
            LB_TRY(lb_tracked_append(text, mapped, size, lb_view_end(c->text, at + 1), c->error));
        }
        LB_TRY(lb_words_append(c->output, from, text->text.size, c->error));
    }
    c->text = lb_tracked_view(text);
    return LOBASS_OK;
}

/* Makes what was put out the input of the next part of the step. */
static void turn(context *c)
{
    lb_words *words = c->scratch->words;
    lb_words *emptied = c->output == &words[0] ? &words[1] : &words[0];

    c->input = c->output;
    c->output = emptied;
    emptied->count = 0;
}

static lobass_status apply_metaspace(context *c)
{
    const lb_pattern space = {.literal = c->step->replacement,
                              .literal_size = c->step->replacement_size};

    LB_TRY(write_words(c));
    if (!c->step->splits)
    {
        return LOBASS_OK;
    }
    turn(c);
    return cut_words(c, c->input, &space, LB_MERGED_WITH_NEXT, false);
}

static lobass_status copy_words(const context *c)
{
    for (size_t i = 0; i < c->input->count; i++)
    {
        LB_TRY(
            lb_words_append(c->output, c->input->ranges[i].from, c->input->ranges[i].to, c->error));
    }
    return LOBASS_OK;
}

static lobass_status apply_byte_level(context *c)
{
    if (c->step->prefix != LB_PREFIX_NEVER)
    {
        LB_TRY(write_words(c));
        turn(c);
    }
    if (c->step->splits)
    {
        LB_TRY(cut_words(c, c->input, &c->step->pattern, LB_ISOLATED, false));
    }
    else
    {
        LB_TRY(copy_words(c));
    }
    if (!c->step->maps_bytes)
    {
        return LOBASS_OK;
    }
    turn(c);
    return map_bytes(c);
}

/* ---- reading
 * ------------------------------------------------------------------------------------------ */

static lobass_status parse_behavior(lb_pre_tokenizer *step, const json_t *value, const char *where,
                                    bool has_default, lobass_error *error)
{
    static const char *const names[LB_N_BEHAVIORS] = {
        [LB_REMOVED] = "Removed",
        [LB_ISOLATED] = "Isolated",
        [LB_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
        [LB_MERGED_WITH_NEXT] = "MergedWithNext",
        [LB_CONTIGUOUS] = "Contiguous",
    };
    const char *name = "Isolated";

    LB_TRY(lb_json_text(value, where, "behavior", has_default, &name, error));
    for (int behavior = 0; behavior < LB_N_BEHAVIORS; behavior++)
    {
        if (strcmp(names[behavior], name) == 0)
        {
            step->behavior = (lb_behavior)behavior;
            return LOBASS_OK;
        }
    }
    return lb_fail(error, LOBASS_UNSUPPORTED, "%s: behavior \"%.40s\" is not supported", where,
                   name);
}

static lobass_status parse_split(void *step, const lb_loader *loader, const json_t *value,
                                 const char *where, lobass_error *error)
{
    lb_pre_tokenizer *split = step;

    LB_TRY(parse_behavior(split, value, where, false, error));
    LB_TRY(lb_json_boolean(value, where, "invert", true, &split->is_inverted, error));
    return lb_pattern_parse(&split->pattern, loader->arena, value, where, error);
}

static lobass_status parse_byte_level(void *step, const lb_loader *loader, const json_t *value,
                                      const char *where, lobass_error *error)
{
    lb_pre_tokenizer *bytes = step;
    bool adds_prefix = false;

    (void)loader;
    bytes->splits = true;
    bytes->maps_bytes = true;
    bytes->replacement[0] = ' ';
    bytes->replacement_size = 1;
    LB_TRY(lb_json_boolean(value, where, "add_prefix_space", false, &adds_prefix, error));
    LB_TRY(lb_json_boolean(value, where, "use_regex", true, &bytes->splits, error));
    bytes->prefix = adds_prefix ? LB_PREFIX_ALWAYS : LB_PREFIX_NEVER;
    bytes->pattern.scan = lb_word_scan_find(LB_GPT2_PATTERN, strlen(LB_GPT2_PATTERN));
    return bytes->splits ? lb_regex_compile(&bytes->pattern.regex, LB_GPT2_PATTERN,
                                            strlen(LB_GPT2_PATTERN), where, error)
                         : LOBASS_OK;
}

lobass_status lb_metaspace_parse(const json_t *value, const char *where, lb_prefix *prefix,
                                 const char **replacement, size_t *replacement_size,
                                 lobass_error *error)
{
    static const char *const names[] = {"never", "first", "always"};
    const char *scheme = NULL;
    bool adds_prefix = true;

    LB_TRY(lb_part_char(value, where, "replacement", replacement, replacement_size, error));
    LB_TRY(lb_json_boolean(value, where, "add_prefix_space", true, &adds_prefix, error));
    LB_TRY(lb_json_text(value, where, "prepend_scheme", true, &scheme, error));
    *prefix = adds_prefix ? LB_PREFIX_ALWAYS : LB_PREFIX_NEVER;
    if (scheme == NULL)
    {
        return LOBASS_OK;
    }
    for (int i = 0; i < 3; i++)
    {
        if (strcmp(names[i], scheme) == 0)
        {
            *prefix = (lb_prefix)i;
            return LOBASS_OK;
        }
    }
    return lb_fail(error, LOBASS_UNSUPPORTED, "%s: prepend_scheme \"%.40s\" is not supported",
                   where, scheme);
}

static lobass_status parse_metaspace(void *step, const lb_loader *loader, const json_t *value,
                                     const char *where, lobass_error *error)
{
    lb_pre_tokenizer *metaspace = step;
    const char *replacement = NULL;

    (void)loader;
    metaspace->splits = true;
    LB_TRY(lb_json_boolean(value, where, "split", true, &metaspace->splits, error));
    LB_TRY(lb_metaspace_parse(value, where, &metaspace->prefix, &replacement,
                              &metaspace->replacement_size, error));
    memcpy(metaspace->replacement, replacement, metaspace->replacement_size);
    return LOBASS_OK;
}

static lobass_status parse_digits(void *step, const lb_loader *loader, const json_t *value,
                                  const char *where, lobass_error *error)
{
    lb_pre_tokenizer *digits = step;
    bool is_individual = false;

    (void)loader;
    LB_TRY(lb_json_boolean(value, where, "individual_digits", false, &is_individual, error));
    digits->pattern.predicate = lb_char_is_numeric;
    digits->behavior = is_individual ? LB_ISOLATED : LB_CONTIGUOUS;
    return LOBASS_OK;
}

static lobass_status parse_punctuation(void *step, const lb_loader *loader, const json_t *value,
                                       const char *where, lobass_error *error)
{
    lb_pre_tokenizer *punctuation = step;

    (void)loader;
    punctuation->pattern.predicate = lb_char_is_punctuation;
    return parse_behavior(punctuation, value, where, true, error);
}

static lobass_status parse_whitespace(void *step, const lb_loader *loader, const json_t *value,
                                      const char *where, lobass_error *error)
{
    lb_pre_tokenizer *whitespace = step;

    (void)loader;
    (void)value;
    whitespace->is_inverted = true;
    whitespace->behavior = LB_REMOVED;
    return lb_regex_compile(&whitespace->pattern.regex, WHITESPACE_PATTERN,
                            strlen(WHITESPACE_PATTERN), where, error);
}

static lobass_status parse_whitespace_split(void *step, const lb_loader *loader,
                                            const json_t *value, const char *where,
                                            lobass_error *error)
{
    lb_pre_tokenizer *split = step;

    (void)loader;
    (void)value;
    (void)where;
    (void)error;
    split->pattern.predicate = lb_char_is_space;
    split->behavior = LB_REMOVED;
    return LOBASS_OK;
}

static const detail cut = {apply_cut};
static const detail metaspace_detail = {apply_metaspace};
static const detail byte_level_detail = {apply_byte_level};

static const lb_part_kind kinds[] = {
    {"ByteLevel", parse_byte_level, &byte_level_detail},
    {"Digits", parse_digits, &cut},
    {"Metaspace", parse_metaspace, &metaspace_detail},
    {"Punctuation", parse_punctuation, &cut},
    {"Split", parse_split, &cut},
    {"Whitespace", parse_whitespace, &cut},
    {"WhitespaceSplit", parse_whitespace_split, &cut},
    {NULL, NULL, NULL},
};

static const lb_parts parts_of_pre_tokenizer = {
    {"pre_tokenizer", "pretokenizers"}, kinds, sizeof(lb_pre_tokenizer)};

lobass_status lb_pre_tokenizers_load(lb_pre_tokenizers *pre_tokenizers, const lb_loader *loader,
                                     const json_t *file, lobass_error *error)
{
    void *steps = NULL;
    const lobass_status status = lb_parts_load(&steps, &pre_tokenizers->n_steps,
                                               &parts_of_pre_tokenizer, loader, file, error);

    pre_tokenizers->steps = steps;
    if (status == LOBASS_OK && pre_tokenizers->n_steps > 0)
    {
        lb_pre_tokenizer *last = &pre_tokenizers->steps[pre_tokenizers->n_steps - 1];
        const json_t *whole = json_object_get(file, "pre_tokenizer");
        const char *type = json_string_value(json_object_get(whole, "type"));
        pre_tokenizers->ends_in_bytes = last->maps_bytes;
        pre_tokenizers->is_lone_byte_level = last->maps_bytes && strcmp(type, "Sequence") != 0;
        last->maps_bytes = false;
        if (pre_tokenizers->ends_in_bytes && !pre_tokenizers->is_lone_byte_level && !last->splits &&
            last->prefix == LB_PREFIX_NEVER)
        {
            pre_tokenizers->n_steps--; /* nothing is left of it */
        }
    }
    return status;
}

lobass_status lb_pre_tokenizers_apply(const lb_pre_tokenizers *pre_tokenizers, lb_scratch *scratch,
                                      lb_view input, lb_scope scope, lb_view *output,
                                      const lb_words **words, lobass_error *error)
{
    context c = {NULL, scratch, input, NULL, &scratch->words[0], scope, error};

    c.output->count = 0;
    if (input.size > 0)
    {
        LB_TRY(lb_words_append(c.output, 0, input.size, error));
    }
    for (size_t i = 0; i < pre_tokenizers->n_steps; i++)
    {
        c.step = &pre_tokenizers->steps[i];
        turn(&c);
        LB_TRY(((const detail *)c.step->kind->detail)->apply(&c));
        if (c.output->count > 0 && c.output->ranges[0].from > 0)
        {
            /* The beginning was dropped: no word stands there any more. */
            c.scope = (lb_scope){.takes_prefix = true, .is_origin = false};
        }
    }
    *output = c.text;
    *words = c.output;
    return LOBASS_OK;
}

void lb_pre_tokenizers_free(lb_pre_tokenizers *pre_tokenizers)
{
    for (size_t i = 0; i < pre_tokenizers->n_steps; i++)
    {
        lb_pattern_free(&pre_tokenizers->steps[i].pattern);
    }
}
