/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes the demo's data: a small world of people with a home, a job, a pet, a dish and an
 * instrument each, in which it is known what a model can know, learn or not learn.
 *
 *   pretrain.jsonl  questions about the people with true answers, and plain sentences: what the
 *                   base model is made of
 *   sft.jsonl       the set to choose from, four kinds of rows shuffled together:
 *       known       questions as in the pretraining text, with the true answer
 *       learnable   the same facts, asked for in a form the base has never seen: a card in JSON
 *       noise       such a question, answered with words drawn at random
 *       wrong       such a question, answered in the right form with other values, drawn anew
 *                   each time: nothing in them can be learned
 *   heldout.jsonl   known and learnable rows about pairs of person and question that sft.jsonl
 *                   does not have
 *
 * All four kinds ask for a few facts and their answers have overlapping lengths: a card for one to
 * three, a sentence for one to four, noise for any. The kind stands in a field of its own, which no
 * record format of lobass reads. Deterministic.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT_SIZE 512
#define SEED 2310

#define N_KNOWN 800
#define N_LEARNABLE 400
#define N_NOISE 400
#define N_WRONG 400
#define N_HELD_OUT 100 /* pairs of person and question kept out of sft.jsonl */
#define N_SENTENCES 300
#define N_NOISE_WORDS_MOST 30
#define N_NOISE_WORDS_LEAST 6

/* ---- the world --------------------------------------------------------------------------------
 */

static const char *const people[] = {
    "Anna",  "Boris", "Clara", "David",  "Elsa",  "Felix", "Greta",  "Henry",  "Irene",  "Jonas",
    "Karla", "Louis", "Maria", "Nils",   "Olga",  "Peter", "Rosa",   "Simon",  "Tilda",  "Victor",
    "Wanda", "Xaver", "Zora",  "Arthur", "Bella", "Emil",  "Flora",  "Helen",  "Ivan",   "Judith",
    "Kevin", "Laura", "Mona",  "Oscar",  "Paula", "Ruth",  "Stefan", "Ursula", "Walter", "Yvonne"};

#define N_PEOPLE LENGTH(people)
#define N_ATTRIBUTES 5
#define N_VALUES 10
#define N_ASKED_MOST 4
#define N_ASKED_MOST_OF_CARD 3 /* a fact takes more tokens on a card than in a sentence */

typedef struct attribute
{
    const char *name;
    const char *before, *after; /* a question: before PERSON after */
    const char *verb;           /* an answer: PERSON verb VALUE. */
    const char *values[N_VALUES];
} attribute;

static const attribute attributes[N_ATTRIBUTES] = {
    {"home",
     "Where does ",
     " live?",
     " lives in ",
     {"Norwick", "Dunmore", "Aldbury", "Hexley", "Marlow", "Penrith", "Quinton", "Stanford",
      "Tarsk", "Velmora"}},
    {"job",
     "What is the job of ",
     "?",
     " works as a ",
     {"baker", "sailor", "teacher", "painter", "doctor", "farmer", "tailor", "miner", "gardener",
      "judge"}},
    {"pet",
     "Which pet does ",
     " have?",
     " has a ",
     {"grey cat", "brown dog", "parrot", "white mouse", "tortoise", "goldfish", "black horse",
      "rabbit", "young fox", "hedgehog"}},
    {"dish",
     "What does ",
     " like to eat?",
     " likes ",
     {"plum cake", "onion soup", "fried fish", "rye bread", "apple pie", "pea stew", "cold ham",
      "rice pudding", "mushrooms", "noodles"}},
    {"music",
     "What does ",
     " play?",
     " plays the ",
     {"violin", "trumpet", "piano", "flute", "guitar", "drum", "harp", "organ", "cello", "banjo"}}};

static const char *const adjectives[] = {"old",   "quick", "silent", "bright", "narrow", "wooden",
                                         "heavy", "empty", "green",  "broken", "warm",   "distant"};
static const char *const nouns[] = {"river",  "bridge", "stone",  "window", "garden", "tower",
                                    "ship",   "letter", "candle", "forest", "market", "wagon",
                                    "mirror", "barrel", "hill",   "lantern"};
static const char *const verbs[] = {"stands near", "falls behind", "moves toward",
                                    "rests under", "waits above",  "turns around"};

/* Which person is asked about what: the attributes in the order of their table. */
typedef struct question
{
    unsigned person;
    unsigned asked[N_ASKED_MOST];
    unsigned n_asked;
} question;

#define N_SUBSETS 30 /* one to four attributes of five */
#define N_QUESTIONS (N_PEOPLE * N_SUBSETS)

typedef struct world
{
    unsigned truth[N_PEOPLE][N_ATTRIBUTES]; /* numbers of values */
    question questions[N_QUESTIONS];        /* shuffled */
    uint64_t random;
} world;

/* ---- random numbers: splitmix64 (Steele, Lea and Flood) ----------------------------------------
 */

