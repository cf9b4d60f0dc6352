/* SPDX-License-Identifier: Apache-2.0
 *
 * Real fine-tuning files (../shared/data/sft, where it is there) with real tokenizers: every record
 * is read, statuses add up, responses come back byte for byte from the tokens that are marked as
 * theirs, and the forced split at the edge changes as many rows as it should. The expected counts
 * were taken with other programs: turns and bytes with another JSON parser, the rows that differ
 * with a BPE of the tokens around the edge alone.
 */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"
#include "run_tests.h"

#define SHARED TEST_SOURCE_DIR "/../shared/data/"
#define VOCABULARY 200000

typedef struct sft_file
{
    const char *path;
    size_t n_records, n_turns, n_response_bytes, n_empty;
    size_t n_chat_only; /* with tools: only a chat template can show them */
} sft_file;

static const sft_file files[] = {
    {SHARED "sft/alpaca_13k.jsonl", 13354, 13354, 3665046, 5, 0},
    {SHARED "sft/alpaca_other_answers_999.json", 999, 999, 701777, 0, 0},
    {SHARED "sft/gsm8k_train.jsonl", 7473, 7473, 2150033, 0, 0},
    {SHARED "sft/lima.json", 1029, 1082, 2632688, 0, 0},
    {SHARED "sft/lima_messages.jsonl", 1029, 1082, 2632688, 0, 0},
    {SHARED "sft/sharegpt_500.json", 500, 1000, 64173, 0, 0},
    {SHARED "sft/sharegpt_tools_300.json", 300, 957, 394625, 0, 191},
    {SHARED "sft/messages_parts_500.jsonl", 500, 500, 308870, 0, 0},
};

static void skip_without(const char *path)
{
    if (lb_path_look(path) == LB_PATH_MISSING)
    {
        skip_because("%s is not there", path);
    }
}

static void require(lobass_status status, const lobass_error *error)
{
    if (status != LOBASS_OK)
    {
        fail_msg("%s", error->message);
    }
}

typedef void (*visit_function)(void *context, const lb_record *record);

static size_t visit_records(const char *path, size_t limit, visit_function visit, void *context)
{
    lb_record_reader *reader = NULL;
    lobass_error error = {0};
    lb_record record;
    bool has_record = true;
    size_t n = 0;
    require(lb_record_reader_open(&reader, path, &error), &error);
    while (n < limit)
    {
        require(lb_record_reader_next(reader, &record, &has_record, &error), &error);
        if (!has_record)
        {
            break;
        }
        visit(context, &record);
        n++;
    }
    lb_record_reader_close(reader);
    return n;
}

/* ---- every record is read ----------------------------------------------------------------------
 */

typedef struct reading
{
    lb_arena arena;
    size_t n_turns, n_response_bytes;
} reading;

static void read_record(void *context, const lb_record *record)
{
    reading *sums = context;
    lb_conversation conversation;
    lobass_error error = {0};
    lb_arena_reset(&sums->arena);
    require(lb_conversation_parse(&conversation, record->data, record->size, NULL, &sums->arena,
                                  &error),
            &error);
    for (size_t i = 0; i < conversation.n_messages; i++)
    {
        const lb_message *message = &conversation.messages[i];
        sums->n_turns += message->role == LB_ROLE_ASSISTANT;
        sums->n_response_bytes += message->role == LB_ROLE_ASSISTANT ? message->size : 0;
    }
}

static void test_all_records_are_read(void **state)
{
    (void)state;
    skip_without(SHARED "sft");
    for (size_t f = 0; f < sizeof files / sizeof *files; f++)
    {
        reading sums = {0};
        print_message("%s\n", lb_path_name(files[f].path));
        assert_int_equal(visit_records(files[f].path, SIZE_MAX, read_record, &sums),
                         files[f].n_records);
        assert_int_equal(sums.n_turns, files[f].n_turns);
        assert_int_equal(sums.n_response_bytes, files[f].n_response_bytes);
        lb_arena_free(&sums.arena);
    }
}

/* ---- statuses add up, and responses come back
 * ---------------------------------------------------- */

typedef struct freezing
{
    const lobass_tokenizer *tokenizer;
    lb_freezer *freezer;
    lb_arena arena;
    const lb_template *template;
    uint32_t max_length;
    size_t statuses[LOBASS_ROW_STATUS_COUNT], n_scored;
} freezing;

static void freezing_begin(freezing *work, const lobass_tokenizer *tokenizer, uint32_t max_length)
{
    const lobass_format_options options = {.template_name = "alpaca", .max_length = max_length};
    lobass_error error = {0};
    *work = (freezing){.tokenizer = tokenizer, .max_length = max_length};
    require(lb_template_find(&work->template, options.template_name, &error), &error);
    require(lb_freezer_create(&work->freezer, tokenizer, &options, -1, VOCABULARY, &error), &error);
}

