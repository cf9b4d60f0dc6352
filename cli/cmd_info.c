/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass info MODEL|ADAPTER|RUN: what a folder is. One that holds run.db is a run, one with
 * adapter_config.json an adapter, any other a model.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "result.h"

/* ---- a model -------------------------------------------------------------------------------- */

static void print_model(const char *path, const lobass_model_info *info)
{
    char number[CLI_NUMBER_SIZE];

    cli_field_print("model", path);
    cli_field_print("architecture", info->architecture);
    printf("parameters   %s, %.1f MB of %s\n", cli_number(number, info->n_parameters),
           (double)info->weight_bytes / 1e6, info->dtype);
    printf("shape        %u layers, width %u, feed-forward %u\n", info->n_layers, info->d_model,
           info->d_ffn);
    printf("attention    %u heads of %u, %u for keys and values\n", info->n_heads, info->head_size,
           info->n_kv_heads);
    printf("vocabulary   %s, %s head\n", cli_number(number, info->n_vocabulary),
           info->has_tied_head ? "tied" : "separate");
    printf("positions    %u, rotary base %g, scaling %s\n", info->max_length, info->rope_theta,
           info->rope_scaling);
    printf("fingerprint  %s\n", info->fingerprint);
}

static void print_model_json(const char *path, const lobass_model_info *info)
{
    lb_json_writer json = cli_json_begin();

    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "model", path);
    lb_json_put_text(&json, "architecture", info->architecture);
    lb_json_put_count(&json, "parameters", info->n_parameters);
    lb_json_put_count(&json, "weight_bytes", info->weight_bytes);
    lb_json_put_text(&json, "dtype", info->dtype);
    lb_json_put_count(&json, "layers", info->n_layers);
    lb_json_put_count(&json, "d_model", info->d_model);
    lb_json_put_count(&json, "d_ffn", info->d_ffn);
    lb_json_put_count(&json, "heads", info->n_heads);
    lb_json_put_count(&json, "kv_heads", info->n_kv_heads);
    lb_json_put_count(&json, "head_size", info->head_size);
    lb_json_put_count(&json, "vocabulary", info->n_vocabulary);
    lb_json_put_count(&json, "max_length", info->max_length);
    lb_json_put_boolean(&json, "tied_head", info->has_tied_head);
    lb_json_put_real(&json, "rope_theta", info->rope_theta);
    lb_json_put_text(&json, "rope_scaling", info->rope_scaling);
    lb_json_put_text(&json, "fingerprint", info->fingerprint);
    cli_json_print(&json);
}

static int describe_model(const char *path, bool is_json)
{
    lobass_model_info info = {0};
    lobass_error error = {0};

    if (lobass_model_describe(path, &info, &error) != LOBASS_OK)
    {
        return cli_fail(&error);
    }
    if (is_json)
    {
        print_model_json(path, &info);
    }
    else
    {
        print_model(path, &info);
    }
    return cli_finish(CLI_DONE);
}

/* ---- an adapter ----------------------------------------------------------------------------- */

static void print_adapter(const char *path, const lobass_adapter_info *info)
{
    char number[CLI_NUMBER_SIZE];

    cli_field_print("adapter", path);
    printf("type         LoRA of rank %u, alpha %g, scale %g\n", info->rank, info->alpha,
           info->scale);
    cli_field_print("targets", info->targets);
    printf("matrices     %s are adapted\n", cli_number(number, info->n_matrices));
    printf("parameters   %s, %.1f MB of %s\n", cli_number(number, info->n_parameters),
           (double)info->weight_bytes / 1e6, info->dtype);
    if (info->base[0] != '\0')
    {
        cli_field_print("base model", info->base);
    }
    printf("fingerprint  %s\n", info->fingerprint);
}

