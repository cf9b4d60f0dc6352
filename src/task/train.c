/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_train: the life of a training's folders. What is unfinished lives in OUTPUT.partial:
 *     lock          held while a process works on it
 *     rows/         the run that data files are prepared into; a training on a run has none
 *     held_out/     the run that held-out files are prepared into, where there are any
 *     checkpoint/   see pass/checkpoint.c
 *     model/        the finished model, for the moment before it is moved to OUTPUT
 * The same command again takes up the work where it was left, whatever stopped it. OUTPUT.partial
 * goes away with the last step of a training, and with a failure that left nothing worth keeping.
 */
#include "task/task.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STAGE_NAME_SIZE 80

/* ---- options ----------------------------------------------------------------------------------
 */

static lobass_status check_range(const char *name, double value, double least, double most,
                                 lobass_error *error)
{
    if (!(value >= least && value <= most))
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "%s: expected a number from %g to %g, found %g",
                       name, least, most, value);
    }
    return LOBASS_OK;
}

static lobass_status check_options(const lobass_train_options *options, lobass_error *error)
{
    const bool has_data = options->data != NULL && options->n_data > 0;
    if (options->model == NULL || options->output == NULL || options->output[0] == '\0')
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "expected a model and an output folder");
    }
    if ((options->run != NULL) == has_data)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "%s: expected a run or data files to train on, found %s", options->output,
                       has_data ? "both" : "neither");
    }
    LB_TRY(check_range("epochs", options->n_epochs, 1, 1e6, error));
    LB_TRY(check_range("steps", (double)options->n_steps, 0, 1e12, error));
    LB_TRY(check_range("batch_size", options->batch_size, 1, 1e9, error));
    LB_TRY(check_range("learning_rate", options->learning_rate, 0, 1e3, error));
    LB_TRY(check_range("warmup", options->warmup_ratio, 0, 1, error));
    LB_TRY(check_range("weight_decay", options->weight_decay, 0, 1e3, error));
    LB_TRY(check_range("clip", options->clip, 0, HUGE_VAL, error));
    lb_lora_settings lora;
    return lb_lora_settings_make(&lora, &options->lora, error);
}

/* ---- folders ----------------------------------------------------------------------------------
 */

/* The places of one training; all are owned. */
typedef struct places
{
    char *output; /* without slashes at its end */
    char *partial, *lock, *rows, *held_out, *model, *log;
    char *checkpoint, *checkpoint_new, *checkpoint_done;
    char *checkpoint_log, *output_log;
} places;

static void places_free(places *p)
{
    char *const all[] = {
        p->output,         p->partial,   p->lock,       p->rows,           p->held_out,
        p->model,          p->log,       p->checkpoint, p->checkpoint_new, p->checkpoint_done,
        p->checkpoint_log, p->output_log};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    {
        free(all[i]);
    }
}

