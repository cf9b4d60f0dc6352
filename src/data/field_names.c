/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of a record's fields, as people have them, in the order in which they are preferred:
 *
 *   Alpaca             instruction, input, output        TRL         prompt, completion
 *   Dolly              instruction, context, response    OpenOrca    system_prompt, question,
 * response question/context/answer (SQuAD, text-to-SQL)         MetaMath    query, response OpenAI,
 * Tulu, no_robots, UltraChat-200k              messages (prompt beside them) ShareGPT, OpenHermes,
 * Magpie                         conversations (system_prompt; instruction, response) Capybara
 * conversation                      UltraChat   data NuminaMath         problem, solution, messages
 * Aya, FLAN   inputs, targets
 *
 * What is refused: what a trainer other than ours would learn from in another way. It is refused
 * where it says something; `--fields ignore=NAME` passes over it.
 */
#include <string.h>

#include "data/fields.h"

#define PREFERENCE                                                                             \
    "one side of a preference, which trainers of preferences take (DPO, ORPO, reward models: " \
    "TRL, axolotl, LLaMA-Factory); to learn from one side, name it: --fields "                 \
    "prompt=NAME,response=NAME, or messages=NAME"
#define LABEL                                                                                 \
    "a verdict on the response (KTO), which trainers of preferences take (TRL's KTOTrainer, " \
    "axolotl, LLaMA-Factory)"
#define TOKENS "tokens or masks made elsewhere; lobass makes its own, from texts"
#define MEDIA "not text, and only text is supported"
#define SPANS "which parts of a turn are learned; only whole turns are supported"
#define BESIDE "part of what is asked: name it a context"
#define VARIABLE "a variable of the chat template: give it as --template-var"