static void print_adapter_json(const char *path, const lobass_adapter_info *info)
{
    lb_json_writer json = cli_json_begin();

    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "adapter", path);
    lb_json_put_text(&json, "type", "LORA");
    lb_json_put_count(&json, "rank", info->rank);
    lb_json_put_real(&json, "alpha", info->alpha);
    lb_json_put_real(&json, "scale", info->scale);
    lb_json_put_text(&json, "targets", info->targets);
    lb_json_put_count(&json, "matrices", info->n_matrices);
    lb_json_put_count(&json, "parameters", info->n_parameters);
    lb_json_put_count(&json, "weight_bytes", info->weight_bytes);
    lb_json_put_text(&json, "dtype", info->dtype);
    lb_json_put_text(&json, "base_model", info->base[0] != '\0' ? info->base : NULL);
    lb_json_put_text(&json, "fingerprint", info->fingerprint);
    cli_json_print(&json);
}

static int describe_adapter(const char *path, bool is_json)
{
    static lobass_adapter_info info; /* too large for a stack frame of ours */
    lobass_error error = {0};

    if (lobass_adapter_describe(path, &info, &error) != LOBASS_OK)
    {
        return cli_fail(&error);
    }
    if (is_json)
    {
        print_adapter_json(path, &info);
    }
    else
    {
        print_adapter(path, &info);
    }
    return cli_finish(CLI_DONE);
}

/* ---- a run ---------------------------------------------------------------------------------- */

static void print_run_model(const lobass_run_model *model, const lobass_run_totals *totals)
{
    char rows[CLI_NUMBER_SIZE];
    char due[CLI_NUMBER_SIZE];

    printf("losses       %s: %s of %s rows", model->name, cli_number(rows, totals->n_rows),
           cli_number(due, totals->n_rows_due));
    if (isfinite(totals->mean_loss))
    {
        printf(", %.4f nats per scored token", totals->mean_loss);
    }
    printf(", %s\n             ", model->dtype);
    cli_print_text(stdout, model->path);
    if (model->adapter != NULL)
    {
        fputs("\n             with the adapter ", stdout);
        cli_print_text(stdout, model->adapter);
    }
    putchar('\n');
}

/* What is printed of a run. */
typedef struct shown_run
{
    lobass_run *run;
    lobass_run_info info;
    lobass_run_totals *totals; /* [info.n_models] */
} shown_run;

/* The name that --source takes, then the path. */
static void print_source(const lobass_run_source *source)
{
    char number[CLI_NUMBER_SIZE];

    printf("data         %s records of ", cli_number(number, source->n_records));
    cli_print_text(stdout, source->name);
    fputs(", ", stdout);
    cli_print_text(stdout, source->path);
    putchar('\n');
}

static void print_run(const shown_run *shown)
{
    const lobass_run *run = shown->run;
    const lobass_run_info *info = &shown->info;
    char number[CLI_NUMBER_SIZE];
    char scored[CLI_NUMBER_SIZE];

    cli_field_print("run", info->path);
    cli_field_print("model", info->model_path);
    cli_field_print("template", info->template_name);
    for (size_t i = 0; i < info->n_sources; i++)
    {
        print_source(lobass_run_source_at(run, i));
    }
    printf("prepared     %s\n",
           info->is_prepared ? "yes" : "not to the end: give the command again");
    cli_statuses_print(info->statuses, info->n_records);
    cli_ignored_print(&info->ignored);
    printf("tokens       %s, of which %s are scored\n", cli_number(number, info->n_tokens),
           cli_number(scored, info->n_scored_tokens));
    for (size_t i = 0; i < info->n_models; i++)
    {
        print_run_model(lobass_run_model_at(run, i), &shown->totals[i]);
    }
    printf("selected     %s\n",
           info->has_selection ? cli_number(number, info->n_selected) : "nothing yet");
}

static void print_run_lists(lb_json_writer *json, const shown_run *shown)
{
    const lobass_run *run = shown->run;
    const lobass_run_info *info = &shown->info;

    lb_json_open(json, "sources", '[');
    for (size_t i = 0; i < info->n_sources; i++)
    {
        const lobass_run_source *source = lobass_run_source_at(run, i);
        lb_json_open(json, NULL, '{');
        lb_json_put_text(json, "name", source->name);
        lb_json_put_text(json, "path", source->path);
        lb_json_put_count(json, "records", source->n_records);
        lb_json_close(json);
    }
    lb_json_close(json);
    lb_json_open(json, "models", '[');
    for (size_t i = 0; i < info->n_models; i++)
    {
        const lobass_run_model *model = lobass_run_model_at(run, i);
        lb_json_open(json, NULL, '{');
        lb_json_put_text(json, "name", model->name);
        lb_json_put_text(json, "path", model->path);
        lb_json_put_text(json, "adapter", model->adapter);
        lb_json_put_text(json, "fingerprint", model->fingerprint);
        lb_json_put_text(json, "dtype", model->dtype);
        lb_json_put_count(json, "rows", shown->totals[i].n_rows);
        lb_json_put_count(json, "rows_due", shown->totals[i].n_rows_due);
        lb_json_put_real(json, "mean_loss", shown->totals[i].mean_loss);
        lb_json_close(json);
    }
    lb_json_close(json);
}