static lobass_status places_find(places *p, const char *output, lobass_error *error)
{
    lb_buffer partial = {0};
    size_t size = strlen(output);
    while (size > 1 && output[size - 1] == '/')
    {
        --size;
    }
    p->output = lb_copy_text(output, size, error);
    if (p->output == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY(lb_buffer_print(&partial, error, "%s.partial", p->output));
    p->partial = partial.data;
    p->lock = lb_path_join(p->partial, "lock", error);
    p->rows = lb_path_join(p->partial, "rows", error);
    p->held_out = lb_path_join(p->partial, "held_out", error);
    p->checkpoint = lb_path_join(p->partial, "checkpoint", error);
    p->checkpoint_new = lb_path_join(p->partial, "checkpoint.new", error);
    p->checkpoint_done = lb_path_join(p->partial, "checkpoint.done", error);
    p->model = lb_path_join(p->partial, "model", error);
    if (p->lock == NULL || p->rows == NULL || p->held_out == NULL || p->checkpoint == NULL ||
        p->checkpoint_new == NULL || p->checkpoint_done == NULL || p->model == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    p->log = lb_path_join(p->model, LB_TRAIN_LOG, error);
    p->checkpoint_log = lb_path_join(p->checkpoint, LB_TRAIN_LOG, error);
    p->output_log = lb_path_join(p->output, LB_TRAIN_LOG, error);
    return p->log == NULL || p->checkpoint_log == NULL || p->output_log == NULL
               ? LOBASS_OUT_OF_MEMORY
               : LOBASS_OK;
}

static bool is_there(const char *path)
{
    return lb_path_look(path) != LB_PATH_MISSING;
}

static lobass_status remove_if_there(const char *path, lobass_error *error)
{
    return is_there(path) ? lb_folder_remove(path, error) : LOBASS_OK;
}

static bool is_same_file(const char *a, const char *b)
{
    lb_mapping first = {0};
    lb_mapping second = {0};
    bool is_same = false;
    if (lb_mapping_open(&first, a, NULL) == LOBASS_OK)
    {
        is_same = lb_mapping_open(&second, b, NULL) == LOBASS_OK && first.size > 0 &&
                  first.size == second.size && memcmp(first.data, second.data, first.size) == 0;
    }
    lb_mapping_close(&second);
    lb_mapping_close(&first);
    return is_same;
}

/* Killed after the model was moved and before the rest was cleared: the work is done, if the model
 * that stands there is of the checkpoint's training, and that was at its end (see train_in()). */
static bool is_left_behind(const places *p)
{
    return is_there(p->output) && !is_there(p->model) &&
           is_same_file(p->output_log, p->checkpoint_log);
}

static lobass_status check_entry(void *context, int folder, const char *name, lobass_error *error)
{
    static const char *const names[] = {"lock", "rows", "held_out", "model"};
    const char *partial = context;
    (void)folder;
    /* Also checkpoint.new, and one that stepped aside. */
    bool is_known = strncmp(name, "checkpoint", strlen("checkpoint")) == 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    {
        is_known = is_known || strcmp(name, names[i]) == 0;
    }
    return is_known ? LOBASS_OK
                    : lb_fail(error, LOBASS_CONFLICT,
                              "%s: holds \"%.200s\", which is not of a training; expected no such "
                              "folder or what a stopped training left: name another output",
                              partial, name);
}

/* OUTPUT.partial is removed at the end: one that holds anything else is somebody's own. */
static lobass_status check_partial(const places *p, lobass_error *error)
{
    return is_there(p->partial) ? lb_folder_walk(p->partial, check_entry, p->partial, error)
                                : LOBASS_OK;
}

/* Without a checkpoint at its place, what stands in OUTPUT.partial is of no use to anyone. */
static lobass_status partial_close(const places *p, lobass_error *error)
{
    LB_TRY(remove_if_there(p->checkpoint_new, error));
    if (is_there(p->checkpoint) && rename(p->checkpoint, p->checkpoint_done) != 0)
    {
        return lb_fail_errno(error, p->checkpoint_done, "rename to it");
    }
    return lb_folder_remove(p->partial, error);
}

/* Killed within partial_close(). */
static void clear_finished(const places *p)
{
    if (is_there(p->partial) && !is_there(p->checkpoint) && !is_there(p->checkpoint_new) &&
        check_partial(p, NULL) == LOBASS_OK)
    {
        (void)lb_partial_remove(p->partial, NULL);
    }
}

/* Before a folder that stands there is replaced. */
static lobass_status check_overwritten(const lobass_train_options *options, const places *p,
                                       lobass_error *error)
{
    const char *const read[] = {options->model, options->run};
    LB_TRY(lb_model_folder_check(p->output, read, sizeof read / sizeof *read, error));
    LB_TRY(lb_model_folder_check(p->output, options->held_out, options->n_held_out, error));
    return lb_model_folder_check(p->output, options->data, options->n_data, error);
}

static lobass_status check_output(const lobass_train_options *options, const places *p,
                                  lobass_error *error)
{
    const bool overwrite = options->overwrite;
    if (is_there(p->output) && !overwrite && !is_left_behind(p))
    {
        clear_finished(p);
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: exists already; expected a folder that is to be made", p->output);
    }
    if (is_there(p->output) && lb_path_look(p->output) != LB_PATH_FOLDER)
    {
        return lb_fail(error, LOBASS_CONFLICT, "%s: expected a folder, found a file", p->output);
    }
    LB_TRY(check_partial(p, error));
    return is_there(p->output) && overwrite ? check_overwritten(options, p, error) : LOBASS_OK;
}

/* Takes the lock. With OVERWRITE the rows are prepared anew, since their file may have changed; a
 * checkpoint stays: if it is of this very training, going on from it ends with the same bytes. */
static lobass_status partial_open(const lobass_train_options *options, const places *p,
                                  lb_lock *lock, lobass_error *error)
{
    LB_TRY(check_output(options, p, error));
    LB_TRY(lb_folder_create(p->partial, error));
    LB_TRY(lb_lock_acquire(lock, p->lock, error));
    LB_TRY(check_output(options, p, error));
    if (options->overwrite)
    {
        LB_TRY(remove_if_there(p->rows, error));
        LB_TRY(remove_if_there(p->held_out, error));
    }
    return is_left_behind(p) ? LOBASS_OK : remove_if_there(p->model, error);
}

/* ---- the stages -------------------------------------------------------------------------------
 */

/* Held-out data are made as the rows that are trained on were. */
static lobass_status format_find(lobass_format_options *format, char **chat,
                                 const lobass_train_options *options, lobass_error *error)
{
    lb_store *store = NULL;
    *chat = NULL;
    *format = options->format;
    if (options->run == NULL)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_store_open(&store, options->run, LB_STORE_READ, error));
    const lobass_status status = lb_format_options_load(format, chat, store, error);
    lb_store_close(store);
    return status;
}

/* DATA as the rows of the run FOLDER. What is scored as a whole is cut in windows. */
static lobass_status rows_prepare(const lobass_train_options *options, const char *const *data,
                                  size_t n_data, const char *folder,
                                  const lobass_observer *observer, lobass_error *error)
{
    lobass_prepare_options prepare = lobass_prepare_options_default();
    lobass_prepare_result result;
    char *chat = NULL;
    LB_TRY(format_find(&prepare.format, &chat, options, error));
    prepare.model = options->model;
    prepare.data = data;
    prepare.n_data = n_data;
    prepare.run = folder;
    prepare.format.cuts_windows = true;
    prepare.n_threads = options->n_threads;
    const lobass_status status = lobass_prepare(&prepare, observer, &result, error);
    free(chat);
    LB_TRY(status);
    lb_ignored_log(&result.ignored, observer);
    return LOBASS_OK;
}

static lobass_status held_out_compare(const char *held_out, const char *data,
                                      const lobass_observer *observer, lobass_error *error)
{
    if (strcmp(held_out, "-") == 0 && strcmp(data, "-") == 0)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "-: standard input was named to train on and to hold out; it can be read "
                       "once");
    }
    bool is_same = false;
    LB_TRY(lb_path_is_within(&is_same, held_out, data, error));
    if (is_same)
    {
        lb_observer_log(observer, LOBASS_LOG_WARNING,
                        "train: %s is trained on and held out: its loss says nothing about other "
                        "data",
                        held_out);
    }
    return LOBASS_OK;
}

