/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the option table that several commands share: the common ones, how records become
 * tokens (prepare, train, run), how a model is trained (train, run). How rows are chosen and
 * compared: options_selection.c. No default stands here: the targets bring them.
 */
#include "options.h"

#define THREADS_MOST 1024
#define LENGTH_LEAST 2 /* one to see and one to predict */
#define LENGTH_MOST 1048576
#define EPOCHS_MOST 1000000
#define BATCH_MOST 1048576
#define CHECKPOINT_SECONDS_MOST 604800 /* a week */
#define RATE_MOST 1e3
#define NORM_MOST 1e9
#define RANK_MOST 65536
#define ALPHA_LEAST 1e-6
#define ALPHA_MOST 1e6

static const cli_choice dtypes[] = {{"auto", LOBASS_DTYPE_AUTO},
                                    {"fp32", LOBASS_DTYPE_FP32},
                                    {"bf16", LOBASS_DTYPE_BF16},
                                    {NULL, 0}};
static const cli_choice ends[] = {
    {"count", LOBASS_EOS_COUNT}, {"skip", LOBASS_EOS_SKIP}, {NULL, 0}};
static const cli_choice boundaries[] = {
    {"split", LOBASS_BOUNDARY_SPLIT}, {"joint", LOBASS_BOUNDARY_JOINT}, {NULL, 0}};
static const cli_choice spans[] = {
    {"prompt", LOBASS_SPANS_PROMPT}, {"blocks", LOBASS_SPANS_BLOCKS}, {NULL, 0}};
static const cli_choice turns[] = {
    {"all", LOBASS_TURNS_ALL}, {"last", LOBASS_TURNS_LAST}, {NULL, 0}};

