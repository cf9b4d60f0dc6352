/* SPDX-License-Identifier: Apache-2.0
 *
 * Training on text: windows are rows like any other, --steps counts what is done, and the held-out
 * losses of the log are those of the weights at that step.
 */
#include "unit/task/text_fixture.h"

#include "pass/pass.h"

#define LENGTH 16
#define N_WINDOWS 20
#define MOST_LINES 64

/* A training of MODEL on the file DATA -> OUTPUT, all names in the scratch folder. */
typedef struct training
{
    const char *data[1], *held_out[1];
    lobass_train_options options;
    lobass_train_result result;
} training;

static void training_make(training *t, const char *model, const char *data, const char *output)
{
    *t = (training){.data = {place(data)}, .options = lobass_train_options_default()};
    t->options.model = place(model);
    t->options.data = t->data;
    t->options.n_data = 1;
    t->options.output = place(output);
    t->options.format.template_name = "plain";
    t->options.format.max_length = LENGTH;
    t->options.n_epochs = 2;
    t->options.batch_size = 3;
    t->options.learning_rate = 5e-3;
    t->options.seed = 3;
    t->options.dtype = LOBASS_DTYPE_FP32;
    t->options.n_threads = 1;
}

static void hold_out(training *t, const char *name)
{
    t->held_out[0] = place(name);
    t->options.held_out = t->held_out;
    t->options.n_held_out = 1;
}

static void train(training *t)
{
    lobass_error error = {0};
    check_ok(lobass_train(&t->options, NULL, &t->result, &error), &error);
}

static void check_train_refused(const training *t, lobass_status expected, const char *word,
                                const char *other)
{
    lobass_error error = {0};
    check_refused(lobass_train(&t->options, NULL, NULL, &error), expected, &error, word, other);
}

static char *in_folder(const char *folder, const char *name)
{
    char *path = lb_path_join(folder, name, NULL);
    assert_non_null(path);
    return path;
}

static void check_same_in(const char *a, const char *b, const char *name)
{
    char *first = in_folder(a, name);
    char *second = in_folder(b, name);
    check_same_files(first, second);
    free(second);
    free(first);
}

/* ---- the log ---------------------------------------------------------------------------------
 */

typedef struct line
{
    unsigned epoch, n_tokens;
    double loss, rate, held_out_loss, bits; /* of the last two NaN: an empty cell */
} line;

/* The number at *AT, or NaN for an empty cell; *AT then stands behind the comma or line break. */
static double cell_read(const char **at)
{
    char *end = NULL;
    const bool is_empty = **at == ',' || **at == '\n';
    const double value = is_empty ? NAN : strtod(*at, &end);
    end = is_empty ? (char *)*at : end;
    assert_true(*end == ',' || *end == '\n');
    *at = end + 1;
    return value;
}

static size_t log_read(line lines[MOST_LINES], const char *output)
{
    static const char header[] = "step,epoch,loss,learning_rate,gradient_norm,tokens,"
                                 "held_out_loss,held_out_bits_per_byte\n";
    char *path = in_folder(output, "train_log.csv");
    char *text = file_text(path);
    size_t count = 0;
    assert_int_equal(strncmp(text, header, strlen(header)), 0);
    for (const char *at = text + strlen(header); *at != '\0'; count++)
    {
        assert_true(count < MOST_LINES);
        line *l = &lines[count];
        assert_true(cell_read(&at) == (double)(count + 1));
        l->epoch = (unsigned)cell_read(&at);
        l->loss = cell_read(&at);
        l->rate = cell_read(&at);
        assert_true(cell_read(&at) > 0); /* the gradient's norm */
        l->n_tokens = (unsigned)cell_read(&at);
        l->held_out_loss = cell_read(&at);
        l->bits = cell_read(&at);
        assert_int_equal(at[-1], '\n');
    }
    free(text);
    free(path);
    return count;
}

/* ---- windows as rows --------------------------------------------------------------------------
 */

