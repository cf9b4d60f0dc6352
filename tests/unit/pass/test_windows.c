/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows are cut in windows that overlap by one token, so that every token but a row's first is
 * scored once; a run's rows are never cut; what a window is read from must be what it was cut from.
 */
#include "unit/task/text_fixture.h"

#include "pass/pass.h"

#define MOST_BYTES 30 /* of a row's text */

typedef struct cut
{
    lb_store *store;
    lb_row_summary *summaries;
    size_t n_rows;
    lb_window *windows;
    size_t n_windows;
    uint32_t length;
} cut;

/* The windows of all rows of RUN. */
static cut cut_open(const char *run)
{
    cut c = {0};
    lobass_error error = {0};
    check_ok(lb_store_open(&c.store, place(run), LB_STORE_READ, &error), &error);
    check_ok(lb_store_summaries_load(&c.summaries, &c.n_rows, c.store, &error), &error);
    check_ok(lb_window_length_load(&c.length, c.store, &error), &error);
    bool *is_taken = lb_alloc(c.n_rows, sizeof *is_taken, &error);
    assert_non_null(is_taken);
    for (size_t i = 0; i < c.n_rows; i++)
    {
        is_taken[i] = c.summaries[i].n_scored > 0;
    }
    check_ok(
        lb_windows_find(&c.windows, &c.n_windows, c.store, c.summaries, is_taken, c.n_rows, &error),
        &error);
    free(is_taken);
    return c;
}

static void cut_close(cut *c)
{
    free(c->windows);
    free(c->summaries);
    lb_store_close(c->store);
}

/* WINDOW as a batch of its own is the row's tokens, and the loss of all scored ones but the first
 * counts: SEEN [the row's tokens] is counted up where. */
static void check_window(const cut *c, const lb_window *window, unsigned *seen)
{
    lobass_error error = {0};
    lobass_row row;
    lb_batch_builder builder = {0};
    lb_window_reader reader = {.store = c->store, .n_vocabulary = TINY_VOCABULARY};
    check_ok(lb_window_add(&builder, &reader, window, &error), &error);
    check_ok(lb_store_row_load(&row, c->store, window->row, &error), &error);
    const lb_batch *batch = &builder.batch;
    assert_int_equal(batch->n_tokens, window->n_tokens);
    assert_memory_equal(batch->ids, row.ids + window->first, window->n_tokens * sizeof *row.ids);
    assert_int_equal(batch->n_scored, window->n_scored);
    for (size_t i = 0; i < batch->n_scored; i++)
    {
        const size_t token = window->first + (size_t)batch->scored[i];
        assert_true(batch->scored[i] > 0);
        assert_true((row.flags[token] & LOBASS_TOKEN_SCORED) != 0);
        seen[token]++;
    }
    lb_window_reader_free(&reader);
    lb_batch_builder_free(&builder);
}

/* Rows in order, and within a row each window beginning with the last token of the one before. */
static void check_order(const cut *c)
{
    for (size_t i = 0; i < c->n_windows; i++)
    {
        const lb_window *w = &c->windows[i];
        const lb_window *before = i > 0 && w[-1].row == w->row ? w - 1 : NULL;
        const uint32_t n_left = c->summaries[w->row].n_tokens - w->first;
        assert_true(i == 0 || w[-1].row <= w->row);
        assert_int_equal(w->first, before == NULL ? 0 : before->first + before->n_tokens - 1);
        assert_int_equal(w->n_tokens, n_left < c->length ? n_left : c->length);
    }
}

static void check_cut(const cut *c)
{
    unsigned seen[MOST_BYTES + 1][MOST_BYTES + 3] = {{0}};
    assert_int_equal(c->n_rows, MOST_BYTES);
    check_order(c);
    for (size_t i = 0; i < c->n_windows; i++)
    {
        check_window(c, &c->windows[i], seen[c->windows[i].row]);
    }
    for (size_t r = 0; r < c->n_rows; r++)
    {
        size_t n_scored = 0;
        for (size_t t = 0; t < c->summaries[r].n_tokens; t++)
        {
            assert_int_equal(seen[r][t], t > 0 ? 1 : 0);
            n_scored += seen[r][t];
        }
        assert_int_equal(n_scored, c->summaries[r].n_scored);
    }
}