static const lb_field_name names[] = {
    {"conversations", LB_FIELD_MESSAGES, NULL, NULL},
    {"messages", LB_FIELD_MESSAGES, NULL, NULL},
    {"conversation", LB_FIELD_MESSAGES, NULL, NULL},
    {"dialogue", LB_FIELD_MESSAGES, NULL, NULL},
    {"dialog", LB_FIELD_MESSAGES, NULL, NULL},
    {"data", LB_FIELD_MESSAGES, NULL, NULL},
    {"instruction", LB_FIELD_PROMPT, "output", NULL},
    {"prompt", LB_FIELD_PROMPT, "completion", NULL},
    {"question", LB_FIELD_PROMPT, "answer", NULL},
    {"query", LB_FIELD_PROMPT, "response", NULL},
    {"problem", LB_FIELD_PROMPT, "solution", NULL},
    {"inputs", LB_FIELD_PROMPT, "targets", NULL},
    {"user", LB_FIELD_PROMPT, "assistant", NULL},
    {"human", LB_FIELD_PROMPT, "assistant", NULL},
    {"input", LB_FIELD_INPUT, "output", NULL},
    {"output", LB_FIELD_RESPONSE, NULL, NULL},
    {"completion", LB_FIELD_RESPONSE, NULL, NULL},
    {"response", LB_FIELD_RESPONSE, NULL, NULL},
    {"answer", LB_FIELD_RESPONSE, NULL, NULL},
    {"solution", LB_FIELD_RESPONSE, NULL, NULL},
    {"targets", LB_FIELD_RESPONSE, NULL, NULL},
    {"assistant", LB_FIELD_RESPONSE, NULL, NULL},
    {"context", LB_FIELD_CONTEXT, NULL, NULL},
    {"passage", LB_FIELD_CONTEXT, NULL, NULL},
    {"article", LB_FIELD_CONTEXT, NULL, NULL},
    {"background", LB_FIELD_CONTEXT, NULL, NULL},
    {"system", LB_FIELD_SYSTEM, NULL, NULL},
    {"system_prompt", LB_FIELD_SYSTEM, NULL, NULL},
    {"system_message", LB_FIELD_SYSTEM, NULL, NULL},
    {"system_instruction", LB_FIELD_SYSTEM, NULL, NULL},
    {"history", LB_FIELD_HISTORY, NULL, NULL},
    {"reasoning_content", LB_FIELD_REASONING, NULL, NULL},
    {"reasoning", LB_FIELD_REASONING, NULL, NULL},
    {"thinking", LB_FIELD_REASONING, NULL, NULL},
    {"thought", LB_FIELD_REASONING, NULL, NULL},
    {"rationale", LB_FIELD_REASONING, NULL, NULL},
    {"chain_of_thought", LB_FIELD_REASONING, NULL, NULL},
    {"complex_cot", LB_FIELD_REASONING, NULL, NULL},
    {"cot", LB_FIELD_REASONING, NULL, NULL},
    {"tools", LB_FIELD_TOOLS, NULL, NULL},
    {"documents", LB_FIELD_DOCUMENTS, NULL, NULL},
    {"chat_template_kwargs", LB_FIELD_VARIABLES, NULL, NULL},
    {"text", LB_FIELD_TEXT, NULL, NULL},
    {"chosen", LB_FIELD_REFUSED, NULL, PREFERENCE},
    {"rejected", LB_FIELD_REFUSED, NULL, PREFERENCE},
    {"chosen_response", LB_FIELD_REFUSED, NULL, PREFERENCE},
    {"rejected_response", LB_FIELD_REFUSED, NULL, PREFERENCE},
    {"rejected_messages", LB_FIELD_REFUSED, NULL, PREFERENCE},
    {"preferred", LB_FIELD_REFUSED, NULL, PREFERENCE},
    {"dispreferred", LB_FIELD_REFUSED, NULL, PREFERENCE},
    {"preferred_output", LB_FIELD_REFUSED, NULL, PREFERENCE},
    {"non_preferred_output", LB_FIELD_REFUSED, NULL, PREFERENCE},
    {"accepted", LB_FIELD_REFUSED, NULL, PREFERENCE},
    {"response_j", LB_FIELD_REFUSED, NULL, PREFERENCE},
    {"response_k", LB_FIELD_REFUSED, NULL, PREFERENCE},
    {"completions", LB_FIELD_REFUSED, NULL,
     "several answers to one prompt, as reward models are trained on"},
    {"responses", LB_FIELD_REFUSED, NULL, "several answers to one prompt; expected one"},
    {"label", LB_FIELD_REFUSED, NULL, LABEL},
    {"kto_tag", LB_FIELD_REFUSED, NULL, LABEL},
    {"labels", LB_FIELD_REFUSED, NULL, TOKENS},
    {"input_ids", LB_FIELD_REFUSED, NULL, TOKENS},
    {"token_ids", LB_FIELD_REFUSED, NULL, TOKENS},
    {"attention_mask", LB_FIELD_REFUSED, NULL, TOKENS},
    {"completion_mask", LB_FIELD_REFUSED, NULL, TOKENS},
    {"assistant_masks", LB_FIELD_REFUSED, NULL, TOKENS},
    {"segments", LB_FIELD_REFUSED, NULL, SPANS},
    {"spans", LB_FIELD_REFUSED, NULL, SPANS},
    {"train_detail", LB_FIELD_REFUSED, NULL, SPANS},
    {"training_detail", LB_FIELD_REFUSED, NULL, SPANS},
    {"image", LB_FIELD_REFUSED, NULL, MEDIA},
    {"images", LB_FIELD_REFUSED, NULL, MEDIA},
    {"video", LB_FIELD_REFUSED, NULL, MEDIA},
    {"videos", LB_FIELD_REFUSED, NULL, MEDIA},
    {"audio", LB_FIELD_REFUSED, NULL, MEDIA},
    {"audios", LB_FIELD_REFUSED, NULL, MEDIA},
    {"functions", LB_FIELD_REFUSED, NULL, "tools by an older name: --fields tools=functions"},
    {"choices", LB_FIELD_REFUSED, NULL, BESIDE},
    {"options", LB_FIELD_REFUSED, NULL, BESIDE},
    {"document", LB_FIELD_REFUSED, NULL, BESIDE},
    {"evidence", LB_FIELD_REFUSED, NULL, BESIDE},
    {"enable_thinking", LB_FIELD_REFUSED, NULL, VARIABLE},
    {"reasoning_effort", LB_FIELD_REFUSED, NULL, VARIABLE},
};

static const lb_field_name plain = {"", LB_FIELD_PLAIN, NULL, NULL};

bool lb_field_is_slowly(const char *key, const char *name)
{
    while (lb_field_letter(*key) == *name && *name != '\0')
    {
        key++;
        name++;
    }
    return lb_field_letter(*key) == *name;
}

const lb_field_name *lb_field_find(const char *key)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    {
        if (lb_field_is(key, names[i].name))
        {
            return &names[i];
        }
    }
    return &plain;
}

size_t lb_field_rank(const lb_field_name *name)
{
    return 1 + (name == &plain ? sizeof names / sizeof *names : (size_t)(name - names));
}

bool lb_field_is_empty(const lb_value *value)
{
    return value == NULL || lb_value_is(value, LB_VALUE_NULL) ||
           (lb_value_is(value, LB_VALUE_STRING) && value->size == 0) ||
           ((lb_value_is(value, LB_VALUE_ARRAY) || lb_value_is(value, LB_VALUE_OBJECT)) &&
            value->count == 0);
}