/* One text, and its windows as so many records: without BOS and end token they are the same
 * sequences, and so is all that comes of them. */
static void test_windows_are_rows(void **state)
{
    char *text = text_words(N_WINDOWS * (LENGTH - 1) - 4, 1);
    lb_buffer records = {0};
    training whole;
    training cut;
    (void)state;
    const size_t size = strlen(text);
    for (size_t first = 0; first + 1 < size; first += LENGTH - 1)
    {
        const size_t n = size - first < LENGTH ? size - first : LENGTH;
        (void)lb_buffer_append_text(&records, "{\"text\": ", NULL);
        for (size_t i = first; i < first + n; i++)
        {
            text[i] =
                (char)((text[i] & 0x80) != 0 ? '?'
                                             : text[i]); /* a window may begin in a character */
        }
        (void)lb_json_append_text(&records, text + first, n, NULL);
        (void)lb_buffer_append_text(&records, "}\n", NULL);
    }
    file_make("whole.txt", text);
    file_make("cut.jsonl", records.data);
    training_make(&whole, "bare", "whole.txt", "whole");
    training_make(&cut, "bare", "cut.jsonl", "cut");
    train(&whole);
    train(&cut);
    assert_int_equal(whole.result.n_rows, 1);
    assert_int_equal(cut.result.n_rows, N_WINDOWS);
    assert_int_equal(whole.result.n_steps, 2 * ((N_WINDOWS + 2) / 3));
    assert_int_equal(whole.result.n_scored_tokens, 2 * (size - 1));
    assert_int_equal(whole.result.n_tokens, 2 * (size + N_WINDOWS - 1));
    assert_int_equal(cut.result.n_tokens, whole.result.n_tokens);
    assert_int_equal(cut.result.n_scored_tokens, whole.result.n_scored_tokens);
    check_same_in(whole.options.output, cut.options.output, "train_log.csv");
    check_same_in(whole.options.output, cut.options.output, "model.safetensors");
    lb_buffer_free(&records);
    free(text);
}

/* What "--scored all" adds is the prompts: the same text in other fields is the same training. */
static void test_prompts_are_scored_too(void **state)
{
    training prompts;
    training texts;
    (void)state;
    file_make("prompts.jsonl", "{\"prompt\": \"ab\", \"completion\": \"cde\"}\n"
                               "{\"prompt\": \"f\", \"completion\": \"gh\"}\n");
    file_make("texts.jsonl", "{\"text\": \"ab\\ncde\"}\n{\"text\": \"f\\ngh\"}\n");
    training_make(&prompts, "full", "prompts.jsonl", "prompts");
    training_make(&texts, "full", "texts.jsonl", "texts");
    prompts.options.format.scored = LOBASS_SCORED_ALL;
    train(&prompts);
    train(&texts);
    assert_int_equal(prompts.result.n_scored_tokens, 2 * (6 + 1 + 4 + 1));
    check_same_in(prompts.options.output, texts.options.output, "model.safetensors");
    prompts.options.format.scored = LOBASS_SCORED_RESPONSES;
    prompts.options.output = place("responses");
    train(&prompts);
    assert_int_equal(prompts.result.n_scored_tokens, 2 * (3 + 1 + 2 + 1));
}

/* ---- steps ------------------------------------------------------------------------------------
 */

/* Fewer and more steps than the seven of an epoch: what is counted is what the log says was done.
 */
