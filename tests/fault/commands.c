/* SPDX-License-Identifier: Apache-2.0
 *
 * See commands.h. Most are given one thread, so that the n-th call is the same one each time; those
 * named so have three.
 */
#include "fault/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault/tree.h"

#define TRAIN TRAIN_TO("case/run/reference")
#define TRAIN_TO(output)                                                                \
    "train model case/run -o " output " --epochs 1 --batch-size 8 --checkpoint-seconds" \
    " 0 --learning-rate 1e-2 -q --dtype fp32 --threads "

static const command commands[] = {
    {"init", NULL, "init --like $data/config.json --tokenizer $data -o case/new --seed 7",
     COMMAND_EXTRA},
    {"init-again", "init",
     "init --like $data/config.json --tokenizer $data -o case/new --seed 8 -f", COMMAND_EXTRA},
    {"prepare", NULL, "prepare model data.jsonl -o case/run -q --threads 1", COMMAND_MAIN},
    {"prepare-gz", NULL, "prepare model data.jsonl.gz -o case/run -q --threads 1", COMMAND_EXTRA},
    {"prepare-zst", NULL, "prepare model data.jsonl.zst -o case/run -q --threads 1", COMMAND_EXTRA},
    {"prepare-threads", NULL, "prepare model data.jsonl -o case/run -q --threads 3", COMMAND_EXTRA},
    {"measure", "prepare", "measure case/run model --as initial -q --dtype fp32 --threads 1",
     COMMAND_MAIN},
    {"measure-threads", "prepare",
     "measure case/run model --as initial -q --dtype fp32 --threads 3", COMMAND_EXTRA},
    {"train", "measure", TRAIN "1", COMMAND_MAIN},
    {"train-threads", "measure", TRAIN "3", COMMAND_EXTRA},
    {"train-lora", "measure", TRAIN "1 --lora-rank 2", COMMAND_EXTRA},
    {"measure-reference", "train",
     "measure case/run case/run/reference --as reference -q --dtype fp32 --threads 1",
     COMMAND_EXTRA},
    {"select", "measure-reference", "select case/run -k 3 -q", COMMAND_MAIN},
    {"report", "select", "report case/run -q", COMMAND_MAIN},
    {"select-over", "report", "select case/run -k 3 -q -f -o case/run/report.html",
     COMMAND_REFUSED},
    {"train-over", "measure", TRAIN_TO("case/run/tokenizer") "1 -f", COMMAND_REFUSED},
    {"scores", "select", "scores case/run", COMMAND_READER},
    {"show", "select", "show case/run 3", COMMAND_READER},
    {"info", "select", "info case/run", COMMAND_READER},
    {"evaluate", NULL, "evaluate model data.jsonl -q --threads 1", COMMAND_READER},
    {"generate", NULL, "generate model --max-tokens 4 --threads 1 hello", COMMAND_READER},
    {"run", NULL,
     "run model data.jsonl -o case/run -k 3 --epochs 1 --batch-size 8 --learning-rate 1e-2"
     " --checkpoint-seconds 0 -q --dtype fp32 --threads 1",
     COMMAND_EXTRA},
};

/* One of each format, a duplicate and a bad one. */
static const char records[] =
    "{\"instruction\": \"name the colour of the sky\", \"output\": \"blue\"}\n"
    "{\"instruction\": \"add the two\", \"input\": \"one two\", \"output\": \"the sum of them\"}\n"
    "{\"prompt\": \"cat and dog\", \"completion\": \"and a horse\"}\n"
    "{\"messages\": [{\"role\": \"system\", \"content\": \"say hello\"}, {\"role\": \"user\","
    " \"content\": \"hello\"}, {\"role\": \"assistant\", \"content\": \"hello there\"}]}\n"
    "{\"conversations\": [{\"from\": \"human\", \"value\": \"which number\"}, {\"from\": \"gpt\","
    " \"value\": \"two\"}]}\n"
    "{\"question\": \"caf\\u00e9 \\ud83d\\ude00\", \"answer\": \"green\\nand \\\"blue\\\"\"}\n"
    "{\"prompt\": \"cat and dog\", \"completion\": \"and a horse\"}\n"
    "{\"prompt\": \"no response\"}\n"
    "{\"query\": \"this and then\", \"response\": \"that\"}\n"
    "{\"text\": \"the cat and the dog and the horse\"}\n";

const command *command_find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
    {
        if (strcmp(commands[i].name, name) == 0)
        {
            return &commands[i];
        }
    }
    die("%s: no such command", name);
}

void command_words(const command *of, const char *lobass, const char *words[COMMAND_WORDS])
{
    static const char data[] = "$data";
    size_t n = 0;
    char *kept = NULL;
    char *text = must(strdup(of->words));
    words[n++] = lobass;
    for (char *word = strtok_r(text, " ", &kept); word != NULL; word = strtok_r(NULL, " ", &kept))
    {
        const bool is_data = strncmp(word, data, sizeof data - 1) == 0;
        char *whole = NULL;
        if (n + 1 == COMMAND_WORDS || asprintf(&whole, "%s%s", is_data ? FAULT_DATA : "",
                                               is_data ? word + sizeof data - 1 : word) < 0)
        {
            die("%s: too many words", of->name);
        }
        words[n++] = whole;
    }
    words[n] = NULL;
    free(text);
}

static void run(const char *const *words)
{
    int status = 0;
    const pid_t child = fork();
    if (child == 0)
    {
        if (freopen("/dev/null", "w", stdout) != NULL)
        {
            (void)execvp(words[0], (char *const *)words);
        }
        _exit(99);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
    {
        die("%s %s: status %d", words[0], words[1], status);
    }
}

static void run_those_before(const char *name, const char *lobass)
{
    if (name != NULL)
    {
        const char *words[COMMAND_WORDS];
        const command *before = command_find(name);
        run_those_before(before->after, lobass);
        command_words(before, lobass, words);
        run(words);
    }
}

void command_set_up(const command *of, const char *lobass)
{
    const char *const model[] = {lobass,        "init",     "--like", (FAULT_DATA "/config.json"),
                                 "--tokenizer", FAULT_DATA, "-o",     "model",
                                 "--seed",      "7",        NULL};
    FILE *data = must(fopen("data.jsonl", "we"));
    if (fputs(records, data) < 0 || fclose(data) != 0)
    {
        die("data.jsonl: %s", strerror(errno));
    }
    run(model);
    if (strstr(of->words, ".gz") != NULL)
    {
        run((const char *const[]){"gzip", "-k", "data.jsonl", NULL});
    }
    if (strstr(of->words, ".zst") != NULL)
    {
        run((const char *const[]){"zstd", "-q", "data.jsonl", NULL});
    }
    run_those_before(of->after, lobass);
}
