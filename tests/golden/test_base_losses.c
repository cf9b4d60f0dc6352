/* SPDX-License-Identifier: Apache-2.0
 *
 * demo/base against another engine, token by token: base_losses.jsonl has the ids of the Hugging
 * Face library and the losses of transformers in double and in bf16 (make_references.py). On every
 * instruction set, one text at a time.
 */
#include "instruction_sets.h"
#include "unit/model/fixture.h"

#include <math.h>

#include "text/text.h"

#define BASE_FOLDER TEST_SOURCE_DIR "/demo/base"
#define LOSSES_PATH TEST_SOURCE_DIR "/tests/golden/base_losses.jsonl"

enum
{
    MOST_TEXTS = 40,
    MOST_TOKENS = 512
};

/* In nats. In fp32 the other engine itself is 2e-6 (root mean square; one loss of all 1.2e-5) from
 * its run in double. In bf16 it rounds every intermediate value to 8 bits and we the operands of
 * products only: single losses differ by what bf16 is, their mean hardly. */
static const struct
{
    double worst, root_mean_square, mean;
} tolerances[] = {{4e-5, 5e-6, 1e-6}, {0.2, 0.035, 2e-3}}; /* [is bf16] */

typedef struct base_text
{
    char *text; /* [size], may hold NUL bytes */
    size_t size;
    int32_t ids[MOST_TOKENS];
    double nll[2][MOST_TOKENS]; /* [is bf16]; of token i + 1 */
    size_t n_tokens;
} base_text;

typedef struct base_texts
{
    base_text texts[MOST_TEXTS];
    size_t count;
} base_texts;

static void read_text(base_text *text, const lb_record *record)
{
    static const char *const names[] = {"nll", "nll_bf16"};
    json_t *row = NULL;
    assert_ok(lb_json_parse(&row, record->data, record->size, "losses", error));
    const json_t *ids = json_object_get(row, "ids");
    const json_t *value = json_object_get(row, "text");
    text->size = json_string_length(value);
    text->text = lb_copy_text(json_string_value(value), text->size, NULL);
    assert_non_null(text->text);
    text->n_tokens = json_array_size(ids);
    assert_in_range(text->n_tokens, 2, MOST_TOKENS);
    for (size_t i = 0; i < text->n_tokens; i++)
    {
        text->ids[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    }
    for (size_t k = 0; k < 2; k++)
    {
        const json_t *nll = json_object_get(row, names[k]);
        assert_int_equal(json_array_size(nll), text->n_tokens - 1);
        for (size_t i = 0; i + 1 < text->n_tokens; i++)
        {
            text->nll[k][i] = json_number_value(json_array_get(nll, i));
        }
    }
    json_decref(row);
}

static int texts_load(void **state)
{
    base_texts *loaded = calloc(1, sizeof *loaded);
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = true;
    assert_non_null(loaded);
    assert_ok(lb_record_reader_open(&reader, LOSSES_PATH, error));
    assert_ok(lb_record_reader_next(reader, &record, &has_record, error));
    while (has_record)
    {
        assert_true(loaded->count < MOST_TEXTS);
        read_text(&loaded->texts[loaded->count++], &record);
        assert_ok(lb_record_reader_next(reader, &record, &has_record, error));
    }
    lb_record_reader_close(reader);
    assert_true(loaded->count > 20);
    *state = loaded;
    return 0;
}

static int texts_free(void **state)
{
    base_texts *loaded = *state;
    for (size_t i = 0; i < loaded->count; i++)
    {
        free(loaded->texts[i].text);
    }
    free(loaded);
    return 0;
}

static void test_ids(void **state)
{
    const base_texts *all = *state;
    lobass_tokenizer *tokenizer = NULL;
    lb_encoder *encoder = NULL;
    assert_ok(lobass_tokenizer_load(&tokenizer, BASE_FOLDER, error));
    assert_ok(lb_encoder_create(&encoder, tokenizer, true, error));
    for (size_t i = 0; i < all->count; i++)
    {
        const base_text *text = &all->texts[i];
        lb_ids ids = {0};
        assert_ok(
            lb_encoder_encode(encoder, &ids, text->text, text->size, NULL, 0, false, NULL, error));
        assert_int_equal(ids.count, text->n_tokens);
        assert_memory_equal(ids.values, text->ids, ids.count * sizeof *text->ids);
        lb_ids_free(&ids);
    }
    lb_encoder_free(encoder);
    lobass_tokenizer_free(tokenizer);
}

static void forward(lb_decoder *decoder, const base_text *text, float *nll)
{
    const uint32_t starts[] = {0, (uint32_t)text->n_tokens};
    uint32_t scored[MOST_TOKENS];
    for (uint32_t i = 1; i < text->n_tokens; i++)
    {
        scored[i - 1] = i;
    }
    const lb_batch batch = {.n_tokens = text->n_tokens,
                            .ids = text->ids,
                            .n_sequences = 1,
                            .starts = starts,
                            .n_scored = text->n_tokens - 1,
                            .scored = scored};
    assert_ok(lb_decoder_forward(decoder, &batch, nll, NULL, error));
}

static void check_losses(const base_texts *all, const char *set, bool is_bf16)
{
    lb_model *model = NULL;
    lb_decoder *decoder = NULL;
    lb_compute *compute = fixture_compute(NULL, 1);
    const lb_dtype dtype = is_bf16 ? LB_BF16 : LB_F32;
    double worst = 0.0;
    double sum = 0.0;
    double squares = 0.0;
    double n = 0.0;
    assert_ok(lb_model_load(&model, BASE_FOLDER, dtype, LB_MODEL_SCORE_PACKED, error));
    assert_ok(lb_decoder_create(&decoder, model, compute, MOST_TOKENS, LB_DECODER_SCORE, error));
    for (size_t i = 0; i < all->count; i++)
    {
        const base_text *text = &all->texts[i];
        float nll[MOST_TOKENS];
        forward(decoder, text, nll);
        for (size_t t = 0; t + 1 < text->n_tokens; t++)
        {
            const double difference = (double)nll[t] - text->nll[is_bf16][t];
            assert_true(isfinite(difference));
            worst = fmax(worst, fabs(difference));
            sum += difference;
            squares += difference * difference;
            n += 1.0;
        }
    }
    const double root_mean_square = sqrt(squares / n);
    print_message(
        "%s, %s: %.0f losses, largest difference %.2g, root mean square %.2g, mean %.2g\n", set,
        lb_dtype_name(dtype), n, worst, root_mean_square, sum / n);
    assert_true(worst <= tolerances[is_bf16].worst);
    assert_true(root_mean_square <= tolerances[is_bf16].root_mean_square);
    assert_true(fabs(sum / n) <= tolerances[is_bf16].mean);
    lb_decoder_free(decoder);
    lb_model_free(model);
    lb_compute_free(compute);
}

static void check_set(const char *set, void *context)
{
    check_losses(context, set, false);
    check_losses(context, set, true);
}

static void test_losses(void **state)
{
    for_each_set(check_set, *state);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        on_each_set(test_losses),
    };
    return RUN_TESTS(tests, arguments, texts_load, texts_free);
}