/* What is held out should not be what is trained on: the data files, or those of the run. */
static lobass_status held_out_check(const lobass_train_options *options,
                                    const lobass_observer *observer, lobass_error *error)
{
    lb_store *store = NULL;
    lb_store_source *sources = NULL;
    size_t n_sources = options->n_data;
    lobass_status status = LOBASS_OK;
    if (options->n_held_out == 0)
    {
        return LOBASS_OK;
    }
    if (options->run != NULL)
    {
        LB_TRY_GOTO(lb_store_open(&store, options->run, LB_STORE_READ, error));
        LB_TRY_GOTO(lb_store_sources_load(&sources, &n_sources, store, error));
    }
    for (size_t i = 0; i < options->n_held_out * n_sources; i++)
    {
        const char *data =
            sources != NULL ? sources[i % n_sources].path : options->data[i % n_sources];
        LB_TRY_GOTO(held_out_compare(options->held_out[i / n_sources], data, observer, error));
    }
done:
    if (sources != NULL)
    {
        lb_store_sources_free(sources, n_sources);
    }
    lb_store_close(store);
    return status;
}

static void describe_adapter(const lb_trainer *trainer, const lobass_observer *observer)
{
    const lb_lora *lora = trainer->model->lora;
    char *targets = NULL;
    (void)lb_lora_targets_print(&targets, lora->settings.targets, NULL);
    lb_observer_log(
        observer, LOBASS_LOG_NOTE,
        "train: an adapter of rank %zu, alpha %g, on %s: %llu parameters beside %llu that "
        "are frozen",
        lora->settings.rank, lora->settings.alpha, targets != NULL ? targets : "its targets",
        (unsigned long long)lora->n_elements, (unsigned long long)trainer->model->n_elements);
    free(targets);
}

