/* SPDX-License-Identifier: Apache-2.0
 *
 * See prompts.h. A prompt must have a token to go on from, and leave a position for one that
 * follows.
 */
#include "task/prompts.h"

#include <inttypes.h>
#include <stdlib.h>

lobass_status lb_prompts_open(lb_prompts *prompts, const lobass_generate_options *options,
                              const lobass_tokenizer *tokenizer, const lb_config *config,
                              const lobass_observer *observer, lobass_error *error)
{
    prompts->options = options;
    prompts->longest = config->max_length;
    if (options->prompt == NULL || options->template_name != NULL)
    {
        const lb_format_model model = {options->model, tokenizer, config};
        char *chat = NULL;
        lobass_format_options format = lobass_format_options_default();
        format.template_name = options->template_name;
        format.max_length = (uint32_t)config->max_length;
        format.eos = LOBASS_EOS_SKIP; /* nothing is learned here */
        format.template_variables = options->template_variables;
        format.n_template_variables = options->n_template_variables;
        format.template_date = options->template_date;
        format.chat = options->chat;
        lobass_status status = lb_format_options_resolve(&format, &chat, &model, observer, error);
        status = status == LOBASS_OK ? lb_template_open(&prompts->chosen, &format, error) : status;
        free(chat);
        LB_TRY(status);
    }
    prompts->options = options;
    prompts->longest = config->max_length;
    LB_TRY(lb_prompter_create(&prompts->prompter, tokenizer, prompts->chosen,
                              lb_end_token(tokenizer, config), config->n_vocabulary, error));
    return lb_prompter_map(prompts->prompter, options->fields, error);
}

void lb_prompts_close(lb_prompts *prompts)
{
    lb_record_reader_close(prompts->reader);
    lb_prompter_free(prompts->prompter);
    lb_template_close(prompts->chosen);
    *prompts = (lb_prompts){0};
}

static lobass_status record_next(lb_prompts *prompts, lb_record *record, bool *has_record,
                                 lobass_error *error)
{
    const lobass_generate_options *options = prompts->options;
    *has_record = false;
    while (!*has_record && prompts->source < options->n_data)
    {
        const char *path = options->data[prompts->source];
        if (prompts->reader == NULL)
        {
            LB_TRY(lb_record_reader_open(&prompts->reader, path, error));
        }
        LB_TRY(lb_record_reader_next(prompts->reader, record, has_record, error));
        if (!*has_record)
        {
            lb_record_reader_close(prompts->reader);
            prompts->reader = NULL;
            prompts->source++;
        }
        else if (record->is_text)
        {
            return lb_fail(error, LOBASS_UNSUPPORTED,
                           "%s: plain text has no prompts in it; expected records, such as lines "
                           "of {\"text\": \"...\"}",
                           path);
        }
    }
    return LOBASS_OK;
}

static void check_length(lb_prompts *prompts, lb_prompt *prompt)
{
    if (prompt->n_ids == 0)
    {
        prompt->reason = "the prompt is empty and the tokenizer puts no token before a text: there "
                         "is nothing to go on from";
    }
    else if (prompt->n_ids >= prompts->longest)
    {
        (void)snprintf(prompts->reason, sizeof prompts->reason,
                       "the prompt has %zu tokens, expected at most %zu: the model has %zu "
                       "positions, and one is for what follows",
                       prompt->n_ids, prompts->longest - 1, prompts->longest);
        prompt->reason = prompts->reason;
    }
}

lobass_status lb_prompts_next(lb_prompts *prompts, lb_prompt *prompt, bool *has_prompt,
                              lobass_error *error)
{
    const lobass_generate_options *options = prompts->options;
    if (options->prompt != NULL)
    {
        *has_prompt = prompts->n_read == 0;
        LB_TRY(*has_prompt ? lb_prompter_text(prompts->prompter, prompt, options->prompt,
                                              options->prompt_size, error)
                           : LOBASS_OK);
    }
    else
    {
        lb_record record = {0};
        LB_TRY(record_next(prompts, &record, has_prompt, error));
        prompts->record = record.index;
        LB_TRY(*has_prompt ? lb_prompter_record(prompts->prompter, prompt, &record, error)
                           : LOBASS_OK);
    }
    if (!*has_prompt)
    {
        return LOBASS_OK;
    }
    prompts->n_read++;
    if (prompt->reason == NULL)
    {
        check_length(prompts, prompt);
    }
    return LOBASS_OK;
}
