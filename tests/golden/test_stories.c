/* SPDX-License-Identifier: Apache-2.0
 *
 * A real trained model (stories260K) on 93 real texts against the losses of another engine, which
 * computed in double: fp32 with every set of fixture.h, bf16 against the engine's run on rounded
 * weights, and all texts packed against one at a time. Skipped where the data are not there.
 */
#include "run_tests.h"
#include "unit/model/fixture.h"

#include <math.h>

#define MODEL_FOLDER TEST_SOURCE_DIR "/../shared/data/models/stories260K"
#define LOSSES_PATH TEST_SOURCE_DIR "/../shared/data/models/stories260K_losses.jsonl"
#define MOST_TEXTS 128
#define MOST_TEXT_TOKENS 512
#define FP32_TOLERANCE 1e-5
#define BF16_MEAN_TOLERANCE 1e-2
#define PACKED_TOLERANCE 1e-6 /* of the loss: some texts have a single scored token */

typedef struct stories_text
{
    int32_t ids[MOST_TEXT_TOKENS];
    size_t n_tokens;
    double mean_loss, mean_loss_bf16; /* of the other engine */
} stories_text;

typedef struct stories
{
    stories_text texts[MOST_TEXTS];
    size_t n_texts;
    size_t n_tokens; /* of all */
} stories;

