/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model folder is: its shapes, the size of its weights, and one fingerprint over weights,
 * configuration and tokenizer. Also whether a model fits a run: one whose tokenizer differs
 * (run_tokenizer.c), whose vocabulary does not cover the run's ids, or which has fewer positions
 * than the run's longest row, is refused here.
 */
#include "run/run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- fingerprints -----------------------------------------------------------------------------
 */

lb_hash lb_fingerprint_combine(lb_hash model, const lobass_tokenizer *tokenizer)
{
    const lb_hash text =
        tokenizer != NULL ? lb_tokenizer_file_hash(tokenizer) : (lb_hash){.high = 0, .low = 0};
    char parts[2 * LB_HASH_TEXT_SIZE];
    lb_hash_text(model, parts);
    lb_hash_text(text, parts + LB_HASH_TEXT_SIZE);
    return lb_hash_bytes(parts, sizeof parts, 0);
}

lobass_status lb_fingerprint_compute(lb_hash *hash, const char *folder, lobass_error *error)
{
    lobass_tokenizer *tokenizer = NULL;
    lb_hash model;
    LB_TRY(lb_model_fingerprint(&model, folder, error));
    bool has_tokenizer = false;
    LB_TRY(lb_tokenizer_look(&has_tokenizer, folder, error));
    if (has_tokenizer)
    {
        LB_TRY(lobass_tokenizer_load(&tokenizer, folder, error));
    }
    *hash = lb_fingerprint_combine(model, tokenizer);
    lobass_tokenizer_free(tokenizer);
    return LOBASS_OK;
}

/* ---- describing -------------------------------------------------------------------------------
 */

static const char *scaling_name(lb_rope_scaling scaling)
{
    static const char *const names[] = {
        [LB_ROPE_NONE] = "none", [LB_ROPE_LINEAR] = "linear", [LB_ROPE_LLAMA3] = "llama3"};
    return names[scaling];
}

lobass_status lobass_model_describe(const char *folder, lobass_model_info *info,
                                    lobass_error *error)
{
    lb_config config;
    lb_hash fingerprint;
    memset(info, 0, sizeof *info);
    LB_TRY(lb_config_load(&config, folder, error));
    LB_TRY(lb_weights_describe(info, folder, &config, error));
    LB_TRY(lb_fingerprint_compute(&fingerprint, folder, error));
    (void)snprintf(info->architecture, sizeof info->architecture, "%s",
                   lb_config_architecture(&config));
    (void)snprintf(info->rope_scaling, sizeof info->rope_scaling, "%s",
                   scaling_name(config.rope_scaling));
    lb_hash_text(fingerprint, info->fingerprint);
    info->n_layers = (uint32_t)config.n_layers;
    info->d_model = (uint32_t)config.d_model;
    info->d_ffn = (uint32_t)config.d_ffn;
    info->n_heads = (uint32_t)config.n_heads;
    info->n_kv_heads = (uint32_t)config.n_kv_heads;
    info->head_size = (uint32_t)config.head_size;
    info->n_vocabulary = (uint32_t)config.n_vocabulary;
    info->max_length = (uint32_t)config.max_length;
    info->has_tied_head = config.has_tied_head;
    info->rope_theta = config.rope_theta;
    return LOBASS_OK;
}

/* ---- does a model fit a run? ------------------------------------------------------------------
 */

static lobass_status fact_expect(char **value, lb_store *store, const char *name,
                                 lobass_error *error)
{
    LB_TRY(lb_store_fact_load(value, store, name, error));
    if (*value == NULL)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "%s: not prepared to its end (no \"%s\"); run the same `prepare` again",
                       lb_store_path(store), name);
    }
    return LOBASS_OK;
}

static lobass_status check_vocabulary(lb_store *store, const char *folder, const lb_config *config,
                                      const char *highest, lobass_error *error)
{
    const int64_t highest_id = strtoll(highest, NULL, 10);
    if (highest_id >= 0 && (uint64_t)highest_id >= config->n_vocabulary)
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: a vocabulary of %zu tokens, but %s has rows with token %" PRId64,
                       folder, config->n_vocabulary, lb_store_path(store), highest_id);
    }
    return LOBASS_OK;
}

/* Only rows with something to score are ever computed. */
static lobass_status check_length(lb_store *store, const char *folder, const lb_config *config,
                                  lobass_error *error)
{
    lb_row_summary *summaries = NULL;
    size_t n_rows = 0;
    uint32_t n_longest = 0;
    LB_TRY(lb_store_summaries_load(&summaries, &n_rows, store, error));
    for (size_t i = 0; i < n_rows; i++)
    {
        const bool is_longer = summaries[i].n_scored > 0 && summaries[i].n_tokens > n_longest;
        n_longest = is_longer ? summaries[i].n_tokens : n_longest;
    }
    free(summaries);
    uint32_t window_length = 0;
    LB_TRY(lb_window_length_load(&window_length, store, error));
    n_longest = n_longest > window_length ? window_length : n_longest;
    if (n_longest > config->max_length)
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: the run's longest row has %" PRIu32
                       " tokens, %s takes %zu; prepare a run with a smaller max_length",
                       lb_store_path(store), n_longest, folder, config->max_length);
    }
    return LOBASS_OK;
}

lobass_status lb_run_check_model(lb_store *store, const char *folder,
                                 const lobass_tokenizer *tokenizer, const lb_config *config,
                                 lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    char *tokenization = NULL;
    char *expected = NULL;
    char *highest = NULL;
    LB_TRY_GOTO(fact_expect(&tokenization, store, LB_FACT_TOKENIZATION, error));
    LB_TRY_GOTO(fact_expect(&expected, store, LB_FACT_TOKENIZER_HASH, error));
    LB_TRY_GOTO(fact_expect(&highest, store, LB_FACT_HIGHEST_ID, error));
    LB_TRY_GOTO(lb_run_check_tokenizer(lb_store_path(store), expected, folder, tokenizer, error));
    LB_TRY_GOTO(check_vocabulary(store, folder, config, highest, error));
    status = check_length(store, folder, config, error);
done:
    free(tokenization);
    free(expected);
    free(highest);
    return status;
}
