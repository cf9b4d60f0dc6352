/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a fine-tuning set in which it is known what the base model can know, learn or not learn:
 *
 *   known      questions about facts (facts.c), as it was asked them while it was pretrained
 *   learnable  the same facts in a form that it has never seen: a card; with FORMS 2 or 3 some of
 *              them in a table, or by a clerk
 *   noise      such questions, answered with unrelated sentences or with words in disorder
 *   wrong      such questions, answered in the right form with a value of another subject, drawn
 *              anew each time
 *   hard       products of numbers, words backwards and words in a shifted alphabet, all correct
 *
 * Rows ask for one thing or several, kinds with short answers for more of them, so that lengths
 * overlap and the longest rows are of no use. The rows held out are drawn like those of the set,
 * but for prompts that the set has. The kind stands in a field of its own, which no record format
 * of lobass reads. Deterministic.
 *
 *   demo_data FOLDER [FORMS]      makes FOLDER/sft.jsonl, and FOLDER/heldout_KIND.jsonl of each
 * kind
 */
#include "demo_text.h"
#include "facts.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define SEED 2310
#define N_ASKED_MOST 5
#define N_KNOWN_MOST 3 /* as many as the base was asked at once */
#define N_LEARNABLE_MOST 3
#define N_NOISE_MOST 4
#define N_HARD_MOST 5
#define N_FORMS_MOST 3
#define N_HELD_OUT 100 /* of each kind */

/* What a row asks for. */
typedef struct asked
{
    const demo_relation *relation;
    const demo_pair *pair;
    size_t form;
} asked;

typedef struct row
{
    demo_text prompt, answer;
    const char *kind;
} row;

/* Where facts come from, and chance. */
typedef struct source
{
    uint64_t random;
    size_t n_forms; /* of the learnable kind */
} source;

static size_t below(source *s, size_t bound)
{
    return demo_random_below(&s->random, bound);
}

/* ---- questions about facts ---------------------------------------------------------------------
 */

static void fact_draw(asked *drawn, source *s)
{
    drawn->relation = &demo_relations[below(s, demo_n_relations)];
    drawn->pair = &drawn->relation->pairs[below(s, drawn->relation->n_pairs)];
    drawn->form = below(s, N_QUESTION_FORMS);
}

/* One to MOST different facts; how many. */
static size_t facts_draw(asked *drawn, source *s, size_t most)
{
    const size_t count = 1 + below(s, most);
    for (size_t i = 0; i < count;)
    {
        bool is_new = true;
        fact_draw(&drawn[i], s);
        for (size_t j = 0; j < i; ++j)
        {
            is_new = is_new && drawn[j].pair != drawn[i].pair;
        }
        i += is_new ? 1 : 0;
    }
    return count;
}

static void questions_print(demo_text *text, const asked *facts, size_t count)
{
    for (size_t i = 0; i < count; ++i)
    {
        demo_print(text, "%s", i == 0 ? "" : " ");
        demo_print_form(text, facts[i].relation->questions[facts[i].form], facts[i].pair->subject,
                        NULL);
    }
}

static void answers_print(demo_text *text, const asked *facts, size_t count)
{
    for (size_t i = 0; i < count; ++i)
    {
        demo_print(text, "%s", i == 0 ? "" : " ");
        demo_print_form(text, facts[i].relation->answer, facts[i].pair->subject,
                        facts[i].pair->value);
    }
}

/* "capital of France, plural of child" */
static void items_print(demo_text *text, const asked *facts, size_t count)
{
    for (size_t i = 0; i < count; ++i)
    {
        demo_print(text, "%s%s of %s", i == 0 ? "" : ", ", facts[i].relation->name,
                   facts[i].pair->subject);
    }
}

static void known_make(row *made, source *s)
{
    asked facts[N_ASKED_MOST];
    const size_t count = facts_draw(facts, s, N_KNOWN_MOST);
    questions_print(&made->prompt, facts, count);
    answers_print(&made->answer, facts, count);
}

/* ---- learnable: new forms ----------------------------------------------------------------------
 */

static void card_make(row *made, const asked *facts, size_t count)
{
    demo_print(&made->prompt, "Write a card: ");
    items_print(&made->prompt, facts, count);
    demo_print(&made->answer, "{");
    for (size_t i = 0; i < count; ++i)
    {
        demo_print(&made->answer, "%s\"%s of %s\": \"%s\"", i == 0 ? "" : ", ",
                   facts[i].relation->name, facts[i].pair->subject, facts[i].pair->value);
    }
    demo_print(&made->answer, "}");
}

static void table_make(row *made, const asked *facts, size_t count)
{
    demo_print(&made->prompt, "Fill in the table: ");
    items_print(&made->prompt, facts, count);
    for (size_t i = 0; i < count; ++i)
    {
        demo_print(&made->answer, "%s| %s | %s | %s |", i == 0 ? "" : "\n", facts[i].relation->name,
                   facts[i].pair->subject, facts[i].pair->value);
    }
}