static void test_steps(void **state)
{
    static const unsigned n_steps[] = {3, 7, 12, 14};
    char *text = text_words(N_WINDOWS * (LENGTH - 1) - 4, 1);
    (void)state;
    file_make("steps.txt", text);
    for (size_t i = 0; i < sizeof n_steps / sizeof *n_steps; i++)
    {
        char output[64];
        line lines[MOST_LINES] = {{0}};
        training t;
        uint64_t n_tokens = 0;
        (void)snprintf(output, sizeof output, "steps-%u", n_steps[i]);
        training_make(&t, "bare", "steps.txt", output);
        t.options.n_steps = n_steps[i];
        t.options.n_epochs = 100; /* says nothing beside it */
        train(&t);
        assert_int_equal(t.result.n_steps, n_steps[i]);
        assert_int_equal(log_read(lines, t.options.output), n_steps[i]);
        uint64_t n_windows = 0;
        for (unsigned s = 0; s < n_steps[i]; s++)
        {
            assert_int_equal(lines[s].epoch, s / 7 + 1);
            n_tokens += lines[s].n_tokens;
            n_windows += s % 7 == 6 ? 2 : 3; /* 20 windows in batches of 3 */
            assert_true(isnan(lines[s].held_out_loss));
        }
        assert_int_equal(t.result.n_tokens, n_tokens);
        assert_int_equal(t.result.n_scored_tokens, n_tokens - n_windows);
        assert_true(t.result.first_loss == lines[0].loss);
        assert_true(t.result.last_loss == lines[n_steps[i] - 1].loss);
        /* The cosine ends with these steps, not with the epochs'. */
        const double rate = lb_schedule_rate(5e-3, 0.03, n_steps[i] - 1, n_steps[i]);
        assert_true(fabs(lines[n_steps[i] - 1].rate - rate) < 1e-12);
        assert_true(isnan(t.result.held_out_loss));
    }
    free(text);
}

/* ---- held-out data ----------------------------------------------------------------------------
 */

static void held_out_make(void)
{
    char *text = text_words(N_WINDOWS * (LENGTH - 1) - 4, 1);
    char *held = text_words(100, 2);
    char *other = text_words(80, 3);
    file_make("text.txt", text);
    file_make("held.txt", held);
    file_make("other.txt", other);
    free(other);
    free(held);
    free(text);
}

static lobass_evaluation evaluate(const training *t, const char *model,
                                  const lobass_format_options *format)
{
    lobass_error error = {0};
    lobass_evaluate_result result;
    lobass_evaluate_options options = lobass_evaluate_options_default();
    options.model = model;
    options.data = t->held_out;
    options.n_data = 1;
    options.format = *format;
    options.format.cuts_windows = true;
    options.dtype = LOBASS_DTYPE_FP32;
    check_ok(lobass_evaluate(&options, NULL, &result, &error), &error);
    const lobass_evaluation total = result.total;
    lobass_evaluate_result_free(&result);
    return total;
}

/* The last held-out loss is, bit for bit, that of the model that was written. */
static void check_last_evaluation(const training *t, const lobass_format_options *format)
{
    const lobass_evaluation total = evaluate(t, t->options.output, format);
    assert_true(t->result.held_out_loss == lobass_evaluation_loss(&total));
    assert_true(t->result.held_out_bits_per_byte == lobass_evaluation_bits_per_byte(&total));
}

static void test_held_out(void **state)
{
    /* steps, evaluate_every, and the steps after which there is an evaluation */
    static const struct
    {
        unsigned n_steps, every, evaluated[MOST_LINES];
    } cases[] = {
        {7, 0, {1, 2, 3, 4, 5, 6, 7}},
        {45, 0, {3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45}},
        {41, 0, {3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 41}},
        {12, 5, {5, 10, 12}},
        {4, 9, {4}},
    };
    char *trained = NULL;
    (void)state;
    held_out_make();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
        char output[64];
        line lines[MOST_LINES] = {{0}};
        training t;
        const unsigned *next = cases[i].evaluated;
        (void)snprintf(output, sizeof output, "held-%zu", i);
        training_make(&t, "full", "text.txt", output);
        hold_out(&t, "held.txt");
        t.options.n_steps = cases[i].n_steps;
        t.options.evaluate_every = cases[i].every;
        train(&t);
        assert_int_equal(log_read(lines, t.options.output), cases[i].n_steps);
        for (unsigned s = 0; s < cases[i].n_steps; s++)
        {
            assert_int_equal(!isnan(lines[s].held_out_loss), *next == s + 1);
            assert_int_equal(!isnan(lines[s].bits), *next == s + 1);
            next += *next == s + 1 ? 1 : 0;
        }
        assert_true(t.result.held_out_loss == lines[cases[i].n_steps - 1].held_out_loss);
        assert_true(t.result.held_out_bits_per_byte == lines[cases[i].n_steps - 1].bits);
        check_last_evaluation(&t, &t.options.format);
        free(trained);
        trained = in_folder(t.options.output, "model.safetensors");
    }
    /* It is looked at and not learned from: the weights are those of a training without. */
    training t;
    training_make(&t, "full", "text.txt", "without");
    t.options.n_steps = cases[4].n_steps;
    train(&t);
    char *without = in_folder(t.options.output, "model.safetensors");
    check_same_files(trained, without);
    free(without);
    free(trained);
}

