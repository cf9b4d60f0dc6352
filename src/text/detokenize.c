/* SPDX-License-Identifier: Apache-2.0
 *
 * Token ids -> text: the decoder of tokenizer.json. Each id becomes its piece; the steps
 * (ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip) then rewrite the list of pieces, and
 * what is left is one text. As in the Hugging Face library, special tokens stay, nothing is cleaned
 * up, bytes that are not UTF-8 become U+FFFD, and without a decoder the pieces stand with a space
 * between them.
 */
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "text/tokenizer_private.h"

#define REPLACEMENT_CHARACTER "\xEF\xBF\xBD"
#define BYTE_PIECE_SIZE 6 /* <0xE2> */

/* Pieces one behind the other: piece i ends at ends[i]. */
typedef struct piece_list
{
    lb_buffer text;
    size_t *ends;
    size_t count;
} piece_list;

typedef struct context
{
    const lb_detokenizer *step;
    const piece_list *input;
    piece_list *output; /* has room for as many ends as the input has */
    bool keeps_bytes;   /* also where they are no characters */
    bool keeps_ends;    /* what a tokenizer puts before a text is part of it */
    lobass_error *error;
} context;

typedef lobass_status (*apply_function)(const context *c);

typedef struct detail
{
    apply_function apply;
} detail;

static lb_view piece_at(const piece_list *list, size_t index)
{
    const size_t from = index == 0 ? 0 : list->ends[index - 1];
    return (lb_view){list->text.data == NULL ? "" : list->text.data + from,
                     list->ends[index] - from, NULL};
}

static lobass_status append(const context *c, const char *data, size_t size)
{
    return lb_buffer_append(&c->output->text, data, size, c->error);
}

static void end_piece(piece_list *list)
{
    list->ends[list->count++] = list->text.size;
}

/* ---- ByteLevel
 * --------------------------------------------------------------------------------------- */

/* The bytes of a piece in GPT-2's alphabet; a piece that has another character is taken as it is.
 */
static lobass_status append_bytes(const context *c, lb_view piece)
{
    const size_t before = c->output->text.size;
    uint32_t code_point;

    for (size_t at = 0; at < piece.size;)
    {
        at += lb_utf8_decode(piece.data + at, &code_point);
        const int byte = lb_char_to_byte(code_point);
        const char character = (char)byte;
        if (byte < 0)
        {
            c->output->text.size = before;
            return append(c, piece.data, piece.size);
        }
        LB_TRY(append(c, &character, 1));
    }
    return LOBASS_OK;
}

static lobass_status apply_byte_level(const context *c)
{
    lb_buffer bytes = {0};
    lobass_status status = LOBASS_OK;

    for (size_t i = 0; i < c->input->count; i++)
    {
        LB_TRY(append_bytes(c, piece_at(c->input, i)));
    }
    if (!c->keeps_bytes)
    {
        bytes = c->output->text;
        c->output->text = (lb_buffer){0};
        LB_TRY_GOTO(lb_utf8_append_lossy(&c->output->text, bytes.data, bytes.size, c->error));
    }
    if (c->input->count > 0)
    {
        end_piece(c->output);
    }
done:
    lb_buffer_free(&bytes);
    return status;
}

/* ---- ByteFallback
 * ------------------------------------------------------------------------------------ */

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
    {
        return digit - '0';
    }
    const char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte that <0xHH> stands for, or -1. */