static void clerk_make(row *made, const asked *facts, size_t count)
{
    demo_print(&made->prompt, "Answer as the clerk: ");
    questions_print(&made->prompt, facts, count);
    demo_print(&made->answer, "Good day. ");
    answers_print(&made->answer, facts, count);
    demo_print(&made->answer, " At your service.");
}

static void learnable_make(row *made, source *s)
{
    static void (*const forms[])(row *, const asked *, size_t) = {card_make, table_make,
                                                                  clerk_make};
    _Static_assert(LENGTH(forms) == N_FORMS_MOST, "as the usage says");
    asked facts[N_ASKED_MOST];
    const size_t count = facts_draw(facts, s, N_LEARNABLE_MOST);
    forms[below(s, s->n_forms)](made, facts, count);
}

/* ---- noise -------------------------------------------------------------------------------------
 */

static const char *const adjectives[] = {
    "old",    "quick",  "silent",  "bright", "narrow", "wooden", "heavy",   "empty",  "green",
    "broken", "warm",   "distant", "early",  "gentle", "hollow", "crooked", "velvet", "ancient",
    "secret", "frozen", "golden",  "humble", "idle",   "jolly",  "lonely",  "misty",  "noble"};
static const char *const nouns[] = {
    "river",   "bridge", "stone",   "window", "garden",  "tower",   "ship",    "letter", "candle",
    "forest",  "market", "wagon",   "mirror", "barrel",  "hill",    "lantern", "ribbon", "anchor",
    "blanket", "chapel", "drummer", "engine", "feather", "gallery", "harbour", "island", "jacket"};
static const char *const verbs[] = {"stands near", "falls behind",  "moves toward", "rests under",
                                    "waits above", "turns around",  "hides inside", "leans on",
                                    "calls to",    "walks through", "sings of",     "forgets"};

static void sentence_print(demo_text *text, source *s)
{
    demo_print(text, "The %s %s %s ", adjectives[below(s, LENGTH(adjectives))],
               nouns[below(s, LENGTH(nouns))], verbs[below(s, LENGTH(verbs))]);
    demo_print(text, "the %s %s.", adjectives[below(s, LENGTH(adjectives))],
               nouns[below(s, LENGTH(nouns))]);
}

/* The words of TEXT in another order, ended by a point. */
static void words_shuffle(demo_text *shuffled, const demo_text *text, source *s)
{
    char copy[DEMO_TEXT_SIZE];
    char *words[DEMO_TEXT_SIZE / 2];
    size_t count = 0;
    memcpy(copy, text->data, text->size + 1);
    for (char *word = strtok(copy, " ."); word != NULL; word = strtok(NULL, " ."))
    {
        words[count++] = word;
    }
    for (size_t left = count; left > 0; --left)
    {
        const size_t chosen = below(s, left);
        demo_print(shuffled, "%s%s", left == count ? "" : " ", words[chosen]);
        words[chosen] = words[left - 1];
    }
    demo_print(shuffled, ".");
}

static void noise_make(row *made, source *s)
{
    asked facts[N_ASKED_MOST];
    const size_t count = facts_draw(facts, s, N_NOISE_MOST);
    demo_text sentences = {0};
    questions_print(&made->prompt, facts, count);
    for (size_t i = 0; i < count; ++i)
    {
        demo_print(&sentences, "%s", i == 0 ? "" : " ");
        sentence_print(&sentences, s);
    }
    if (below(s, 2) == 0)
    {
        words_shuffle(&made->answer, &sentences, s);
    }
    else
    {
        made->answer = sentences;
    }
}

/* ---- wrong -------------------------------------------------------------------------------------
 */

static void wrong_make(row *made, source *s)
{
    asked facts[N_ASKED_MOST];
    demo_pair false_pairs[N_ASKED_MOST];
    const size_t count = facts_draw(facts, s, N_KNOWN_MOST);
    questions_print(&made->prompt, facts, count);
    for (size_t i = 0; i < count; ++i)
    {
        const demo_relation *relation = facts[i].relation;
        false_pairs[i] = *facts[i].pair;
        do
        {
            false_pairs[i].value = relation->pairs[below(s, relation->n_pairs)].value;
        } while (strcmp(false_pairs[i].value, facts[i].pair->value) == 0);
        facts[i].pair = &false_pairs[i];
    }
    answers_print(&made->answer, facts, count);
}

/* ---- hard --------------------------------------------------------------------------------------
 */

static const char *word_draw(source *s)
{
    return below(s, 2) == 0 ? nouns[below(s, LENGTH(nouns))]
                            : adjectives[below(s, LENGTH(adjectives))];
}

static void product_print(row *made, source *s)
{
    const unsigned long a = 1000 + below(s, 9000);
    const unsigned long b = 1000 + below(s, 9000);
    demo_print(&made->prompt, "What is %lu times %lu?", a, b);
    demo_print(&made->answer, "%lu", a * b);
}