static void read_text(stories_text *text, const lb_record *record)
{
    json_t *root = NULL;
    assert_ok(lb_json_parse(&root, record->data, record->size, "losses", error));
    const size_t n_scored = (size_t)json_integer_value(json_object_get(root, "n_scored"));
    assert_in_range(n_scored, 1, MOST_TEXT_TOKENS - 1);
    text->n_tokens = n_scored + 1; /* longer texts are scored on their first 512 tokens */
    const json_t *ids = json_object_get(root, "ids");
    assert_true(json_array_size(ids) >= text->n_tokens);
    for (size_t i = 0; i < text->n_tokens; i++)
    {
        text->ids[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    }
    text->mean_loss = json_number_value(json_object_get(root, "sum_nll")) / (double)n_scored;
    text->mean_loss_bf16 =
        json_number_value(json_object_get(root, "sum_nll_bf16_weights")) / (double)n_scored;
    json_decref(root);
}

static int load_stories(void **state)
{
    stories *loaded = calloc(1, sizeof *loaded);
    *state = loaded;
    if (loaded == NULL || lb_path_look(LOSSES_PATH) != LB_PATH_FILE)
    {
        return loaded == NULL ? -1 : 0;
    }
    lb_record_reader *reader = NULL;
    assert_ok(lb_record_reader_open(&reader, LOSSES_PATH, error));
    lb_record record;
    bool has_record = true;
    assert_ok(lb_record_reader_next(reader, &record, &has_record, error));
    while (has_record)
    {
        assert_true(loaded->n_texts < MOST_TEXTS);
        read_text(&loaded->texts[loaded->n_texts], &record);
        loaded->n_tokens += loaded->texts[loaded->n_texts++].n_tokens;
        assert_ok(lb_record_reader_next(reader, &record, &has_record, error));
    }
    lb_record_reader_close(reader);
    return 0;
}

static int free_stories(void **state)
{
    free(*state);
    return 0;
}

static const stories *need_stories(void **state)
{
    const stories *loaded = *state;
    if (loaded->n_texts == 0)
    {
        skip_because("%s is not there", LOSSES_PATH);
    }
    assert_int_equal(93, loaded->n_texts);
    return loaded;
}

/* nll[n_tokens of all - n_texts] of texts FIRST to LAST in one batch. */
static void forward(lb_decoder *decoder, const stories *all, size_t first, size_t last, float *nll)
{
    const size_t n_texts = last - first;
    int32_t *ids = malloc(all->n_tokens * sizeof *ids);
    uint32_t *scored = malloc(all->n_tokens * sizeof *scored);
    uint32_t starts[MOST_TEXTS + 1] = {0};
    assert_non_null(ids);
    assert_non_null(scored);
    lb_batch batch = {.ids = ids, .starts = starts, .scored = scored, .n_sequences = n_texts};
    for (size_t i = first; i < last; i++)
    {
        const stories_text *text = &all->texts[i];
        memcpy(ids + batch.n_tokens, text->ids, text->n_tokens * sizeof *ids);
        for (size_t j = 1; j < text->n_tokens; j++)
        {
            scored[batch.n_scored++] = (uint32_t)(batch.n_tokens + j);
        }
        batch.n_tokens += text->n_tokens;
        starts[i - first + 1] = (uint32_t)batch.n_tokens;
    }
    assert_ok(lb_decoder_forward(decoder, &batch, nll, NULL, error));
    free(ids);
    free(scored);
}

/* The mean loss of every text, computed one text at a time or all in one batch. */
static void measure(const stories *all, const char *set, lb_dtype dtype, bool is_packed,
                    double means[MOST_TEXTS])
{
    lb_model *model = NULL;
    lb_compute *compute = fixture_compute(set, 0);
    lb_decoder *decoder = NULL;
    const size_t room = is_packed ? all->n_tokens : MOST_TEXT_TOKENS;
    float *nll = malloc(all->n_tokens * sizeof *nll);
    assert_non_null(nll);
    assert_ok(lb_model_load(&model, MODEL_FOLDER, dtype, LB_MODEL_SCORE, error));
    assert_ok(lb_decoder_create(&decoder, model, compute, room, LB_DECODER_SCORE, error));
    if (is_packed)
    {
        forward(decoder, all, 0, all->n_texts, nll);
    }
    size_t done = 0;
    for (size_t i = 0; i < all->n_texts; i++)
    {
        const size_t n_scored = all->texts[i].n_tokens - 1;
        if (!is_packed)
        {
            forward(decoder, all, i, i + 1, nll + done);
        }
        double sum = 0.0;
        for (size_t j = 0; j < n_scored; j++)
        {
            sum += (double)nll[done + j];
        }
        means[i] = sum / (double)n_scored;
        done += n_scored;
    }
    free(nll);
    lb_decoder_free(decoder);
    lb_compute_free(compute);
    lb_model_free(model);
}

static void test_fp32(void **state)
{
    const stories *all = need_stories(state);
    for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
    {
        double means[MOST_TEXTS];
        double packed[MOST_TEXTS];
        double worst = 0.0;
        double worst_packed = 0.0;
        measure(all, fixture_sets[b], LB_F32, false, means);
        measure(all, fixture_sets[b], LB_F32, true, packed);
        for (size_t i = 0; i < all->n_texts; i++)
        {
            worst = fmax(worst, fabs(means[i] - all->texts[i].mean_loss));
            worst_packed = fmax(worst_packed, fabs(means[i] - packed[i]) / fmax(1.0, means[i]));
        }
        print_message("%s: largest difference %.1e nats per token; packed %.1e of the loss\n",
                      fixture_sets[b], worst, worst_packed);
        assert_true(worst <= FP32_TOLERANCE);
        assert_true(worst_packed <= PACKED_TOLERANCE);
    }
}

static void test_bf16(void **state)
{
    const stories *all = need_stories(state);
    double means[MOST_TEXTS];
    double sum = 0.0;
    double sum_fp32 = 0.0;
    measure(all, NULL, LB_BF16, false, means);
    for (size_t i = 0; i < all->n_texts; i++)
    {
        sum += fabs(means[i] - all->texts[i].mean_loss_bf16);
        sum_fp32 += fabs(means[i] - all->texts[i].mean_loss);
    }
    sum /= (double)all->n_texts;
    sum_fp32 /= (double)all->n_texts;
    print_message("bf16: mean difference %.1e nats per token, from fp32 %.1e\n", sum, sum_fp32);
    assert_true(sum <= BF16_MEAN_TOLERANCE);
    assert_true(sum_fp32 > 1e-4); /* or it was not computed in bf16 at all */
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        may_skip(test_fp32),
        may_skip(test_bf16),
    };
    return RUN_TESTS(tests, arguments, load_stories, free_stories);
}
