/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes what the base model is told of the facts while it is pretrained: records of one to three
 * questions and their answers, every fact in every wording, N_ROUNDS times. Deterministic.
 *
 *   demo_facts FOLDER      makes FOLDER/facts.jsonl
 */
#include "demo_text.h"
#include "facts.h"

#include <stdlib.h>

#define SEED 1728
#define N_ROUNDS 45
#define N_ASKED_MOST 3
#define N_FACTS_MOST 1024

typedef struct asked
{
    const demo_relation *relation;
    const demo_pair *pair;
    size_t form;
} asked;

/* Every fact in every wording, shuffled. */
static size_t round_fill(asked *list, uint64_t *random)
{
    size_t count = 0;
    for (size_t r = 0; r < demo_n_relations; ++r)
    {
        for (size_t p = 0; p < demo_relations[r].n_pairs; ++p)
        {
            for (size_t form = 0; form < N_QUESTION_FORMS; ++form)
            {
                list[count++] = (asked){&demo_relations[r], &demo_relations[r].pairs[p], form};
            }
        }
    }
    for (size_t i = count; i > 1; --i)
    {
        const size_t j = demo_random_below(random, i);
        const asked moved = list[i - 1];
        list[i - 1] = list[j];
        list[j] = moved;
    }
    return count;
}

static void record_write(FILE *file, const asked *list, size_t count)
{
    demo_text prompt = {0};
    demo_text completion = {0};
    for (size_t i = 0; i < count; ++i)
    {
        demo_print(&prompt, "%s", i == 0 ? "" : " ");
        demo_print_form(&prompt, list[i].relation->questions[list[i].form], list[i].pair->subject,
                        NULL);
        demo_print(&completion, "%s", i == 0 ? "" : " ");
        demo_print_form(&completion, list[i].relation->answer, list[i].pair->subject,
                        list[i].pair->value);
    }
    (void)fputs("{\"prompt\": ", file);
    demo_json_write(file, prompt.data);
    (void)fputs(", \"completion\": ", file);
    demo_json_write(file, completion.data);
    (void)fputs("}\n", file);
}

int main(int argc, char **argv)
{
    static asked list[N_FACTS_MOST * N_QUESTION_FORMS];
    uint64_t random = SEED;
    if (argc != 2)
    {
        (void)fprintf(stderr, "usage: demo_facts FOLDER\n");
        return 2;
    }
    FILE *file = demo_file_open(argv[1], "facts.jsonl");
    for (size_t round = 0; round < N_ROUNDS; ++round)
    {
        const size_t count = round_fill(list, &random);
        for (size_t i = 0; i < count;)
        {
            const size_t wanted = 1 + demo_random_below(&random, N_ASKED_MOST);
            const size_t n_asked = wanted < count - i ? wanted : count - i;
            record_write(file, list + i, n_asked);
            i += n_asked;
        }
    }
    demo_file_close(file, "facts.jsonl");
    return EXIT_SUCCESS;
}