static void backwards_print(row *made, source *s)
{
    const char *first = word_draw(s);
    const char *second = word_draw(s);
    demo_print(&made->prompt, "Write %s %s backwards.", first, second);
    for (size_t i = strlen(second); i > 0; --i)
    {
        demo_print(&made->answer, "%c", second[i - 1]);
    }
    demo_print(&made->answer, " ");
    for (size_t i = strlen(first); i > 0; --i)
    {
        demo_print(&made->answer, "%c", first[i - 1]);
    }
}

static void shifted_print(row *made, source *s)
{
    const char *word = word_draw(s);
    const size_t shift = 1 + below(s, 25);
    demo_print(&made->prompt, "Write %s with every letter moved by %zu.", word, shift);
    for (size_t i = 0; word[i] != '\0'; ++i)
    {
        demo_print(&made->answer, "%c", 'a' + (int)(((size_t)(word[i] - 'a') + shift) % 26));
    }
}

static void hard_make(row *made, source *s)
{
    static void (*const forms[])(row *, source *) = {product_print, backwards_print, shifted_print};
    const size_t count = 1 + below(s, N_HARD_MOST);
    for (size_t i = 0; i < count; ++i)
    {
        demo_print(&made->prompt, "%s", i == 0 ? "" : " ");
        demo_print(&made->answer, "%s", i == 0 ? "" : ", ");
        forms[below(s, LENGTH(forms))](made, s);
    }
}

/* ---- files -------------------------------------------------------------------------------------
 */

static const struct
{
    const char *name;
    void (*make)(row *made, source *s);
    size_t n_rows; /* in the set */
} kinds[] = {{"known", known_make, 720},
             {"learnable", learnable_make, 480},
             {"noise", noise_make, 400},
             {"wrong", wrong_make, 400},
             {"hard", hard_make, 400}};

#define N_ROWS_MOST 4096

static void row_write(FILE *file, const row *r)
{
    (void)fputs("{\"instruction\": ", file);
    demo_json_write(file, r->prompt.data);
    (void)fputs(", \"input\": \"\", \"output\": ", file);
    demo_json_write(file, r->answer.data);
    (void)fprintf(file, ", \"kind\": \"%s\"}\n", r->kind);
}

static row row_make(size_t kind, source *s)
{
    row made = {.kind = kinds[kind].name};
    kinds[kind].make(&made, s);
    return made;
}

/* The rows of the set, in the order they were made. */
typedef struct row_set
{
    row rows[N_ROWS_MOST];
    size_t n_rows;
} row_set;

static void set_make(row_set *set, source *s)
{
    for (size_t kind = 0; kind < LENGTH(kinds); ++kind)
    {
        for (size_t i = 0; i < kinds[kind].n_rows; ++i)
        {
            set->rows[set->n_rows++] = row_make(kind, s);
        }
    }
}

static bool has_prompt(const row_set *set, const row *wanted)
{
    size_t i = 0;
    while (i < set->n_rows && strcmp(set->rows[i].prompt.data, wanted->prompt.data) != 0)
    {
        ++i;
    }
    return i < set->n_rows;
}

static void held_out_write(const char *folder, size_t kind, const row_set *set, size_t n_forms)
{
    source s = {.random = SEED + 1 + kind, .n_forms = n_forms};
    demo_text name = {0};
    demo_print(&name, "heldout_%s.jsonl", kinds[kind].name);
    FILE *file = demo_file_open(folder, name.data);
    for (size_t n_written = 0; n_written < N_HELD_OUT;)
    {
        const row made = row_make(kind, &s);
        if (!has_prompt(set, &made))
        {
            row_write(file, &made);
            ++n_written;
        }
    }
    demo_file_close(file, name.data);
}

/* Shuffles the set while it is written. */
static void set_write(const char *folder, row_set *set, source *s)
{
    FILE *file = demo_file_open(folder, "sft.jsonl");
    for (size_t left = set->n_rows; left > 0; --left)
    {
        const size_t chosen = below(s, left);
        row_write(file, &set->rows[chosen]);
        set->rows[chosen] = set->rows[left - 1];
    }
    demo_file_close(file, "sft.jsonl");
}

int main(int argc, char **argv)
{
    static row_set set;
    const size_t n_forms = argc == 3 ? strtoul(argv[2], NULL, 10) : 1;
    if (argc < 2 || argc > 3 || n_forms < 1 || n_forms > N_FORMS_MOST)
    {
        (void)fprintf(stderr, "usage: demo_data FOLDER [FORMS], FORMS from 1 to %d\n",
                      N_FORMS_MOST);
        return 2;
    }
    source s = {.random = SEED, .n_forms = n_forms};
    set_make(&set, &s);
    for (size_t kind = 0; kind < LENGTH(kinds); ++kind)
    {
        held_out_write(argv[1], kind, &set, n_forms);
    }
    set_write(argv[1], &set, &s);
    return EXIT_SUCCESS;
}