/* Held-out data of a training on a run are made as its rows were, whatever FORMAT says. */
static void test_held_out_as_the_run(void **state)
{
    lobass_error error = {0};
    training t;
    lobass_prepare_options prepare = prepare_options((const char *[]){place("run.jsonl")}, 1, NULL);
    (void)state;
    records_make("run.jsonl", 12);
    records_make("held.jsonl", 20);
    prepare.model = place("full");
    prepare.run = place("run");
    prepare.format.max_length = 24;
    prepare.format.eos = LOBASS_EOS_SKIP;
    check_ok(lobass_prepare(&prepare, NULL, NULL, &error), &error);
    training_make(&t, "full", "run.jsonl", "of-run");
    t.options.data = NULL;
    t.options.n_data = 0;
    t.options.run = prepare.run;
    t.options.format = lobass_format_options_default(); /* alpaca, 512 */
    hold_out(&t, "held.jsonl");
    train(&t);
    check_last_evaluation(&t, &prepare.format);
}

/* Scored tokens without a byte of text have a loss and no bits per byte; checkpoints keep that. */
static void test_held_out_without_bytes(void **state)
{
    line lines[MOST_LINES] = {{0}};
    training t;
    (void)state;
    held_out_make();
    file_make("end.txt", "a"); /* and an end token, the config's */
    char *tokenizer = lb_path_join(TEST_BINARY_DIR "/tests", "tiny_pretrain_bare", NULL);
    model_make_with("ended", tokenizer, "258", 7, TINY_VOCABULARY);
    free(tokenizer);
    training_make(&t, "ended", "text.txt", "no-bytes");
    t.options.checkpoint_seconds = 0;
    hold_out(&t, "end.txt");
    train(&t);
    const size_t n = log_read(lines, t.options.output);
    assert_true(isfinite(t.result.held_out_loss) && isnan(t.result.held_out_bits_per_byte));
    assert_true(isfinite(lines[n - 1].held_out_loss) && isnan(lines[n - 1].bits));
}

/* At its first news, which is of the first step. */
static bool cancel_training(void *context, const lobass_progress *progress)
{
    (void)context;
    return strncmp(progress->stage, "train", 5) != 0;
}