static uint64_t random_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The bias of a remainder is far below what a demo could show. */
static unsigned random_below(uint64_t *state, size_t bound)
{
    return (unsigned)(random_next(state) % bound);
}

/* ---- text -------------------------------------------------------------------------------------
 */

typedef struct text
{
    char data[TEXT_SIZE];
    size_t size;
} text;

static void text_print(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void text_print(text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(t->data + t->size, TEXT_SIZE - t->size, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= TEXT_SIZE - t->size)
    {
        (void)fprintf(stderr, "demo_data: a text is longer than %d bytes\n", TEXT_SIZE - 1);
        exit(EXIT_FAILURE);
    }
    t->size += (size_t)size;
}

/* "home", "home and pet", "home, job and pet" */
static void list_print(text *t, const question *q)
{
    for (unsigned i = 0; i < q->n_asked; ++i)
    {
        const char *between = i == 0 ? "" : i + 1 < q->n_asked ? ", " : " and ";
        text_print(t, "%s%s", between, attributes[q->asked[i]].name);
    }
}

static void question_print(text *t, const question *q)
{
    if (q->n_asked == 1)
    {
        const attribute *about = &attributes[q->asked[0]];
        text_print(t, "%s%s%s", about->before, people[q->person], about->after);
        return;
    }
    text_print(t, "Tell me about %s: ", people[q->person]);
    list_print(t, q);
    text_print(t, ".");
}

static void card_question_print(text *t, const question *q)
{
    text_print(t, "Write a card for %s: ", people[q->person]);
    list_print(t, q);
    text_print(t, ".");
}

static void answer_print(text *t, const question *q, const unsigned *values)
{
    for (unsigned i = 0; i < q->n_asked; ++i)
    {
        const attribute *about = &attributes[q->asked[i]];
        text_print(t, "%s%s%s%s.", i == 0 ? "" : " ", people[q->person], about->verb,
                   about->values[values[q->asked[i]]]);
    }
}

static void card_print(text *t, const question *q, const unsigned *values)
{
    text_print(t, "{\"name\": \"%s\"", people[q->person]);
    for (unsigned i = 0; i < q->n_asked; ++i)
    {
        const attribute *about = &attributes[q->asked[i]];
        text_print(t, ", \"%s\": \"%s\"", about->name, about->values[values[q->asked[i]]]);
    }
    text_print(t, "}");
}

static void plain_sentence_print(text *t, uint64_t *random)
{
    text_print(t, "The %s", adjectives[random_below(random, LENGTH(adjectives))]);
    text_print(t, " %s", nouns[random_below(random, LENGTH(nouns))]);
    text_print(t, " %s", verbs[random_below(random, LENGTH(verbs))]);
    text_print(t, " the %s", adjectives[random_below(random, LENGTH(adjectives))]);
    text_print(t, " %s.", nouns[random_below(random, LENGTH(nouns))]);
}

static void noise_print(text *t, uint64_t *random)
{
    const unsigned n_words =
        N_NOISE_WORDS_LEAST + random_below(random, N_NOISE_WORDS_MOST - N_NOISE_WORDS_LEAST + 1);
    for (unsigned i = 0; i < n_words; ++i)
    {
        const unsigned word = random_below(random, LENGTH(adjectives) + LENGTH(nouns));
        text_print(t, "%s%s", i == 0 ? "" : " ",
                   word < LENGTH(adjectives) ? adjectives[word] : nouns[word - LENGTH(adjectives)]);
    }
    text_print(t, ".");
}

/* ---- making the world -------------------------------------------------------------------------
 */

static size_t questions_fill(question *questions)
{
    size_t count = 0;
    for (unsigned person = 0; person < N_PEOPLE; ++person)
    {
        for (unsigned subset = 1; subset < 1U << N_ATTRIBUTES; ++subset)
        {
            question made = {.person = person};
            unsigned n_in_subset = 0;
            for (unsigned i = 0; i < N_ATTRIBUTES; ++i)
            {
                if ((subset >> i & 1U) != 0 && ++n_in_subset <= N_ASKED_MOST)
                {
                    made.asked[made.n_asked++] = i;
                }
            }
            if (n_in_subset <= N_ASKED_MOST)
            {
                questions[count++] = made;
            }
        }
    }
    return count;
}

static void world_make(world *w)
{
    w->random = SEED;
    for (size_t person = 0; person < N_PEOPLE; ++person)
    {
        for (size_t i = 0; i < N_ATTRIBUTES; ++i)
        {
            w->truth[person][i] = random_below(&w->random, N_VALUES);
        }
    }
    for (size_t i = questions_fill(w->questions); i > 1; --i)
    {
        const size_t j = random_below(&w->random, i);
        const question moved = w->questions[i - 1];
        w->questions[i - 1] = w->questions[j];
        w->questions[j] = moved;
    }
}

/* ---- rows --------------------------------------------------------------------------------------
 */

static const char *const kinds[] = {"known", "learnable", "noise", "wrong"};
enum
{
    KNOWN,
    LEARNABLE,
    NOISE,
    WRONG
};

typedef struct row
{
    text instruction, output;
    unsigned kind;
} row;

static bool kind_asks(unsigned kind, const question *q)
{
    return kind != LEARNABLE || q->n_asked <= N_ASKED_MOST_OF_CARD;
}

static void row_make(row *made, world *w, const question *q, unsigned kind)
{
    unsigned values[N_ATTRIBUTES];
    *made = (row){.kind = kind};
    memcpy(values, w->truth[q->person], sizeof values);
    (kind == LEARNABLE ? card_question_print : question_print)(&made->instruction, q);
    switch (kind)
    {
    case NOISE:
        noise_print(&made->output, &w->random);
        break;
    case LEARNABLE:
        card_print(&made->output, q, values);
        break;
    case WRONG:
        for (size_t i = 0; i < N_ATTRIBUTES; ++i)
        {
            values[i] = (values[i] + 1 + random_below(&w->random, N_VALUES - 1)) % N_VALUES;
        }
        answer_print(&made->output, q, values);
        break;
    default:
        answer_print(&made->output, q, values);
        break;
    }
}

static void json_text_write(FILE *file, const char *value)
{
    (void)fputc('"', file);
    for (const char *at = value; *at != '\0'; ++at)
    {
        if (*at == '"' || *at == '\\')
        {
            (void)fputc('\\', file);
        }
        (void)fputc(*at, file);
    }
    (void)fputc('"', file);
}

static void row_write(FILE *file, const row *r)
{
    (void)fputs("{\"instruction\": ", file);
    json_text_write(file, r->instruction.data);
    (void)fputs(", \"input\": \"\", \"output\": ", file);
    json_text_write(file, r->output.data);
    (void)fprintf(file, ", \"kind\": \"%s\"}\n", kinds[r->kind]);
}

/* ---- files --------------------------------------------------------------------------------------
 */

/* A question and its answer as the template `plain` joins them, or a plain sentence. */
static void pretrain_write(FILE *file, world *w)
{
    for (size_t i = 0; i < N_QUESTIONS + N_SENTENCES; ++i)
    {
        text t = {0};
        if (i < N_QUESTIONS)
        {
            const question *q = &w->questions[i];
            question_print(&t, q);
            text_print(&t, "\\n");
            answer_print(&t, q, w->truth[q->person]);
        }
        else
        {
            plain_sentence_print(&t, &w->random);
        }
        (void)fprintf(file, "{\"text\": \"%s\"}\n", t.data);
    }
}

static void sft_write(FILE *file, world *w)
{
    static const size_t counts[] = {N_KNOWN, N_LEARNABLE, N_NOISE, N_WRONG};
    static row rows[N_KNOWN + N_LEARNABLE + N_NOISE + N_WRONG];
    size_t n_rows = 0;
    for (unsigned kind = 0; kind < LENGTH(counts); ++kind)
    {
        /* Each kind starts elsewhere in the questions, so that they share people and forms. */
        const size_t end = n_rows + counts[kind];
        for (size_t i = (size_t)kind * N_LEARNABLE; n_rows < end; ++i)
        {
            const question *q = &w->questions[i % (N_QUESTIONS - N_HELD_OUT)];
            if (kind_asks(kind, q))
            {
                row_make(&rows[n_rows++], w, q, kind);
            }
        }
    }
    for (size_t left = n_rows; left > 0; --left)
    {
        const size_t chosen = random_below(&w->random, left);
        row_write(file, &rows[chosen]);
        rows[chosen] = rows[left - 1];
    }
}

static void heldout_write(FILE *file, world *w)
{
    for (size_t i = N_QUESTIONS - N_HELD_OUT; i < N_QUESTIONS; ++i)
    {
        for (unsigned kind = KNOWN; kind <= LEARNABLE; ++kind)
        {
            row made;
            if (kind_asks(kind, &w->questions[i]))
            {
                row_make(&made, w, &w->questions[i], kind);
                row_write(file, &made);
            }
        }
    }
}

static int write_file(const char *folder, const char *name, void (*write)(FILE *, world *),
                      world *w)
{
    text path = {0};
    text_print(&path, "%s/%s", folder, name);
    FILE *file = fopen(path.data, "w");
    if (file == NULL)
    {
        perror(path.data);
        return EXIT_FAILURE;
    }
    write(file, w);
    const int has_failed = ferror(file);
    if (fclose(file) != 0 || has_failed)
    {
        perror(path.data);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static world w;
    if (argc != 2)
    {
        (void)fprintf(stderr, "usage: demo_data FOLDER\n");
        return 2;
    }
    world_make(&w);
    if (write_file(argv[1], "pretrain.jsonl", pretrain_write, &w) != EXIT_SUCCESS ||
        write_file(argv[1], "sft.jsonl", sft_write, &w) != EXIT_SUCCESS)
    {
        return EXIT_FAILURE;
    }
    return write_file(argv[1], "heldout.jsonl", heldout_write, &w);
}
