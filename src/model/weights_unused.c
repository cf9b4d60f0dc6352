/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors of the weight files that no parameter takes. A weight or bias of the decoder itself (a
 * fifth layer where config.json says four, a bias where it says none) means that file and
 * configuration belong to different models: its losses would be those of neither. Two exceptions: a
 * head that is the embedding over again, which checkpoints with tied weights carry, and whatever is
 * no weight and no bias (rotary_emb.inv_freq in older Llama checkpoints). What stands outside of
 * the decoder, such as the head of a reward model, is not our business.
 */
#include "model/weights.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_NAME "lm_head.weight"

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static bool ends(const char *name, const char *with)
{
    const size_t size = strlen(name);
    const size_t n = strlen(with);
    return size >= n && strcmp(name + size - n, with) == 0;
}

static bool is_of_decoder(const char *name)
{
    return (begins(name, "model.") || begins(name, "lm_head.")) &&
           (ends(name, ".weight") || ends(name, ".bias"));
}

/* Where weights are tied the embedding is used as the head; a head of its own must say the same. */
static lobass_status check_tied_head(const lb_safetensors *file, const char *path,
                                     const lb_tensor *embedding, lobass_error *error)
{
    const lb_tensor *head = NULL;
    LB_TRY(lb_safetensors_find(file, HEAD_NAME, &head, error));
    const bool is_same =
        head->dtype == embedding->dtype && head->n_elements == embedding->n_elements &&
        memcmp(head->data, embedding->data, head->n_elements * lb_dtype_size(head->dtype)) == 0;
    return is_same ? LOBASS_OK
                   : lb_fail(error, LOBASS_BAD_FORMAT,
                             "%s: tensor \"" HEAD_NAME "\": differs from the embedding, and "
                             "config.json has \"tie_word_embeddings\": true; expected the same "
                             "values or none",
                             path);
}

static lobass_status check_file(const lb_model *model, const char *const *taken,
                                const lb_safetensors *file, const char *path,
                                const lb_tensor *embedding, lobass_error *error)
{
    const char *name = NULL;
    for (size_t i = 0; (name = lb_safetensors_name_at(file, i)) != NULL; i++)
    {
        if (!is_of_decoder(name) ||
            bsearch(&name, taken, model->n_parameters, sizeof *taken, compare_names) != NULL)
        {
            continue;
        }
        if (strcmp(name, HEAD_NAME) == 0)
        {
            LB_TRY(check_tied_head(file, path, embedding, error));
            continue;
        }
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: tensor \"%.200s\": the model that config.json describes has no such "
                       "parameter (%zu layers, attention_bias %s, mlp_bias %s)",
                       path, name, model->config.n_layers,
                       model->config.has_attention_bias ? "true" : "false",
                       model->config.has_mlp_bias ? "true" : "false");
    }
    return LOBASS_OK;
}

lobass_status lb_weights_check_unused(const lb_model *model, const lb_weight_files *files,
                                      const lb_tensor *embedding, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    const char **taken = lb_alloc(model->n_parameters, sizeof *taken, error);
    if (taken == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        taken[i] = model->parameters[i].name;
    }
    qsort(taken, model->n_parameters, sizeof *taken, compare_names);
    for (size_t i = 0; i < files->n_files && status == LOBASS_OK; i++)
    {
        status =
            check_file(model, taken, model->storage->files[i], files->paths[i], embedding, error);
    }
    free(taken);
    return status;
}