static int piece_byte(lb_view piece)
{
    if (piece.size != BYTE_PIECE_SIZE || memcmp(piece.data, "<0x", 3) != 0 || piece.data[5] != '>')
    {
        return -1;
    }
    const int high = hex_digit(piece.data[3]);
    const int low = hex_digit(piece.data[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Puts out the bytes [from, size) of the output as one piece if they are a text, else as a
 * replacement character for each. */
static lobass_status end_bytes(const context *c, size_t from)
{
    lb_buffer *text = &c->output->text;
    const size_t n_bytes = text->size - from;

    if (n_bytes == 0)
    {
        return LOBASS_OK;
    }
    if (!c->keeps_bytes && lb_utf8_valid_size(text->data + from, n_bytes) != n_bytes)
    {
        text->size = from;
        for (size_t i = 0; i < n_bytes; i++)
        {
            LB_TRY(lb_buffer_append_text(text, REPLACEMENT_CHARACTER, c->error));
            end_piece(c->output);
        }
        return LOBASS_OK;
    }
    end_piece(c->output);
    return LOBASS_OK;
}

static lobass_status apply_byte_fallback(const context *c)
{
    size_t from = 0; /* where the run of bytes begins that is not put out yet */

    for (size_t i = 0; i < c->input->count; i++)
    {
        const lb_view piece = piece_at(c->input, i);
        const int byte = piece_byte(piece);
        const char character = (char)byte;
        if (byte >= 0)
        {
            LB_TRY(append(c, &character, 1));
            continue;
        }
        LB_TRY(end_bytes(c, from));
        LB_TRY(append(c, piece.data, piece.size));
        end_piece(c->output);
        from = c->output->text.size;
    }
    return end_bytes(c, from);
}

/* ---- Fuse, Strip, Replace, Metaspace
 * ------------------------------------------------------------------ */

static lobass_status apply_fuse(const context *c)
{
    LB_TRY(append(c, c->input->text.data == NULL ? "" : c->input->text.data, c->input->text.size));
    end_piece(c->output);
    return LOBASS_OK;
}

static lobass_status parse_strip(void *step, const lb_loader *loader, const json_t *value,
                                 const char *where, lobass_error *error)
{
    lb_detokenizer *strip = step;
    const char *content = NULL;

    LB_TRY(lb_part_char(value, where, "content", &content, &strip->text_size, error));
    LB_TRY(lb_part_text(value, loader, where, "content", &strip->text, &strip->text_size, error));
    LB_TRY(lb_json_integer(value, where, "start", 0, INT32_MAX, false, &strip->start, error));
    return lb_json_integer(value, where, "stop", 0, INT32_MAX, false, &strip->stop, error);
}

static lobass_status apply_strip(const context *c)
{
    const lb_detokenizer *strip = c->step;

    for (size_t i = 0; i < c->input->count; i++)
    {
        const lb_view piece = piece_at(c->input, i);
        size_t from = 0;
        size_t to = piece.size;
        if (!c->keeps_ends)
        {
            for (int64_t n = 0; n < strip->start && to - from >= strip->text_size &&
                                memcmp(piece.data + from, strip->text, strip->text_size) == 0;
                 n++)
            {
                from += strip->text_size;
            }
            for (int64_t n = 0;
                 n < strip->stop && to - from >= strip->text_size &&
                 memcmp(piece.data + to - strip->text_size, strip->text, strip->text_size) == 0;
                 n++)
            {
                to -= strip->text_size;
            }
        }
        LB_TRY(append(c, piece.data + from, to - from));
        end_piece(c->output);
    }
    return LOBASS_OK;
}

static lobass_status parse_replace(void *step, const lb_loader *loader, const json_t *value,
                                   const char *where, lobass_error *error)
{
    lb_detokenizer *replace = step;

    LB_TRY(
        lb_part_text(value, loader, where, "content", &replace->text, &replace->text_size, error));
    LB_TRY(lb_pattern_parse(&replace->pattern, loader->arena, value, where, error));
    if (replace->pattern.regex != NULL)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s: field \"pattern\": a regular expression is not supported here", where);
    }
    return LOBASS_OK;
}

/* PATTERN is a literal. */
static lobass_status replace_all(const context *c, lb_view piece, const lb_pattern *pattern,
                                 const char *content, size_t content_size)
{
    size_t copied = 0;
    lb_range match;
    bool found;

    for (;;)
    {
        LB_TRY(lb_pattern_find(pattern, NULL, piece, copied, SIZE_MAX, &match, &found, c->error));
        if (!found)
        {
            return append(c, piece.data + copied, piece.size - copied);
        }
        LB_TRY(append(c, piece.data + copied, match.from - copied));
        LB_TRY(append(c, content, content_size));
        copied = match.to;
    }
}

static lobass_status apply_replace(const context *c)
{
    for (size_t i = 0; i < c->input->count; i++)
    {
        LB_TRY(replace_all(c, piece_at(c->input, i), &c->step->pattern, c->step->text,
                           c->step->text_size));
        end_piece(c->output);
    }
    return LOBASS_OK;
}

static lobass_status parse_metaspace(void *step, const lb_loader *loader, const json_t *value,
                                     const char *where, lobass_error *error)
{
    lb_detokenizer *metaspace = step;
    const char *replacement = NULL;
    size_t size = 0;

    LB_TRY(lb_metaspace_parse(value, where, &metaspace->prefix, &replacement, &size, error));
    metaspace->pattern.literal = lb_arena_text(loader->arena, replacement, size, error);
    metaspace->pattern.literal_size = size;
    return metaspace->pattern.literal == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

/* The first piece loses the space that was put before the text. */
static lobass_status apply_metaspace(const context *c)
{
    for (size_t i = 0; i < c->input->count; i++)
    {
        const bool drops = i == 0 && c->step->prefix != LB_PREFIX_NEVER && !c->keeps_ends;
        LB_TRY(replace_all(c, piece_at(c->input, i), &c->step->pattern, " ", drops ? 0 : 1));
        end_piece(c->output);
    }
    return LOBASS_OK;
}

/* ---- the table
 * ------------------------------------------------------------------------------------------ */

static const detail byte_level = {apply_byte_level};
static const detail byte_fallback = {apply_byte_fallback};
static const detail fuse = {apply_fuse};
static const detail metaspace = {apply_metaspace};
static const detail replace = {apply_replace};
static const detail strip = {apply_strip};

static const lb_part_kind kinds[] = {
    {"ByteLevel", NULL, &byte_level},
    {"ByteFallback", NULL, &byte_fallback},
    {"Fuse", NULL, &fuse},
    {"Metaspace", parse_metaspace, &metaspace},
    {"Replace", parse_replace, &replace},
    {"Strip", parse_strip, &strip},
    {NULL, NULL, NULL},
};

static const lb_parts parts_of_decoder = {{"decoder", "decoders"}, kinds, sizeof(lb_detokenizer)};

lobass_status lb_detokenizers_load(lb_detokenizers *detokenizers, const lb_loader *loader,
                                   const json_t *file, lobass_error *error)
{
    void *steps = NULL;
    const lobass_status status =
        lb_parts_load(&steps, &detokenizers->n_steps, &parts_of_decoder, loader, file, error);

    detokenizers->steps = steps;
    detokenizers->is_absent =
        json_object_get(file, "decoder") == NULL || json_is_null(json_object_get(file, "decoder"));
    return status;
}

void lb_detokenizers_free(lb_detokenizers *detokenizers)
{
    for (size_t i = 0; i < detokenizers->n_steps; i++)
    {
        lb_pattern_free(&detokenizers->steps[i].pattern);
    }
}

/* ---- decoding
 * --------------------------------------------------------------------------------------------- */

static lobass_status collect_pieces(piece_list *list, const lobass_tokenizer *tokenizer,
                                    const int32_t *ids, size_t n_ids, lobass_error *error)
{
    for (size_t i = 0; i < n_ids; i++)
    {
        if (lobass_tokenizer_piece(tokenizer, ids[i]) == NULL)
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "token %zu: id %d is not in the vocabulary of %zu", i, ids[i],
                           lobass_tokenizer_count(tokenizer));
        }
        if (tokenizer->detokenizers.is_absent && i > 0)
        {
            LB_TRY(lb_buffer_append(&list->text, " ", 1, error));
        }
        LB_TRY(
            lb_buffer_append_text(&list->text, tokenizer->bpe.vocab.pieces[ids[i]].decoded, error));
        end_piece(list);
    }
    return LOBASS_OK;
}

