/* SPDX-License-Identifier: Apache-2.0
 *
 * L4. What a run is: its folder and sources (folder.h), its steps' seconds and the counts of its
 * rows (facts.h), what a command may overwrite (overwrite.h), the options it records, the recipe
 * of a training, and which models and adapters fit it.
 */
#ifndef LB_RUN_H
#define LB_RUN_H

#include "data/data.h"
#include "model/model.h"
#include "run/facts.h"
#include "run/folder.h"
#include "run/overwrite.h"
#include "store/store.h"
#include "text/text.h"

/* ---- options that are recorded (format_options.c) ----------------------------------------------
 */

/* The format options as canonical JSON, and back; the text is yours: free(). is_strict is not part
 * of it: it changes no row. */
lobass_status lb_format_options_to_json(char **text, const lobass_format_options *options,
                                        lobass_error *error);
/* WHERE opens the messages. template_name is a static string; *CHAT, which options->chat points to
 * or which is NULL, is yours: free(). */
lobass_status lb_format_options_from_json(lobass_format_options *options, char **chat,
                                          const char *text, const char *where, lobass_error *error);
/* Those that the rows of STORE were made with; the defaults where there are none yet. */
lobass_status lb_format_options_load(lobass_format_options *options, char **chat, lb_store *store,
                                     lobass_error *error);
/* The most tokens that a window of STORE's rows has; UINT32_MAX where rows are never cut. */
lobass_status lb_window_length_load(uint32_t *length, lb_store *store, lobass_error *error);
/* A model as far as it decides how records become tokens. */
typedef struct lb_format_model
{
    const char *folder; /* where its chat template is */
    const lobass_tokenizer *tokenizer;
    const lb_config *config;
} lb_format_model;

/* Fills in what the model decides: the template where none was named, a chat template's text, and
 * max_length, cut at the model's limit. *CHAT as above. */
lobass_status lb_format_options_resolve(lobass_format_options *options, char **chat,
                                        const lb_format_model *model,
                                        const lobass_observer *observer, lobass_error *error);
/* What ends a response: the tokenizer's own end token, else the configuration's; -1: none. */
int32_t lb_end_token(const lobass_tokenizer *tokenizer, const lb_config *config);

/* What ends a text that a model writes, each once: eos_token of TOKENIZER, and every eos_token_id
 * of FOLDER's generation_config.json and config.json (stop_tokens.c). */
lobass_status lb_stop_tokens_load(lb_ids *ids, const lobass_tokenizer *tokenizer,
                                  const char *folder, lobass_error *error);

/* LOBASS_CONFLICT naming the first field in which the two objects differ, with both values:
 * "WHERE: made with "max_length": 512, now 256; ...". */
lobass_status lb_options_compare(const char *recorded, const char *wanted, const char *where,
                                 lobass_error *error);

/* ---- fields that nothing reads (ignored.c) ----------------------------------------------------
 */

/* One record more has the field NAME. */
void lb_ignored_add(lobass_ignored *ignored, const char *name);
/* In the caller's transaction; what was saved before is loaded, or none. */
lobass_status lb_ignored_save(const lobass_ignored *ignored, lb_store *store, lobass_error *error);
lobass_status lb_ignored_load(lobass_ignored *ignored, lb_store *store, lobass_error *error);
/* A note, where there are any. */
void lb_ignored_log(const lobass_ignored *ignored, const lobass_observer *observer);

/* ---- recipes (recipe.c) --------------------------------------------------------------------- */

/* The recipe of a training: epochs, batch size, rates, seed, dtype, adapter; neither paths, threads
 * nor format. DTYPE: what lb_compute_dtype_choose() made of it. The text is yours: free(). */
lobass_status lb_recipe_to_json(char **text, const lobass_train_options *options, lb_dtype dtype,
                                lobass_error *error);
/* And back; the rest of OPTIONS stays as it is. WHERE opens the messages. *TARGETS, which
 * options->lora.targets points to where there is an adapter, is yours: free(). */
lobass_status lb_recipe_from_json(lobass_train_options *options, char **targets, const char *text,
                                  const char *where, lobass_error *error);

