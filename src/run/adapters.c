/* SPDX-License-Identifier: Apache-2.0
 *
 * Adapters as tasks see them: their options (targets as text and back, what alpha is where none was
 * given), and how one becomes part of a model's fingerprint.
 */
#include "run/run.h"

#include <stdlib.h>
#include <string.h>

#define ALL_LINEAR "all-linear"
#define MOST_RANK 65536
#define MOST_ALPHA 1e6

/* ---- options ----------------------------------------------------------------------------------
 */

static lobass_status name_find(uint32_t *bit, const char *name, size_t size, lobass_error *error)
{
    for (unsigned i = 0; lb_lora_target_name(i) != NULL; i++)
    {
        const char *known = lb_lora_target_name(i);
        if (strlen(known) == size && memcmp(known, name, size) == 0)
        {
            *bit = 1U << i;
            return LOBASS_OK;
        }
    }
    return lb_fail(error, LOBASS_BAD_ARGUMENT,
                   "lora_targets: expected " ALL_LINEAR
                   " or some of q_proj, k_proj, v_proj, o_proj, gate_proj, "
                   "up_proj, down_proj with commas between, found \"%.*s\"",
                   size < 100 ? (int)size : 100, name);
}

lobass_status lb_lora_targets_parse(uint32_t *targets, const char *text, lobass_error *error)
{
    uint32_t found = 0;
    if (strcmp(text, ALL_LINEAR) == 0)
    {
        *targets = LB_LORA_ALL_LINEAR;
        return LOBASS_OK;
    }
    for (const char *name = text;; name++)
    {
        const size_t size = strcspn(name, ",");
        uint32_t bit = 0;
        LB_TRY(name_find(&bit, name, size, error));
        found |= bit;
        name += size;
        if (*name == '\0')
        {
            break;
        }
    }
    *targets = found;
    return LOBASS_OK;
}

lobass_status lb_lora_targets_print(char **text, uint32_t targets, lobass_error *error)
{
    lb_buffer buffer = {0};
    *text = NULL;
    if (targets == LB_LORA_ALL_LINEAR)
    {
        *text = lb_copy_text(ALL_LINEAR, sizeof ALL_LINEAR - 1, error);
        return *text == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    }
    for (unsigned i = 0; lb_lora_target_name(i) != NULL; i++)
    {
        const char *comma = buffer.size > 0 ? "," : "";
        const bool is_target = (targets & 1U << i) != 0;
        if (is_target &&
            lb_buffer_print(&buffer, error, "%s%s", comma, lb_lora_target_name(i)) != LOBASS_OK)
        {
            lb_buffer_free(&buffer);
            return LOBASS_OUT_OF_MEMORY;
        }
    }
    *text = buffer.data;
    return LOBASS_OK;
}

lobass_status lobass_lora_options_resolve(lobass_lora_options *options, lobass_error *error)
{
    uint32_t targets = 0;
    if (options->rank == 0)
    {
        return LOBASS_OK;
    }
    options->targets = options->targets != NULL ? options->targets : ALL_LINEAR;
    options->alpha = options->alpha != 0 ? options->alpha : 2.0 * (double)options->rank;
    LB_TRY(lb_lora_targets_parse(&targets, options->targets, error));
    if (options->rank > MOST_RANK)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "lora_rank: expected 0 to %d, found %u",
                       MOST_RANK, (unsigned)options->rank);
    }
    if (!(options->alpha > 0 && options->alpha <= MOST_ALPHA))
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "lora_alpha: expected a number from 0 to %g, found %g", MOST_ALPHA,
                       options->alpha);
    }
    if (options->dropout != 0)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "lora_dropout: %g is not supported; expected 0: no dropout",
                       options->dropout);
    }
    return LOBASS_OK;
}

lobass_status lb_lora_settings_make(lb_lora_settings *settings, const lobass_lora_options *options,
                                    lobass_error *error)
{
    lobass_lora_options resolved = *options;
    LB_TRY(lobass_lora_options_resolve(&resolved, error));
    *settings = (lb_lora_settings){.rank = resolved.rank, .alpha = resolved.alpha};
    return resolved.rank == 0 ? LOBASS_OK
                              : lb_lora_targets_parse(&settings->targets, resolved.targets, error);
}

/* ---- measured with one ------------------------------------------------------------------------
 */

lobass_status lb_adapter_look(bool *is_there, const char *folder, lobass_error *error)
{
    char *path = lb_path_join(folder, "adapter_config.json", error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    *is_there = lb_path_look(path) != LB_PATH_MISSING;
    free(path);
    return LOBASS_OK;
}

static lobass_status mix(lb_hash *weights, const char *folder, lobass_error *error)
{
    lb_hash parts[2] = {*weights};
    LB_TRY(lb_lora_fingerprint(&parts[1], folder, error));
    *weights = lb_hash_bytes(parts, sizeof parts, 0);
    return LOBASS_OK;
}

lobass_status lb_adapter_fingerprint(lb_hash *hash, const char *base, const char *folder,
                                     lobass_error *error)
{
    lobass_tokenizer *tokenizer = NULL;
    LB_TRY(lb_model_fingerprint(hash, base, error));
    LB_TRY(mix(hash, folder, error));
    LB_TRY(lobass_tokenizer_load(&tokenizer, base, error));
    *hash = lb_fingerprint_combine(*hash, tokenizer);
    lobass_tokenizer_free(tokenizer);
    return LOBASS_OK;
}

lobass_status lb_adapter_identify(char **path, lb_hash *weights, lb_store *store,
                                  const char *folder, const lb_config *config, lobass_error *error)
{
    LB_TRY(mix(weights, folder, error));
    *path = realpath(folder, NULL);
    return *path == NULL ? lb_fail_errno(error, folder, "resolve")
                         : lb_adapter_check(store, folder, config, error);
}

lobass_status lb_adapter_check(lb_store *store, const char *folder, const lb_config *config,
                               lobass_error *error)
{
    lobass_tokenizer *tokenizer = NULL;
    bool has_tokenizer = false;
    LB_TRY(lb_tokenizer_look(&has_tokenizer, folder, error));
    if (!has_tokenizer)
    {
        return LOBASS_OK;
    }
    LB_TRY(lobass_tokenizer_load(&tokenizer, folder, error));
    const lobass_status status = lb_run_check_model(store, folder, tokenizer, config, error);
    lobass_tokenizer_free(tokenizer);
    return status;
}