void cli_options_add_common(cli_parser *parser, cli_common *common, unsigned uses)
{
    const cli_option rows[] = {
        {.name = "overwrite",
         .letter = 'f',
         .type = CLI_FLAG,
         .target = &common->is_overwriting,
         .help = "replace what exists already",
         .is_idle = (uses & CLI_USES_OVERWRITE) == 0},
        {.name = "threads",
         .type = CLI_UINT32,
         .target = &common->n_threads,
         .value = "N",
         .help = "threads to compute with; 0: one a processor; the results are the same",
         .most = THREADS_MOST,
         .is_idle = (uses & CLI_USES_THREADS) == 0},
        {.name = "dtype",
         .type = CLI_CHOICE,
         .target = &common->dtype,
         .choices = dtypes,
         .help =
             "numbers to compute with; auto: bf16 where that is faster (AMX; AVX512-BF16 on AMD), "
             "else fp32",
         .is_idle = (uses & CLI_USES_DTYPE) == 0},
        {.name = "seed",
         .type = CLI_UINT64,
         .target = &common->seed,
         .value = "N",
         .help = "of everything random",
         .most = UINT64_MAX,
         .is_idle = (uses & CLI_USES_SEED) == 0},
        {.name = "json",
         .type = CLI_FLAG,
         .target = &common->is_json,
         .help = "print the result as one JSON object"},
        {.name = "quiet",
         .letter = 'q',
         .type = CLI_FLAG,
         .target = &common->is_quiet,
         .help = "no progress and no notes; warnings stay",
         .is_idle = (uses & CLI_USES_PROGRESS) == 0},
        {.name = "verbose",
         .letter = 'v',
         .type = CLI_FLAG,
         .target = &common->is_verbose,
         .help = "details of what is done",
         .is_idle = (uses & CLI_USES_PROGRESS) == 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
}

void cli_options_add_format(cli_parser *parser, lobass_format_options *format)
{
    const cli_option rows[] = {
        {.name = "template",
         .type = CLI_TEXT,
         .target = &format->template_name,
         .value = "NAME",
         .help = "chat: the model's own; alpaca, alpaca-newline or plain; or a Jinja file",
         .fallback = "chat where the model has one, else alpaca"},
        {.name = "template-var",
         .type = CLI_LIST,
         .target = &format->template_variables,
         .count = &format->n_template_variables,
         .value = "NAME=JSON",
         .help = "a variable of the chat template, such as enable_thinking=false; may be repeated",
         .fallback = "none"},
        {.name = "date",
         .type = CLI_TEXT,
         .target = &format->template_date,
         .value = "DAY",
         .help = "YYYY-MM-DD, for a chat template that prints a date; recorded",
         .fallback = "today, UTC"},
        {.name = "spans",
         .type = CLI_CHOICE,
         .target = &format->spans,
         .choices = spans,
         .help = "what of a chat's turns is scored: from the prompt's end to the end token, or the "
                 "template's generation blocks"},
        {.name = "max-length",
         .type = CLI_UINT32,
         .target = &format->max_length,
         .value = "N",
         .help = "tokens of a row; what is longer is cut on the right",
         .fallback = "512; 2048 with a chat template",
         .least = LENGTH_LEAST,
         .most = LENGTH_MOST},
        {.name = "eos",
         .type = CLI_CHOICE,
         .target = &format->eos,
         .choices = ends,
         .help = "count the end token of a response in its loss, or skip it"},
        {.name = "boundary",
         .type = CLI_CHOICE,
         .target = &format->boundary,
         .choices = boundaries,
         .help = "split: no token straddles the edge of a response; joint: as it falls"},
        {.name = "turns",
         .type = CLI_CHOICE,
         .target = &format->turns,
         .choices = turns,
         .help = "score every response of a conversation, or the last"},
        {.name = "strict",
         .type = CLI_FLAG,
         .target = &format->is_strict,
         .help = "fail at the first bad record instead of counting it"},
        {.name = "mark-duplicates",
         .type = CLI_FLAG,
         .target = &format->mark_duplicates,
         .help = "leave out rows that repeat an earlier one"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
    cli_option_add_fields(parser, format->fields);
}

void cli_option_add_fields(cli_parser *parser, char *fields)
{
    cli_option_add(parser,
                   (cli_option){.name = "fields",
                                .type = CLI_LINE,
                                .target = fields,
                                .value = "ROLE=NAME,...",
                                .help = "which fields of a record are the prompt, context, "
                                        "response, system, messages, text, ...; ignore=NAME: one "
                                        "that is passed over",
                                .fallback = "by the names in use",
                                .most = LOBASS_FIELDS_SIZE,
                                .check = lobass_fields_check});
}

void cli_option_add_scored(cli_parser *parser, lobass_format_options *format)
{
    static const cli_choice scored[] = {
        {"responses", LOBASS_SCORED_RESPONSES}, {"all", LOBASS_SCORED_ALL}, {NULL, 0}};

    cli_option_add(parser, (cli_option){.name = "scored",
                                        .type = CLI_CHOICE,
                                        .target = &format->scored,
                                        .choices = scored,
                                        .help = "the tokens that count in the loss: those of "
                                                "responses, or prompts too"});
}

static void add_adapter(cli_parser *parser, lobass_lora_options *lora)
{
    const cli_option rows[] = {
        {.name = "lora-rank",
         .type = CLI_UINT32,
         .target = &lora->rank,
         .value = "R",
         .help = "train an adapter of this rank (LoRA) on the frozen model, and write it in PEFT's "
                 "form; it wants a higher learning rate, 1e-4 and more",
         .fallback = "none: all weights are trained",
         .least = 1,
         .most = RANK_MOST},
        {.name = "lora-alpha",
         .type = CLI_REAL,
         .target = &lora->alpha,
         .value = "A",
         .help = "what the adapter adds is scaled by A / R",
         .fallback = "twice the rank",
         .lowest = ALPHA_LEAST,
         .highest = ALPHA_MOST},
        {.name = "lora-targets",
         .type = CLI_TEXT,
         .target = &lora->targets,
         .value = "NAMES",
         .help = "all-linear, or some of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, "
                 "down_proj with commas between",
         .fallback = "all-linear"},
        {.name = "lora-dropout",
         .type = CLI_REAL,
         .target = &lora->dropout,
         .value = "X",
         .help = "only 0 is supported",
         .highest = 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
}

void cli_options_add_training(cli_parser *parser, lobass_train_options *train)
{
    const cli_option rows[] = {
        {.name = "epochs",
         .type = CLI_UINT32,
         .target = &train->n_epochs,
         .value = "N",
         .help = "passes over the rows",
         .least = 1,
         .most = EPOCHS_MOST},
        {.name = "batch-size",
         .type = CLI_UINT32,
         .target = &train->batch_size,
         .value = "N",
         .help = "rows of one optimiser step",
         .least = 1,
         .most = BATCH_MOST},
        {.name = "learning-rate",
         .type = CLI_REAL,
         .target = &train->learning_rate,
         .value = "X",
         .help = "the highest, after warm-up",
         .highest = RATE_MOST},
        {.name = "warmup",
         .type = CLI_REAL,
         .target = &train->warmup_ratio,
         .value = "X",
         .help = "share of the steps with a linear rise from 0; a cosine to 0 follows",
         .highest = 1},
        {.name = "weight-decay",
         .type = CLI_REAL,
         .target = &train->weight_decay,
         .value = "X",
         .help = "AdamW's, of matrices only",
         .highest = RATE_MOST},
        {.name = "clip",
         .type = CLI_REAL,
         .target = &train->clip,
         .value = "X",
         .help = "largest norm of the gradient; 0: no clipping",
         .highest = NORM_MOST},
        {.name = "recompute",
         .type = CLI_FLAG,
         .target = &train->recomputes,
         .help = "keep the input of each layer alone and compute the rest once more: less "
                 "memory, a third slower, the same result"},
        {.name = "checkpoint-seconds",
         .type = CLI_UINT32,
         .target = &train->checkpoint_seconds,
         .value = "N",
         .help = "at most this much work is lost by a kill; 0: every step",
         .most = CHECKPOINT_SECONDS_MOST},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
    add_adapter(parser, &train->lora);
}

int cli_training_check(const cli_parser *parser, lobass_train_options *train)
{
    static const char *const names[] = {"lora-alpha", "lora-targets", "lora-dropout"};
    lobass_error error = {0};

    for (size_t i = 0; train->lora.rank == 0 && i < sizeof names / sizeof names[0]; i++)
    {
        if (cli_option_is_given(parser, names[i]))
        {
            return cli_wrong_usage(parser, "option --%s needs --lora-rank", names[i]);
        }
    }
    if (lobass_lora_options_resolve(&train->lora, &error) != LOBASS_OK)
    {
        return cli_wrong_usage(parser, "%s", error.message);
    }
    return -1;
}