/* Texts of 1 to MOST_BYTES bytes under every length up to beyond them. */
static void test_every_token_is_scored_once(void **state)
{
    lobass_error error = {0};
    lb_buffer text = {0};
    (void)state;
    for (int n = 1; n <= MOST_BYTES; n++)
    {
        check_ok(lb_buffer_print(&text, &error, "{\"text\": \"%.*s\"}\n", n,
                                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"),
                 &error);
    }
    file_make("texts.jsonl", text.data);
    lb_buffer_free(&text);
    for (uint32_t length = 2; length < MOST_BYTES + 5; length += length < 10 ? 1 : 7)
    {
        char run[64];
        lobass_format_options format = lobass_format_options_default();
        format.max_length = length;
        (void)snprintf(run, sizeof run, "length-%u", (unsigned)length);
        print_message("%s\n", run);
        windows_prepare("full", "texts.jsonl", run, format);
        cut c = cut_open(run);
        assert_int_equal(c.length, length);
        check_cut(&c);
        cut_close(&c);
    }
}

/* "^p/x$/q/a1", the end token in the middle not scored: no window stands for it alone. */
static void test_unscored_part(void **state)
{
    static const uint32_t firsts[] = {0, 1, 2, 4, 5, 6, 7, 8};
    lobass_format_options format = lobass_format_options_default();
    (void)state;
    file_make("turns.jsonl",
              "{\"question\": \"q\", \"answer\": \"a1\", \"history\": [[\"p\", \"x\"]]}\n");
    format.max_length = 2;
    format.eos = LOBASS_EOS_SKIP;
    format.scored = LOBASS_SCORED_ALL;
    windows_prepare("full", "turns.jsonl", "turns", format);
    cut c = cut_open("turns");
    assert_int_equal(c.summaries[0].n_tokens, 10);
    assert_int_equal(c.n_windows, sizeof firsts / sizeof *firsts);
    for (size_t i = 0; i < c.n_windows; i++)
    {
        assert_int_equal(c.windows[i].first, firsts[i]);
        assert_int_equal(c.windows[i].n_tokens, 2);
        assert_int_equal(c.windows[i].n_scored, 1);
    }
    cut_close(&c);
}

/* Examples are cut on the right, as in a run; and a run's rows are one window each. */
static void test_examples_are_one_window(void **state)
{
    lobass_format_options format = lobass_format_options_default();
    (void)state;
    file_make("examples.jsonl", "{\"prompt\": \"p\", \"completion\": \"a long answer\"}\n"
                                "{\"prompt\": \"p\", \"completion\": \"b\"}\n");
    format.max_length = 8;
    windows_prepare("full", "examples.jsonl", "examples", format);
    run_prepare("examples.jsonl", "run");
    static const char *const runs[] = {"examples", "run"};
    static const uint32_t lengths[] = {8, UINT32_MAX};
    for (size_t r = 0; r < 2; r++)
    {
        cut c = cut_open(runs[r]);
        assert_int_equal(c.length, lengths[r]);
        assert_int_equal(c.n_windows, 2);
        for (size_t i = 0; i < 2; i++)
        {
            assert_int_equal(c.windows[i].first, 0);
            assert_int_equal(c.windows[i].n_tokens, c.summaries[i].n_tokens);
            assert_int_equal(c.windows[i].n_scored, c.summaries[i].n_scored);
        }
        cut_close(&c);
    }
}

/* Windows of one store read from another, which is what a changed row looks like. */
static void test_changed_row_is_refused(void **state)
{
    lobass_error error = {0};
    lb_batch_builder builder = {0};
    lobass_format_options format = lobass_format_options_default();
    (void)state;
    file_make("long.jsonl", "{\"text\": \"abcdefgh\"}\n");
    file_make("short.jsonl", "{\"text\": \"abcdefg\"}\n");
    file_make("other.jsonl", "{\"prompt\": \"abcd\", \"completion\": \"efg\"}\n");
    format.max_length = 8;
    windows_prepare("full", "long.jsonl", "long", format);
    windows_prepare("full", "short.jsonl", "short", format);
    format.max_length = 16;
    windows_prepare("full", "other.jsonl", "other", format);
    cut from = cut_open("long"); /* ^abcdefgh$ */
    assert_int_equal(from.n_windows, 2);
    static const char *const runs[] = {"short", "other"};
    for (size_t i = 0; i < 2; i++)
    {
        cut c = cut_open(runs[i]);
        lb_window_reader reader = {.store = c.store, .n_vocabulary = TINY_VOCABULARY};
        check_refused(lb_window_add(&builder, &reader, &from.windows[1 - i], &error),
                      LOBASS_CONFLICT, &error, place(runs[i]), "row 0 changed while it was used");
        lb_window_reader_free(&reader);
        cut_close(&c);
    }
    lb_window_reader reader = {.store = from.store, .n_vocabulary = 'h'};
    check_ok(lb_window_add(&builder, &reader, &(lb_window){0, 1, 7, 6}, &error), &error);
    check_refused(lb_window_add(&builder, &reader, &from.windows[1], &error), LOBASS_BAD_ARGUMENT,
                  &error, "row 0: token 8 is 104", "vocabulary has 104");
    lb_window_reader_free(&reader);
    lb_batch_builder_free(&builder);
    cut_close(&from);
}

static int setup(void **state)
{
    return text_setup_as(state, "windows") == 0 ? (model_make_as("model", 7, 512), 0) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_token_is_scored_once),
        cmocka_unit_test(test_unscored_part),
        cmocka_unit_test(test_examples_are_one_window),
        cmocka_unit_test(test_changed_row_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