static void describe(const lb_trainer *trainer, const lobass_observer *observer)
{
    const lobass_train_options *options = trainer->options;
    const uint64_t n_warmup = (uint64_t)ceil(options->warmup_ratio * (double)trainer->n_steps);
    const double n_epochs = (double)trainer->n_steps / (double)trainer->n_steps_per_epoch;
    char cut[64] = "";
    if (trainer->n_windows > trainer->n_rows)
    {
        (void)snprintf(cut, sizeof cut, " in %zu windows of up to %u tokens", trainer->n_windows,
                       (unsigned)trainer->longest);
    }
    lb_observer_log(
        observer, LOBASS_LOG_NOTE,
        "train: %zu rows%s with %llu tokens (%llu scored), %llu steps of %u (%.4g epochs), "
        "learning rate %g after %llu warm-up steps and then down a cosine to 0, weight decay %g, "
        "clip %g, seed %llu, %s, %u threads",
        trainer->n_rows, cut, (unsigned long long)trainer->n_tokens,
        (unsigned long long)trainer->n_scored, (unsigned long long)trainer->n_steps,
        options->batch_size, n_epochs, options->learning_rate, (unsigned long long)n_warmup,
        options->weight_decay, options->clip, (unsigned long long)options->seed,
        trainer->compute_dtype == LB_BF16 ? "bf16" : "fp32",
        lb_pool_thread_count(trainer->compute->pool));
    if (trainer->model->lora != NULL)
    {
        describe_adapter(trainer, observer);
    }
    if (trainer->n_nonfinite > 0)
    {
        lb_observer_log(observer, LOBASS_LOG_WARNING,
                        "train: %zu rows are left out: their loss under \"initial\" is not finite",
                        trainer->n_nonfinite);
    }
    if (trainer->state.step > 0)
    {
        lb_observer_log(observer, LOBASS_LOG_NOTE, "train: goes on after step %llu",
                        (unsigned long long)trainer->state.step);
    }
}

/* Takes the steps that are left. A checkpoint is written when it is due, at the end, and when the
 * caller cancels. */
static lobass_status steps_take(lb_trainer *trainer, const places *p,
                                const lobass_observer *observer, lobass_error *error)
{
    char name[STAGE_NAME_SIZE];
    lb_stage stage;
    double saved_seconds = lb_clock_seconds();
    (void)snprintf(name, sizeof name, "train %s", lb_path_name(p->output));
    lb_stage_begin(&stage, observer, name, "steps", trainer->state.step, trainer->n_steps);
    while (trainer->state.step < trainer->n_steps)
    {
        lb_train_step step;
        LB_TRY(lb_trainer_step(trainer, &step, error));
        if (isinf(step.held_out_loss))
        {
            lb_observer_log(observer, LOBASS_LOG_WARNING,
                            "train: after step %llu the held-out loss is not finite",
                            (unsigned long long)trainer->state.step);
        }
        else if (!isnan(step.held_out_loss))
        {
            lb_observer_log(observer, LOBASS_LOG_NOTE,
                            "train: after step %llu, held out: %.4f nats a token, %.4f bits a byte",
                            (unsigned long long)trainer->state.step, step.held_out_loss,
                            step.held_out_bits_per_byte);
        }
        const lobass_status status =
            lb_stage_advance(&stage, trainer->state.step, step.n_tokens, step.loss, error);
        const bool is_last = trainer->state.step == trainer->n_steps;
        const double now = lb_clock_seconds();
        if (status != LOBASS_OK || is_last ||
            now - saved_seconds >= (double)trainer->options->checkpoint_seconds)
        {
            LB_TRY(lb_checkpoint_save(trainer, p->partial, error));
            saved_seconds = lb_clock_seconds();
            lb_observer_log(observer, LOBASS_LOG_DETAIL, "train: checkpoint after step %llu in %s",
                            (unsigned long long)trainer->state.step, p->partial);
        }
        LB_TRY(status);
    }
    return lb_stage_end(&stage, error);
}

static lobass_status model_write(const lb_trainer *trainer, const places *p, lobass_error *error)
{
    const lobass_train_options *options = trainer->options;
    const lb_buffer *log = &trainer->state.log;
    LB_TRY(lb_folder_create(p->model, error));
    LB_TRY(trainer->model->lora != NULL
               ? lb_lora_save(trainer->model, p->model, options->model, error)
               : lb_model_save(trainer->model, p->model, options->model, error));
    LB_TRY(lb_file_write(p->log, log->data, log->size, true, error));
    return lb_folder_move(p->model, p->output, options->overwrite, error);
}

