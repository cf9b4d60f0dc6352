/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as model.safetensors.index.json beside two shards, each of which holds the whole of a
 * tiny model: refused with one line, or every tensor it lists is in a file of the folder; and where
 * it lists all that the model needs, the model loads.
 */
#include "fuzz.h"

#include "model/weights.h"

static const char *const shards[] = {"model-1.safetensors", "model-2.safetensors"};

static const char config_text[] =
    "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"vocab_size\": 8,"
    " \"hidden_size\": 4, \"intermediate_size\": 4, \"num_hidden_layers\": 1,"
    " \"num_attention_heads\": 1, \"num_key_value_heads\": 1, \"max_position_embeddings\": 16,"
    " \"rms_norm_eps\": 1e-05, \"rope_theta\": 10000.0, \"hidden_act\": \"silu\","
    " \"tie_word_embeddings\": false, \"torch_dtype\": \"float32\"}";

static void make_model(void)
{
    lb_config config;
    lb_model *model = NULL;
    free(fuzz_file(fuzz_folder(), "config.json", config_text, strlen(config_text)));
    require(lb_config_load(&config, fuzz_folder(), NULL) == LOBASS_OK);
    require(lb_model_create_random(&model, &config, 1, NULL) == LOBASS_OK);
    const lb_parameter_list all = {model->parameters, model->n_parameters};
    for (size_t i = 0; i < 2; i++)
    {
        char *path = lb_path_join(fuzz_folder(), shards[i], NULL);
        require(path != NULL && lb_parameters_write(all, path, NULL) == LOBASS_OK);
        free(path);
    }
    lb_model_free(model);
}

static void check(const lb_weight_files *files)
{
    const size_t n_folder = strlen(fuzz_folder());
    const char *tensor = NULL;
    json_t *shard = NULL;
    size_t place = 0;
    require(files->n_files > 0);
    for (size_t i = 0; i < files->n_files; i++)
    {
        const char *path = files->paths[i];
        require(strncmp(path, fuzz_folder(), n_folder) == 0 && path[n_folder] == '/');
        require(strchr(path + n_folder + 1, '/') == NULL && path[n_folder + 1] != '\0');
        require(i == 0 || strcmp(files->paths[i - 1], path) < 0);
    }
    json_object_foreach(files->weight_map, tensor, shard)
    {
        require(lb_weight_files_locate(files, tensor, &place, NULL) == LOBASS_OK);
        require(strcmp(lb_path_name(files->paths[place]), json_string_value(shard)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_made;
    lb_weight_files files;
    lobass_error error = {0};
    if (!is_made)
    {
        make_model();
        is_made = true;
    }
    char *path = fuzz_file(fuzz_folder(), "model.safetensors.index.json", data, size);
    lobass_status status = lb_weight_files_find(&files, fuzz_folder(), &error);
    if (status == LOBASS_OK)
    {
        lb_model *model = NULL;
        check(&files);
        lb_weight_files_free(&files);
        status = lb_model_load(&model, fuzz_folder(), LB_F32, LB_MODEL_SCORE, &error);
        fuzz_n_accepted += status == LOBASS_OK;
        lb_model_free(model);
    }
    if (status != LOBASS_OK)
    {
        require_refusal(status, &error, fuzz_folder());
    }
    free(path);
    return 0;
}