/* A training that was stopped goes on with held-out data or without, and says what it has. */
static void test_going_on_with_and_without(void **state)
{
    const lobass_observer observer = {.progress = cancel_training};
    training t;
    training plain;
    line lines[MOST_LINES] = {{0}};
    lobass_error error = {0};
    (void)state;
    held_out_make();
    training_make(&plain, "full", "text.txt", "plain");
    train(&plain);
    training_make(&t, "full", "text.txt", "begun-with");
    hold_out(&t, "held.txt");
    assert_int_equal(lobass_train(&t.options, &observer, NULL, &error), LOBASS_CANCELLED);
    hold_out(&t, "text.txt"); /* but not with other data */
    check_train_refused(&t, LOBASS_CONFLICT, "begun-with.partial/held_out", "held.txt");
    t.options.n_held_out = 0;
    train(&t);
    assert_true(isnan(t.result.held_out_loss) && isnan(t.result.held_out_bits_per_byte));
    check_same_in(t.options.output, plain.options.output, "model.safetensors");
    const size_t n = log_read(lines, t.options.output);
    assert_true(isfinite(lines[0].held_out_loss) && isnan(lines[n - 1].held_out_loss));
    /* -f takes other held-out data, and goes on all the same. */
    training_make(&t, "full", "text.txt", "begun-with-other");
    hold_out(&t, "held.txt");
    assert_int_equal(lobass_train(&t.options, &observer, NULL, &error), LOBASS_CANCELLED);
    hold_out(&t, "other.txt");
    t.options.overwrite = true;
    train(&t);
    check_same_in(t.options.output, plain.options.output, "model.safetensors");
    check_last_evaluation(&t, &t.options.format);
    const double before = lines[0].held_out_loss;
    (void)log_read(lines, t.options.output);
    assert_true(lines[0].held_out_loss == before); /* of the data that it began with */
    training_make(&t, "full", "text.txt", "begun-without");
    assert_int_equal(lobass_train(&t.options, &observer, NULL, &error), LOBASS_CANCELLED);
    hold_out(&t, "held.txt");
    train(&t);
    check_same_in(t.options.output, plain.options.output, "model.safetensors");
    check_last_evaluation(&t, &t.options.format);
}

static void keep_warning(void *context, lobass_log_level level, const char *text)
{
    if (level == LOBASS_LOG_WARNING)
    {
        (void)snprintf(context, SCRATCH_PATH_SIZE, "%s", text);
    }
}

/* What is wrong with held-out data is said before anything is prepared, and leaves nothing. */
static void test_bad_held_out(void **state)
{
    char warning[SCRATCH_PATH_SIZE] = "";
    const lobass_observer observer = {.context = warning, .log = keep_warning};
    lobass_error error = {0};
    training t;
    (void)state;
    held_out_make();
    file_make("empty.txt", "");
    file_make("one.txt", "a");
    training_make(&t, "bare", "text.txt", "bad");
    hold_out(&t, "missing.txt");
    check_train_refused(&t, LOBASS_NOT_FOUND, "missing.txt", "");
    hold_out(&t, "empty.txt");
    check_train_refused(&t, LOBASS_BAD_FORMAT, "empty.txt", "no record");
    hold_out(&t, "one.txt");
    check_train_refused(&t, LOBASS_BAD_ARGUMENT, "one.txt", "none of the 1 records");
    t.data[0] = "-";
    t.held_out[0] = "-";
    check_train_refused(&t, LOBASS_BAD_ARGUMENT, "standard input", "once");
    assert_int_equal(lb_path_look(place("bad.partial")), LB_PATH_MISSING);
    t.options.model = place("full");
    t.data[0] = place("text.txt");
    t.held_out[0] = place("full/../text.txt");
    check_ok(lobass_train(&t.options, &observer, NULL, &error), &error);
    assert_non_null(strstr(warning, "text.txt is trained on and held out"));
}

/* -f must not remove what it reads. */
static void test_held_out_in_the_output(void **state)
{
    training t;
    (void)state;
    held_out_make();
    training_make(&t, "bare", "text.txt", "over");
    train(&t);
    file_make("over/held.txt", "held out");
    hold_out(&t, "over/held.txt");
    t.options.overwrite = true;
    check_train_refused(&t, LOBASS_CONFLICT, "not overwritten", "over/held.txt");
    check_file(place("over/held.txt"), "held out");
}

static int setup(void **state)
{
    return text_setup_as(state, "pretrain");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows_are_rows),
        cmocka_unit_test(test_prompts_are_scored_too),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_held_out),
        cmocka_unit_test(test_held_out_as_the_run),
        cmocka_unit_test(test_held_out_without_bytes),
        cmocka_unit_test(test_going_on_with_and_without),
        cmocka_unit_test(test_bad_held_out),
        cmocka_unit_test(test_held_out_in_the_output),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
