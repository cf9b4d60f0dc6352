/* SPDX-License-Identifier: Apache-2.0
 *
 * The prompts of a lobass_generate() one after the other: the one in the options, or the records of
 * its data.
 */
#ifndef LB_TASK_PROMPTS_H
#define LB_TASK_PROMPTS_H

#include "task/task.h"

typedef struct lb_prompts
{
    const lobass_generate_options *options;
    lb_template *chosen; /* NULL: texts as they stand */
    lb_prompter *prompter;
    lb_record_reader *reader; /* of data[source], or NULL */
    size_t source;
    uint64_t record; /* of the source, from 0: the last one that was read */
    uint64_t n_read;
    size_t longest; /* tokens that the model has positions for */
    char reason[LOBASS_ERROR_SIZE];
} lb_prompts;

/* {0} can be closed. */
lobass_status lb_prompts_open(lb_prompts *prompts, const lobass_generate_options *options,
                              const lobass_tokenizer *tokenizer, const lb_config *config,
                              const lobass_observer *observer, lobass_error *error);
void lb_prompts_close(lb_prompts *prompts);
/* *HAS_PROMPT false: there are no more. Pointers of PROMPT live until the next call. */
lobass_status lb_prompts_next(lb_prompts *prompts, lb_prompt *prompt, bool *has_prompt,
                              lobass_error *error);

#endif