/* Names of facts in a run's database. */
#define LB_FACT_VERSION "lobass"                 /* that began the run */
#define LB_FACT_MODEL "model"                    /* the folder it was prepared for */
#define LB_FACT_OPTIONS "options"                /* lb_format_options_to_json() */
#define LB_FACT_TOKENIZER_HASH "tokenizer_hash"  /* lb_tokenizer_hash(), 32 digits */
#define LB_FACT_VOCABULARY "n_vocabulary"        /* of the model it was prepared for */
#define LB_FACT_EOS "eos"                        /* the end token's id, -1: none */
#define LB_FACT_HIGHEST_ID "highest_id"          /* of all rows; once prepared */
#define LB_FACT_TOKENIZATION "tokenization_hash" /* of all rows; only once prepared */
#define LB_FACT_SOURCE_STATE "source.%u.state"   /* source_state.c; once it was read to its end */
#define LB_FACT_IGNORED "ignored"                /* lb_ignored_save(); where a field is ignored */
#define LB_FACT_NOTES "notes"                    /* of how many rows each is told, in order */
#define LB_FACT_SELECTION "selection"            /* options of the latest selection, JSON */
#define LB_FACT_REFERENCE_RECIPE "reference.recipe" /* lb_recipe_to_json() of RUN/reference */

/* ---- models (describe.c) ------------------------------------------------------------------- */

/* Weights, config and tokenizer (where there is one) in one hash. */
lobass_status lb_fingerprint_compute(lb_hash *hash, const char *folder, lobass_error *error);
/* The same from its parts; TOKENIZER may be NULL. */
lb_hash lb_fingerprint_combine(lb_hash model, const lobass_tokenizer *tokenizer);
/* LOBASS_CONFLICT where the tokenizer of FOLDER is not the run's or CONFIG's vocabulary does not
 * cover its ids, or its positions not the longest row; LOBASS_BAD_ARGUMENT where the run was not
 * prepared to its end. */
lobass_status lb_run_check_model(lb_store *store, const char *folder,
                                 const lobass_tokenizer *tokenizer, const lb_config *config,
                                 lobass_error *error);

/* ---- the run's tokenizer (run_tokenizer.c) ------------------------------------------------------
 */

/* LOBASS_CONFLICT, saying what differs, where the tokenizer of FOLDER is not the one whose hash RUN
 * RECORDED, be it in the form of an earlier version. */
lobass_status lb_run_check_tokenizer(const char *run, const char *recorded, const char *folder,
                                     const lobass_tokenizer *tokenizer, lobass_error *error);

/* ---- adapters (adapters.c) ----------------------------------------------------------------- */

/* The options, resolved, as the model takes them; rank 0: no adapter. */
lobass_status lb_lora_settings_make(lb_lora_settings *settings, const lobass_lora_options *options,
                                    lobass_error *error);
/* "q_proj,v_proj" or "all-linear" as bits; and back, yours: free(). */
lobass_status lb_lora_targets_parse(uint32_t *targets, const char *text, lobass_error *error);
lobass_status lb_lora_targets_print(char **text, uint32_t targets, lobass_error *error);
/* Whether FOLDER holds an adapter. */
lobass_status lb_adapter_look(bool *is_there, const char *folder, lobass_error *error);
/* What lb_fingerprint_compute() is for a model: of the model BASE with the adapter in FOLDER. */
lobass_status lb_adapter_fingerprint(lb_hash *hash, const char *base, const char *folder,
                                     lobass_error *error);
/* An adapter that brings a tokenizer must have been trained with that of the run in STORE. */
lobass_status lb_adapter_check(lb_store *store, const char *folder, const lb_config *config,
                               lobass_error *error);
/* Checks the adapter in FOLDER and mixes it into WEIGHTS, the hash of its base; *PATH, its whole
 * path, is yours: free(). */
lobass_status lb_adapter_identify(char **path, lb_hash *weights, lb_store *store,
                                  const char *folder, const lb_config *config, lobass_error *error);

/* ---- rows for training and measuring (options.c) -----------------------------------------------
 */

bool lb_row_status_is_selectable(lobass_row_status status); /* ok and truncated */

/* The compute dtype that an option means on this machine. LOBASS_UNSUPPORTED by name otherwise. */
lobass_status lb_compute_dtype_choose(lb_dtype *dtype, lobass_dtype wanted, lobass_error *error);

#endif
