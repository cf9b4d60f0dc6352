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

#include "model/program.h"

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool ends(const char *name, const char *with)
{
    const size_t size = strlen(name);
    const size_t n = strlen(with);
    return size >= n && strcmp(name + size - n, with) == 0;
}

/* Whether a tensor begins as one of the family's rules does ("model."), and is a weight or a bias.
 */
static bool is_of_decoder(const lb_architecture *family, const char *name)
{
    bool begins = false;
    for (size_t k = 0; k < family->n_parts; k++)
    {
        const lb_part *part = &family->parts[k];
        for (size_t r = 0; r < part->n_rules && !begins; r++)
        {
            const char *known = part->prefix[0] != '\0' ? part->prefix : part->rules[r].name;
            begins = strncmp(name, known, strcspn(known, ".") + 1) == 0;
        }
    }
    return begins && (ends(name, ".weight") || ends(name, ".bias"));
}

/* Of the head that there would be if it were not tied. */
static bool is_head(const lb_architecture *family, const char *name)
{
    const lb_part *part = &family->parts[family->n_parts - 1];
    bool found = false;
    for (size_t r = 0; r < part->n_rules; r++)
    {
        const lb_tensor_rule *rule = &part->rules[r];
        found = found || (rule->role == LB_TENSOR_HEAD && strcmp(rule->name, name) == 0);
    }
    return found;
}

/* Where weights are tied the embedding is used as the head; a head of its own must say the same. */
static lobass_status check_tied_head(const lb_safetensors *file, const char *path, const char *name,
                                     const lb_tensor *embedding, lobass_error *error)
{
    const lb_tensor *head = NULL;
    LB_TRY(lb_safetensors_find(file, name, &head, error));
    const bool is_same =
        head->dtype == embedding->dtype && head->n_elements == embedding->n_elements &&
        memcmp(head->data, embedding->data, head->n_elements * lb_dtype_size(head->dtype)) == 0;
    return is_same ? LOBASS_OK
                   : lb_fail(error, LOBASS_BAD_FORMAT,
                             "%s: tensor \"%s\": differs from the embedding, and "
                             "config.json has \"tie_word_embeddings\": true; expected the same "
                             "values or none",
                             path, name);
}

static lobass_status check_file(const lb_model *model, const char *const *taken,
                                const lb_safetensors *file, const char *path,
                                const lb_tensor *embedding, lobass_error *error)
{
    const char *name = NULL;
    for (size_t i = 0; (name = lb_safetensors_name_at(file, i)) != NULL; i++)
    {
        if (!is_of_decoder(model->config.family, name) ||
            bsearch(&name, taken, model->n_parameters, sizeof *taken, compare_names) != NULL)
        {
            continue;
        }
        if (is_head(model->config.family, name))
        {
            LB_TRY(check_tied_head(file, path, name, embedding, error));
            continue;
        }
        const lb_config *config = &model->config;
        char biases[64] = "";
        if (config->family->has_bias_fields)
        {
            (void)snprintf(biases, sizeof biases, ", attention_bias %s, mlp_bias %s",
                           config->has_attention_bias ? "true" : "false",
                           config->has_mlp_bias ? "true" : "false");
        }
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: tensor \"%.200s\": the model that config.json describes has no such "
                       "parameter (%zu layers%s)",
                       path, name, config->n_layers, biases);
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