static void freezing_end(freezing *work)
{
    lb_freezer_free(work->freezer);
    lb_arena_free(&work->arena);
}

/* The text of the tokens that are marked as responses, turn after turn. */
static void check_responses(freezing *work, const lobass_row *row, const lb_record *record)
{
    lb_conversation whole, conversation;
    lb_rendering rendering;
    lobass_error error = {0};
    lb_buffer wanted = {0}, found = {0};
    lb_arena_reset(&work->arena);
    require(lb_conversation_parse(&whole, record->data, record->size, NULL, &work->arena, &error),
            &error);
    require(lb_conversation_join(&conversation, &whole, &work->arena, &error), &error);
    require(lb_template_render(&rendering, work->template, &conversation, &work->arena, &error),
            &error);
    for (size_t r = 0; r < rendering.n_responses; r++)
    {
        const lb_span *span = &rendering.responses[r];
        (void)lb_buffer_append(&wanted, rendering.text + span->start, span->end - span->start,
                               NULL);
        (void)lb_buffer_append_text(&wanted, "\x01", NULL);
    }
    for (size_t t = 0; t < row->n_tokens; t++)
    {
        char *text = NULL;
        size_t size = 0;
        if ((row->flags[t] & LOBASS_TOKEN_RESPONSE) == 0)
        {
            continue;
        }
        if ((row->flags[t] & LOBASS_TOKEN_END) != 0)
        {
            (void)lb_buffer_append_text(&found, "\x01", NULL);
            continue;
        }
        require(lobass_tokenizer_piece_text(&text, &size, work->tokenizer, row->ids[t], &error),
                &error);
        (void)lb_buffer_append(&found, text, size, NULL);
        free(text);
    }
    assert_int_equal(found.size, wanted.size);
    assert_memory_equal(found.data, wanted.data, wanted.size);
    lb_buffer_free(&wanted);
    lb_buffer_free(&found);
}

static void check_record(void *context, const lb_record *record)
{
    freezing *work = context;
    lobass_row row = {0};
    lobass_error error = {0};
    size_t n_scored = 0;
    require(lb_freezer_freeze(work->freezer, &row, record, &error), &error);
    work->statuses[row.status]++;
    work->n_scored += row.n_scored;
    for (size_t t = 0; t < row.n_tokens; t++)
    {
        const bool is_scored = (row.flags[t] & LOBASS_TOKEN_SCORED) != 0;
        assert_false(is_scored && t == 0);
        n_scored += is_scored;
    }
    assert_int_equal(n_scored, row.n_scored);
    assert_true(row.n_tokens <= work->max_length);
    if (row.status == LOBASS_ROW_OK)
    {
        assert_true((row.flags[row.n_tokens - 1] & LOBASS_TOKEN_END) != 0);
        check_responses(work, &row, record);
    }
    const bool can_be_measured = row.status == LOBASS_ROW_OK || row.status == LOBASS_ROW_TRUNCATED;
    assert_int_equal(can_be_measured, row.n_scored > 0);
}

static void check_statuses(const char *tokenizer_path, uint32_t max_length, size_t limit)
{
    lobass_tokenizer *tokenizer = NULL;
    lobass_error error = {0};
    require(lobass_tokenizer_load(&tokenizer, tokenizer_path, &error), &error);
    for (size_t f = 0; f < sizeof files / sizeof *files; f++)
    {
        freezing work;
        size_t sum = 0;
        freezing_begin(&work, tokenizer, max_length);
        const size_t n = visit_records(files[f].path, limit, check_record, &work);
        for (size_t s = 0; s < LOBASS_ROW_STATUS_COUNT; s++)
        {
            sum += work.statuses[s];
        }
        print_message("%-32s %5zu records: %5zu ok, %4zu truncated, %zu empty, %3zu not scored, "
                      "%7zu tokens scored\n",
                      lb_path_name(files[f].path), n, work.statuses[LOBASS_ROW_OK],
                      work.statuses[LOBASS_ROW_TRUNCATED], work.statuses[LOBASS_ROW_EMPTY_RESPONSE],
                      work.statuses[LOBASS_ROW_NO_SCORED_TOKEN], work.n_scored);
        assert_int_equal(sum, n);
        assert_int_equal(work.statuses[LOBASS_ROW_BAD_RECORD], files[f].n_chat_only);
        assert_true(limit < files[f].n_records ||
                    work.statuses[LOBASS_ROW_EMPTY_RESPONSE] == files[f].n_empty);
        freezing_end(&work);
    }
    lobass_tokenizer_free(tokenizer);
}

