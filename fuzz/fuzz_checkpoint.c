/* SPDX-License-Identifier: Apache-2.0
 *
 * A checkpoint of a training, one of whose files anybody may have written. The first byte says
 * which: state.json (the rest is an object whose members replace those of a good one, or the whole
 * file), the log, or the masters and moments, whose hash state.json then has. It is refused with
 * one line, or the training goes on from it.
 */
#include "fuzz.h"

#include "pass/pass.h"

#define FILE_MOST ((size_t)1 << 24)

enum
{
    PATCHED_STATE,
    LOG,
    WEIGHTS,
    N_FILES
};

static const char *const names[N_FILES] = {"state.json", LB_TRAIN_LOG, "state.safetensors"};

static const char config_text[] =
    "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"vocab_size\": 268,"
    " \"hidden_size\": 4, \"intermediate_size\": 4, \"num_hidden_layers\": 1,"
    " \"num_attention_heads\": 1, \"num_key_value_heads\": 1, \"max_position_embeddings\": 64,"
    " \"rms_norm_eps\": 1e-05, \"rope_theta\": 10000.0, \"hidden_act\": \"silu\","
    " \"tie_word_embeddings\": true, \"eos_token_id\": 0, \"torch_dtype\": \"float32\"}";

static const char data_text[] = "{\"prompt\": \"one\", \"completion\": \"two\"}\n"
                                "{\"prompt\": \"three\", \"completion\": \"four\"}\n"
                                "{\"prompt\": \"five\", \"completion\": \"six\"}\n";

static lb_trainer *trainer;
static char *partial, *checkpoint;
static lb_buffer files[N_FILES]; /* of a good checkpoint */
static json_t *good_state;

static void require_ok(lobass_status status, const lobass_error *error)
{
    if (status != LOBASS_OK)
    {
        (void)fprintf(stderr, "%s\n", error->message);
        abort();
    }
}

static void checkpoint_make(void)
{
    lobass_error error = {0};
    static lobass_train_options train;
    lb_train_step step;
    char *config = fuzz_file(fuzz_folder(), "config.json", config_text, strlen(config_text));
    char *data = fuzz_file(fuzz_folder(), "data.jsonl", data_text, strlen(data_text));
    char *model = lb_path_join(fuzz_folder(), "model", NULL);
    char *run = lb_path_join(fuzz_folder(), "run", NULL);
    const char *list[] = {data};
    require_ok(lobass_init(config, FUZZ_TOKENIZER, model, 7, false, &error), &error);
    lobass_prepare_options prepare = lobass_prepare_options_default();
    prepare.model = model;
    prepare.data = list;
    prepare.n_data = 1;
    prepare.run = run;
    prepare.format.template_name = "plain";
    prepare.format.max_length = 48;
    require_ok(lobass_prepare(&prepare, NULL, NULL, &error), &error);
    train = lobass_train_options_default();
    train.model = model;
    train.n_epochs = 4;
    train.batch_size = 1;
    train.dtype = LOBASS_DTYPE_FP32;
    train.n_threads = 1;
    require_ok(lb_trainer_create(&trainer, &train, run, NULL, 0, &error), &error);
    require_ok(lb_trainer_step(trainer, &step, &error), &error);
    require_ok(lb_trainer_step(trainer, &step, &error), &error);
    partial = lb_path_join(fuzz_folder(), "partial", NULL);
    require_ok(lb_folder_create(partial, &error), &error);
    require_ok(lb_checkpoint_save(trainer, partial, &error), &error);
    checkpoint = lb_path_join(partial, "checkpoint", NULL);
    for (size_t i = 0; i < N_FILES; i++)
    {
        char *path = lb_path_join(checkpoint, names[i], NULL);
        require_ok(lb_file_read(&files[i], path, FILE_MOST, &error), &error);
        free(path);
    }
    require_ok(lb_json_parse(&good_state, files[0].data, files[0].size, "a good state", &error),
               &error);
    free(config);
    free(data);
    free(model);
    free(run);
}

/* The file that is fuzzed as DATA, the others as they were. */
static void checkpoint_write(size_t which, const char *data, size_t size)
{
    char hash[LB_HASH_TEXT_SIZE];
    json_t *state = json_deep_copy(good_state);
    json_t *patch = NULL;
    for (size_t i = LOG; i < N_FILES; i++)
    {
        const char *bytes = i == which ? data : files[i].data;
        const size_t n_bytes = i == which ? size : files[i].size;
        lb_hash_text(lb_hash_bytes(bytes, n_bytes, 0), hash);
        require(json_object_set_new(state, names[i], json_string(hash)) == 0);
        free(fuzz_file(checkpoint, names[i], bytes, n_bytes));
    }
    const bool is_whole =
        which == PATCHED_STATE && (lb_json_parse(&patch, data, size, "patch", NULL) != LOBASS_OK ||
                                   json_object_update(state, patch) != 0);
    char *text = json_dumps(state, JSON_REAL_PRECISION(17));
    require(text != NULL);
    free(is_whole ? fuzz_file(checkpoint, names[0], data, size)
                  : fuzz_file(checkpoint, names[0], text, strlen(text)));
    free(text);
    json_decref(patch);
    json_decref(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lobass_error error = {0};
    bool is_found = false;
    if (size == 0)
    {
        return 0;
    }
    if (trainer == NULL)
    {
        checkpoint_make();
    }
    checkpoint_write(data[0] % N_FILES, (const char *)data + 1, size - 1);
    lobass_status status = lb_checkpoint_load(trainer, partial, &is_found, &error);
    if (status != LOBASS_OK)
    {
        require_refusal(status, &error, partial);
        return 0;
    }
    fuzz_n_accepted++;
    require(is_found && trainer->state.step <= trainer->n_steps);
    if (trainer->state.step < trainer->n_steps)
    {
        lb_train_step step;
        status = lb_trainer_step(trainer, &step, &error);
        require(status == LOBASS_OK || status == LOBASS_NUMERIC);
    }
    return 0;
}