/* The text of IDS, or its bytes. */
static lobass_status decode(lb_buffer *text, const lobass_tokenizer *tokenizer, const int32_t *ids,
                            size_t n_ids, bool keeps_bytes, bool keeps_ends, lobass_error *error)
{
    piece_list lists[2] = {{{0}, NULL, 0}, {{0}, NULL, 0}};
    lobass_status status = LOBASS_OK;
    size_t last = 0;

    for (size_t i = 0; i < 2; i++)
    {
        lists[i].ends = lb_alloc(n_ids + 1, sizeof *lists[i].ends, error);
        if (lists[i].ends == NULL)
        {
            status = LOBASS_OUT_OF_MEMORY;
            goto done;
        }
    }
    LB_TRY_GOTO(collect_pieces(&lists[0], tokenizer, ids, n_ids, error));
    for (size_t i = 0; i < tokenizer->detokenizers.n_steps; i++)
    {
        const lb_detokenizer *step = &tokenizer->detokenizers.steps[i];
        const context c = {step, &lists[last], &lists[1 - last], keeps_bytes, keeps_ends, error};
        lb_buffer_clear(&lists[1 - last].text);
        lists[1 - last].count = 0;
        LB_TRY_GOTO(((const detail *)step->kind->detail)->apply(&c));
        last = 1 - last;
    }
    *text = lists[last].text;
    lists[last].text = (lb_buffer){0};
done:
    for (size_t i = 0; i < 2; i++)
    {
        lb_buffer_free(&lists[i].text);
        free(lists[i].ends);
    }
    return status;
}

/* Hands a buffer over; an empty one becomes an empty text. */
static lobass_status hand_over(char **text, size_t *size_bytes, lb_buffer *buffer,
                               lobass_error *error)
{
    const lobass_status status = lb_buffer_append(buffer, "", 0, error);

    *text = buffer->data; /* NULL where that failed */
    *size_bytes = buffer->size;
    return status;
}

lobass_status lobass_tokenizer_decode(char **text, size_t *size_bytes,
                                      const lobass_tokenizer *tokenizer, const int32_t *ids,
                                      size_t n_ids, lobass_error *error)
{
    lb_buffer buffer = {0};

    LB_TRY(decode(&buffer, tokenizer, ids, n_ids, false, false, error));
    return hand_over(text, size_bytes, &buffer, error);
}

lobass_status lobass_tokenizer_piece_text(char **text, size_t *size_bytes,
                                          const lobass_tokenizer *tokenizer, int32_t id,
                                          lobass_error *error)
{
    lb_buffer buffer = {0};

    LB_TRY(decode(&buffer, tokenizer, &id, 1, true, true, error));
    return hand_over(text, size_bytes, &buffer, error);
}

lobass_status lb_tokenizer_count_bytes(size_t *n_bytes, const lobass_tokenizer *tokenizer,
                                       const int32_t *ids, size_t n_ids, lobass_error *error)
{
    lb_buffer buffer = {0};
    const lobass_status status = decode(&buffer, tokenizer, ids, n_ids, true, false, error);

    *n_bytes = buffer.size;
    lb_buffer_free(&buffer);
    return status;
}
