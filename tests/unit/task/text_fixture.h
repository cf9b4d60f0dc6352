/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of pretraining share: tiny models over a byte-level tokenizer, so that a text's
 * tokens are its bytes and everything can be worked out by hand; texts; and runs of windows.
 */
#ifndef TESTS_TEXT_FIXTURE_H
#define TESTS_TEXT_FIXTURE_H

#include "unit/task/run_fixture.h"

#include "unit/data/tiny_tokenizer.h"

/* NAME/full, whose tokenizer puts BOS before a text and its end token behind it, and NAME/bare,
 * which has neither. NAME keeps test programs apart. */
static inline int text_setup_as(void **state, const char *name)
{
    static const char *const kinds[] = {"bare", "full"};
    if (scratch_setup(state) != 0)
    {
        return -1;
    }
    for (int i = 0; i < 2; i++)
    {
        char folder[256];
        (void)snprintf(folder, sizeof folder, "tiny_%s_%s", name, kinds[i]);
        lobass_tokenizer_free(tiny_tokenizer(folder, i == 1, i == 1));
        char *path = lb_path_join(TEST_BINARY_DIR "/tests", folder, NULL);
        assert_non_null(path);
        model_make_with(kinds[i], path, "null", 7, TINY_VOCABULARY);
        free(path);
    }
    return 0;
}

/* N_BYTES of words with spaces between, some lines and some characters of two bytes; beginning with
 * one. A text of the same SEED begins like a longer one. Yours: free(). */
static inline char *text_words(size_t n_bytes, uint64_t seed)
{
    static const char *const words[] = {"river", "old", "stone", "baker", "caf\xC3\xA9", "grey"};
    lobass_error error = {0};
    lb_buffer text = {0};
    lb_random random;
    lb_random_init(&random, seed);
    check_ok(lb_buffer_append_text(&text, "\xC3\xA9t\xC3\xA9", &error), &error);
    while (text.size < n_bytes)
    {
        check_ok(lb_buffer_print(&text, &error, "%s%s",
                                 lb_random_below(&random, 9) > 0 ? " " : "\n",
                                 words[lb_random_below(&random, 6)]),
                 &error);
    }
    while ((text.data[n_bytes] & 0xC0) == 0x80)
    {
        n_bytes--; /* not within a character */
    }
    text.data[n_bytes] = '\0';
    return text.data;
}

/* RUN prepared from DATA as a training or an evaluation prepares it; all are names in the scratch
 * folder. */
static inline void windows_prepare(const char *model, const char *data, const char *run,
                                   lobass_format_options format)
{
    const char *list[] = {place(data)};
    lobass_error error = {0};
    lobass_prepare_options options = prepare_options(list, 1, place(run));
    options.model = place(model);
    options.format = format;
    options.format.template_name = "plain";
    options.format.cuts_windows = true;
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
}

#endif