static void print_run_json(const shown_run *shown)
{
    const lobass_run_info *info = &shown->info;
    lb_json_writer json = cli_json_begin();

    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "run", info->path);
    lb_json_put_text(&json, "model", info->model_path);
    lb_json_put_text(&json, "template", info->template_name);
    lb_json_put_text(&json, "tokenization_hash", info->tokenization_hash);
    lb_json_put_value(&json, "options", info->options_json);
    lb_json_put_boolean(&json, "prepared", info->is_prepared);
    cli_statuses_json(&json, info->statuses, info->n_records);
    cli_ignored_json(&json, &info->ignored);
    lb_json_put_count(&json, "tokens", info->n_tokens);
    lb_json_put_count(&json, "tokens_scored", info->n_scored_tokens);
    if (info->has_selection)
    {
        lb_json_put_count(&json, "selected", info->n_selected);
    }
    print_run_lists(&json, shown);
    cli_json_print(&json);
}

static lobass_status read_run(shown_run *shown, const char *path, lobass_error *error)
{
    lobass_status status = lobass_run_open(&shown->run, path, error);

    if (status == LOBASS_OK)
    {
        status = lobass_run_describe(shown->run, &shown->info, error);
    }
    if (status == LOBASS_OK)
    {
        shown->totals = calloc(shown->info.n_models + 1, sizeof *shown->totals);
        status = shown->totals != NULL ? LOBASS_OK : cli_out_of_memory(error);
    }
    for (size_t i = 0; i < shown->info.n_models && status == LOBASS_OK; i++)
    {
        status = lobass_run_measured(shown->run, i, &shown->totals[i], error);
    }
    return status;
}

static int describe_run(const char *path, bool is_json)
{
    shown_run shown = {0};
    lobass_error error = {0};
    int code = CLI_DONE;

    if (read_run(&shown, path, &error) != LOBASS_OK)
    {
        code = cli_fail(&error);
    }
    else if (is_json)
    {
        print_run_json(&shown);
    }
    else
    {
        print_run(&shown);
    }
    free(shown.totals);
    lobass_run_close(shown.run);
    return cli_finish(code);
}

/* What a folder is follows from a file in it; a model is what is nothing else. */
static const struct
{
    const char *file;
    int (*describe)(const char *path, bool is_json);
} kinds[] = {
    {"/run.db", describe_run},
    {"/adapter_config.json", describe_adapter},
    {"", describe_model},
};

static int describe(const char *path, bool is_json)
{
    size_t size = strlen(path) + sizeof "/adapter_config.json";
    struct stat state;
    char *file = malloc(size);
    size_t kind = 0;

    if (file == NULL)
    {
        cli_message("out of memory");
        return CLI_FAILED;
    }
    for (; kinds[kind].file[0] != '\0'; kind++)
    {
        snprintf(file, size, "%s%s", path, kinds[kind].file);
        if (stat(file, &state) == 0)
        {
            break;
        }
    }
    free(file);
    return kinds[kind].describe(path, is_json);
}

int cmd_info(const cli_call *call)
{
    cli_common common = {0};
    cli_parser parser = {
        .name = "info",
        .usage = "MODEL|ADAPTER|RUN",
        .about = "Says what a folder is: the shape of a model or an adapter, or what was done\n"
                 "in a run.",
        .arguments = "MODEL, ADAPTER or RUN",
        .n_least = 1,
        .n_most = 1,
    };

    cli_options_add_common(&parser, &common, 0);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0)
    {
        code = describe(parser.values[0], common.is_json);
    }
    cli_parser_free(&parser);
    return code;
}
