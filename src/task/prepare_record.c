/* SPDX-License-Identifier: Apache-2.0
 *
 * What a prepare records before its first row, and what a later call must agree with: tokenizer,
 * options, the model's vocabulary and end token, and the list of data files.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "task/preparer.h"

lobass_status lb_prepare_model_read(lb_preparer *p, lobass_error *error)
{
    LB_TRY(lb_config_load(&p->config, p->options->model, error));
    LB_TRY(lobass_tokenizer_load(&p->tokenizer, p->options->model, error));
    lb_hash_text(lb_tokenizer_hash(p->tokenizer), p->tokenizer_hash);
    p->format = p->options->format;
    const lb_format_model model = {p->options->model, p->tokenizer, &p->config};
    LB_TRY(lb_format_options_resolve(&p->format, &p->chat, &model, p->observer, error));
    return lb_format_options_to_json(&p->format_json, &p->format, error);
}

static lobass_status compare_sources(const lb_preparer *p, const lb_store_source *stored,
                                     size_t n_stored, lobass_error *error)
{
    const size_t n_data = p->options->n_data;
    for (size_t i = 0; i < n_stored || i < n_data; i++)
    {
        const char *before = i < n_stored ? stored[i].path : "nothing";
        const char *now = i < n_data ? p->sources[i].path : "nothing";
        if (strcmp(before, now) != 0)
        {
            return lb_fail(error, LOBASS_CONFLICT,
                           "%s: prepared with \"%s\" as data file %zu, now \"%s\"; expected the "
                           "same files; overwrite it (-f) or use another folder",
                           p->options->run, before, i + 1, now);
        }
    }
    return LOBASS_OK;
}

/* What the model says beside its tokenizer must be what the rows were made with. */
static lobass_status compare_number(const lb_preparer *p, const char *fact, int64_t now,
                                    lobass_error *error)
{
    char *recorded = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_fact_load(&recorded, p->store, fact, error));
    if (recorded != NULL && strtoll(recorded, NULL, 10) != now)
    {
        status = lb_fail(error, LOBASS_CONFLICT,
                         "%s: prepared for a model with \"%s\": %s, that of %s is %" PRId64
                         "; overwrite it (-f) or use another folder",
                         p->options->run, fact, recorded, p->options->model, now);
    }
    free(recorded);
    return status;
}

/* RECORDED is kept, be it in the form of an earlier version: the tokenisation hash begins with it.
 */
static lobass_status compare_tokenizer(lb_preparer *p, const char *recorded, lobass_error *error)
{
    LB_TRY(
        lb_run_check_tokenizer(p->options->run, recorded, p->options->model, p->tokenizer, error));
    if (strcmp(recorded, p->tokenizer_hash) != 0 && !lb_tokenizer_keeps_prefix(p->tokenizer))
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: prepared by an earlier version, which decided otherwise whether the "
                       "tokenizer of %s puts BOS before a text; overwrite it (-f) or use another "
                       "folder",
                       p->options->run, p->options->model);
    }
    (void)snprintf(p->tokenizer_hash, sizeof p->tokenizer_hash, "%s", recorded);
    return LOBASS_OK;
}

/* The chat template that was recorded stands, whatever is in the model's folder by now. */
static lobass_status chat_keep(lb_preparer *p, const char *recorded_json, lobass_error *error)
{
    lobass_format_options recorded;
    char *chat = NULL;
    bool is_changed = false;
    LB_TRY(lb_format_options_from_json(&recorded, &chat, recorded_json, p->options->run, error));
    lobass_status status = LOBASS_OK;
    if (p->chat != NULL && chat != NULL)
    {
        LB_TRY_GOTO(lb_chat_template_keep(&p->chat, chat, &p->options->format, &is_changed, error));
        p->format.chat = p->chat;
        free(p->format_json);
        p->format_json = NULL;
        LB_TRY_GOTO(lb_format_options_to_json(&p->format_json, &p->format, error));
    }
    if (is_changed)
    {
        lb_observer_log(p->observer, LOBASS_LOG_WARNING,
                        "%s: the chat template of %s is another one by now; the run goes on with "
                        "the one that it began with",
                        p->options->run, p->options->model);
    }
done:
    free(chat);
    return status;
}

lobass_status lb_prepare_compare(lb_preparer *p, bool *has_begun, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    char *options = NULL;
    char *tokenizer = NULL;
    lb_store_source *sources = NULL;
    size_t n_sources = 0;
    LB_TRY_GOTO(lb_store_fact_load(&options, p->store, LB_FACT_OPTIONS, error));
    LB_TRY_GOTO(lb_store_fact_load(&tokenizer, p->store, LB_FACT_TOKENIZER_HASH, error));
    *has_begun = options != NULL && tokenizer != NULL;
    if (!*has_begun)
    {
        goto done;
    }
    LB_TRY_GOTO(chat_keep(p, options, error));
    LB_TRY_GOTO(lb_options_compare(options, p->format_json, p->options->run, error));
    LB_TRY_GOTO(compare_tokenizer(p, tokenizer, error));
    LB_TRY_GOTO(compare_number(p, LB_FACT_VOCABULARY, (int64_t)p->config.n_vocabulary, error));
    LB_TRY_GOTO(compare_number(p, LB_FACT_EOS, lb_end_token(p->tokenizer, &p->config), error));
    LB_TRY_GOTO(lb_store_sources_load(&sources, &n_sources, p->store, error));
    LB_TRY_GOTO(compare_sources(p, sources, n_sources, error));
    for (size_t i = 0; i < n_sources; i++)
    {
        p->sources[i].n_records = sources[i].n_records;
        p->sources[i].is_complete = sources[i].is_complete;
    }
done:
    lb_store_sources_free(sources, n_sources);
    free(options);
    free(tokenizer);
    return status;
}

lobass_status lb_prepare_record(const lb_preparer *p, lobass_error *error)
{
    char vocabulary[32];
    char eos[32];
    char *model = NULL;
    LB_TRY(lb_path_resolve(&model, p->options->model, true, error));
    (void)snprintf(vocabulary, sizeof vocabulary, "%zu", p->config.n_vocabulary);
    (void)snprintf(eos, sizeof eos, "%" PRId32, lb_end_token(p->tokenizer, &p->config));
    const char *const facts[][2] = {
        {LB_FACT_VERSION, lobass_version()},
        {LB_FACT_MODEL, model != NULL ? model : p->options->model},
        {LB_FACT_OPTIONS, p->format_json},
        {LB_FACT_TOKENIZER_HASH, p->tokenizer_hash},
        {LB_FACT_VOCABULARY, vocabulary},
        {LB_FACT_EOS, eos},
    };
    lobass_status status = lb_store_begin(p->store, error);
    for (size_t i = 0; i < sizeof facts / sizeof *facts && status == LOBASS_OK; i++)
    {
        status = lb_store_fact_save(p->store, facts[i][0], facts[i][1], error);
    }
    for (size_t i = 0; i < p->options->n_data && status == LOBASS_OK; i++)
    {
        status = lb_store_source_save(p->store, (uint32_t)i, &p->sources[i], error);
    }
    free(model);
    if (status != LOBASS_OK)
    {
        lb_store_rollback(p->store);
        return status;
    }
    return lb_store_commit(p->store, error);
}