static void test_rows_of_a_byte_level_tokenizer(void **state)
{
    (void)state;
    skip_without(SHARED "sft");
    skip_without(SHARED "tokenizers/llama3");
    check_statuses(SHARED "tokenizers/llama3", 512, SIZE_MAX);
}

static void test_rows_of_a_sentencepiece_tokenizer(void **state)
{
    (void)state;
    skip_without(SHARED "sft");
    skip_without(SHARED "models/stories260K");
    check_statuses(SHARED "models/stories260K", 2048, 300);
}

/* ---- what the forced split changes
 * --------------------------------------------------------------- */

typedef struct comparing
{
    lb_freezer *split, *joint;
    size_t n_different;
} comparing;

static void compare_record(void *context, const lb_record *record)
{
    comparing *both = context;
    lobass_row split = {0}, joint = {0};
    lobass_error error = {0};
    require(lb_freezer_freeze(both->split, &split, record, &error), &error);
    require(lb_freezer_freeze(both->joint, &joint, record, &error), &error);
    both->n_different += split.n_tokens != joint.n_tokens ||
                         memcmp(split.ids, joint.ids, split.n_tokens * sizeof *split.ids) != 0;
}

static size_t count_different_rows(const lobass_tokenizer *tokenizer, const char *path)
{
    lobass_format_options options = {.template_name = "alpaca", .max_length = 8192};
    comparing both = {0};
    lobass_error error = {0};
    require(lb_freezer_create(&both.split, tokenizer, &options, -1, VOCABULARY, &error), &error);
    options.boundary = LOBASS_BOUNDARY_JOINT;
    require(lb_freezer_create(&both.joint, tokenizer, &options, -1, VOCABULARY, &error), &error);
    const size_t n = visit_records(path, SIZE_MAX, compare_record, &both);
    lb_freezer_free(both.split);
    lb_freezer_free(both.joint);
    print_message("%s: split and joint differ in %zu of %zu rows (%.1f %%)\n", lb_path_name(path),
                  both.n_different, n, 100.0 * (double)both.n_different / (double)n);
    return both.n_different;
}

static void test_rows_that_the_split_changes(void **state)
{
    (void)state;
    skip_without(SHARED "sft");
    skip_without(SHARED "tokenizers/llama3");
    lobass_tokenizer *tokenizer = NULL;
    lobass_error error = {0};
    require(lobass_tokenizer_load(&tokenizer, SHARED "tokenizers/llama3", &error), &error);
    assert_int_equal(count_different_rows(tokenizer, SHARED "sft/alpaca_13k.jsonl"), 5556);
    assert_int_equal(count_different_rows(tokenizer, SHARED "sft/gsm8k_train.jsonl"), 1819);
    lobass_tokenizer_free(tokenizer);
}

/* ":The" is one token of the joint encoding; the split one has ":" and "The". */
static void test_edge_of_a_known_row(void **state)
{
    (void)state;
    skip_without(SHARED "tokenizers/llama3");
    static const char text[] = "{\"instruction\":\"Where?\",\"output\":\"The end\"}";
    const lb_record record = {.data = text, .size = sizeof text - 1};
    lobass_tokenizer *tokenizer = NULL;
    lobass_error error = {0};
    require(lobass_tokenizer_load(&tokenizer, SHARED "tokenizers/llama3", &error), &error);
    for (int is_joint = 0; is_joint < 2; is_joint++)
    {
        const lobass_format_options options = {.template_name = "alpaca",
                                               .max_length = 512,
                                               .boundary = is_joint ? LOBASS_BOUNDARY_JOINT
                                                                    : LOBASS_BOUNDARY_SPLIT};
        lb_freezer *freezer = NULL;
        lobass_row row = {0};
        require(lb_freezer_create(&freezer, tokenizer, &options, -1, VOCABULARY, &error), &error);
        require(lb_freezer_freeze(freezer, &row, &record, &error), &error);
        assert_int_equal(row.n_scored, 3); /* "The" or ":The", " end" and the end token */
        const size_t first = row.n_tokens - 3;
        assert_int_equal(row.flags[first] & LOBASS_TOKEN_FIRST, LOBASS_TOKEN_FIRST);
        assert_string_equal(lobass_tokenizer_piece(tokenizer, row.ids[first]),
                            is_joint ? ":The" : "The");
        lb_freezer_free(freezer);
    }
    lobass_tokenizer_free(tokenizer);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        may_skip(test_all_records_are_read),
        may_skip(test_rows_of_a_byte_level_tokenizer),
        may_skip(test_rows_of_a_sentencepiece_tokenizer),
        may_skip(test_rows_that_the_split_changes),
        may_skip(test_edge_of_a_known_row),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}
