/* SPDX-License-Identifier: Apache-2.0
 *
 * Results as people and scripts see them, the same for every command that has them: counts of
 * statuses, what was selected and why, what a training used.
 */
#ifndef CLI_RESULT_H
#define CLI_RESULT_H

#include "json_out.h"
#include "options.h"

/* A table that adds up: one line a status that occurs, then the sum. */
void cli_statuses_print(const uint64_t statuses[LOBASS_ROW_STATUS_COUNT], uint64_t n_records);
/* "records" and "statuses". */
/* What is to be known of rows, of how many each. */
void cli_notes_print(const uint64_t notes[LOBASS_NOTE_COUNT]);
void cli_notes_json(lb_json_writer *json, const uint64_t notes[LOBASS_NOTE_COUNT]);
void cli_statuses_json(lb_json_writer *json, const uint64_t statuses[LOBASS_ROW_STATUS_COUNT],
                       uint64_t n_records);

/* A line about fields of records that nothing reads, where there are any; as the member
 * "ignored". */
void cli_ignored_print(const lobass_ignored *ignored);
void cli_ignored_json(lb_json_writer *json, const lobass_ignored *ignored);

void cli_selection_print(const lobass_select_options *options, const lobass_select_result *result);
/* "sources" and, where there are any, "strata". */
void cli_sources_json(lb_json_writer *json, const lobass_select_result *result);
/* "selected", "selected_tokens_scored", "score", "direction", "cut", "seed", "output". */
void cli_selection_json(lb_json_writer *json, const lobass_select_options *options,
                        const lobass_select_result *result);
/* "seed", as text: the largest seeds do not survive most readers of JSON as numbers. */
void cli_seed_json(lb_json_writer *json, uint64_t seed);

/* What a training used, as the member "recipe". */
void cli_recipe_json(lb_json_writer *json, const lobass_train_options *options);

/* A label of fixed width, then a path or text made harmless. */
void cli_field_print(const char *label, const char *text);
/* The words of a command line, quoted for a shell. Yours: free(); NULL when out of memory. */
char *cli_command_line(int argc, char **argv);

#endif