static void result_fill(lobass_train_result *result, lb_trainer *trainer, double began_seconds)
{
    result->n_rows = trainer->n_rows;
    result->n_steps = trainer->n_steps;
    lb_trainer_count_tokens(trainer, &result->n_tokens, &result->n_scored_tokens);
    result->held_out_loss = trainer->state.held_out_loss;
    result->held_out_bits_per_byte = trainer->state.held_out_bits_per_byte;
    result->first_loss = trainer->state.first_loss;
    result->last_loss = trainer->state.last_loss;
    result->elapsed_seconds = lb_clock_seconds() - began_seconds;
}

/* A trainer at its checkpoint's step, or at 0. With OVERWRITE a checkpoint that is damaged or of
 * another training is thrown away instead of refused. */
static lobass_status trainer_open(lb_trainer **trainer, const lobass_train_options *options,
                                  const places *p, lobass_error *error)
{
    const char *run = options->run != NULL ? options->run : p->rows;
    const char *held_out = options->n_held_out > 0 ? p->held_out : NULL;
    bool is_found = false;
    LB_TRY(lb_trainer_create(trainer, options, run, held_out, 0, error));
    const lobass_status status = lb_checkpoint_load(*trainer, p->partial, &is_found, error);
    const bool is_useless = status == LOBASS_CONFLICT || status == LOBASS_BAD_FORMAT;
    if (!is_useless || !options->overwrite)
    {
        return status;
    }
    lb_trainer_free(*trainer);
    *trainer = NULL;
    LB_TRY(lb_checkpoint_remove(p->partial, error));
    return lb_trainer_create(trainer, options, run, held_out, 0, error);
}

static lobass_status train_in(const lobass_train_options *options, const places *p,
                              const lobass_observer *observer, lobass_train_result *result,
                              lobass_error *error)
{
    const double began_seconds = lb_clock_seconds();
    lobass_status status = LOBASS_OK;
    lb_trainer *trainer = NULL;
    const bool is_done = !options->overwrite && is_left_behind(p);
    LB_TRY(held_out_check(options, observer, error));
    if (options->n_held_out > 0) /* first: it is small, and what is wrong with it shows at once */
    {
        LB_TRY(rows_prepare(options, options->held_out, options->n_held_out, p->held_out, observer,
                            error));
    }
    if (options->run == NULL)
    {
        LB_TRY(rows_prepare(options, options->data, options->n_data, p->rows, observer, error));
    }
    LB_TRY_GOTO(trainer_open(&trainer, options, p, error));
    if (!is_done)
    {
        describe(trainer, observer);
        LB_TRY_GOTO(steps_take(trainer, p, observer, error));
        LB_TRY_GOTO(model_write(trainer, p, error));
    }
    else if (trainer->state.step != trainer->n_steps)
    {
        status = lb_fail(error, LOBASS_CONFLICT,
                         "%s: exists already; expected a folder that is to be made", p->output);
        goto done;
    }
    result_fill(result, trainer, began_seconds);
done:
    lb_trainer_free(trainer);
    return status;
}

lobass_status lobass_train(const lobass_train_options *options, const lobass_observer *observer,
                           lobass_train_result *result, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    lobass_train_result unused;
    places p = {0};
    lb_lock lock = {0};
    lb_lock hold = {0};
    LB_TRY(check_options(options, error));
    LB_TRY_GOTO(places_find(&p, options->output, error));
    const bool is_new = !is_there(p.partial);
    if (options->run != NULL)
    {
        LB_TRY_GOTO(lb_run_rows_keep(&hold, options->run, error));
    }
    LB_TRY_GOTO(partial_open(options, &p, &lock, error));
    status = train_in(options, &p, observer, result != NULL ? result : &unused, error);
    /* What is left of a failed start would only stand in the way of the corrected command. */
    const bool is_worthless =
        is_new && status != LOBASS_CANCELLED && !is_there(p.checkpoint) && !is_there(p.output);
    if (status == LOBASS_OK)
    {
        status = partial_close(&p, error);
    }
    else if (is_worthless)
    {
        (void)lb_folder_remove(p.partial, NULL);
    }
done:
    lb_lock_release(&hold);
    lb_lock_release(&lock);
    places_free(&p);
    return status;
}
