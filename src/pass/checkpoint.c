/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints of a training: a folder that holds
 *     state.safetensors   masters and moments (optimizer.c)
 *     train_log.csv       the lines of the steps taken
 *     state.json          step, losses, the recorded options, and the hashes of the two files above
 * It is written as checkpoint.new with state.json last, then moved over the older one: whoever
 * finds a state.json at its place finds a whole checkpoint. A kill within the move can leave either
 * of the two in checkpoint.new: the one with more steps is taken.
 */
#include "pass/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STATE_VERSION 2 /* 1 had its log as JSON Lines */
#define LOG_BYTES_MOST ((size_t)1 << 32)

static const char state_file[] = "state.json";
static const char log_file[] = LB_TRAIN_LOG;
static const char weights_file[] = "state.safetensors";
static const char held_out_loss[] = "held_out_loss";
static const char held_out_bits[] = "held_out_bits_per_byte";

/* ---- writing ----------------------------------------------------------------------------------
 */

static lobass_status file_hash(const char *path, char text[LB_HASH_TEXT_SIZE], lobass_error *error)
{
    lb_mapping mapping = {0};
    LB_TRY(lb_mapping_open(&mapping, path, error));
    lb_hash_text(lb_hash_bytes(mapping.data, mapping.size, 0), text);
    lb_mapping_close(&mapping);
    return LOBASS_OK;
}

/* Absent where it is none; false: no memory. */
static bool put_finite(json_t *object, const char *key, double value)
{
    return !isfinite(value) || json_object_set_new(object, key, json_real(value)) == 0;
}

static json_t *state_to_json(const lb_trainer *trainer, const char *weights_hash,
                             const char *log_hash)
{
    const lb_train_state *state = &trainer->state;
    json_t *object = json_pack("{s:i, s:I, s:f, s:f, s:O, s:s, s:s}", "version", STATE_VERSION,
                               "step", (json_int_t)state->step, "first_loss", state->first_loss,
                               "last_loss", state->last_loss, "options", trainer->record,
                               weights_file, weights_hash, log_file, log_hash);
    if (object != NULL && (!put_finite(object, held_out_loss, state->held_out_loss) ||
                           !put_finite(object, held_out_bits, state->held_out_bits_per_byte)))
    {
        json_decref(object);
        object = NULL;
    }
    return object;
}

static lobass_status state_write(const lb_trainer *trainer, const char *folder,
                                 const char *log_path, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    char weights_hash[LB_HASH_TEXT_SIZE];
    char log_hash[LB_HASH_TEXT_SIZE];
    json_t *state = NULL;
    char *text = NULL;
    char *weights_path = lb_path_join(folder, weights_file, error);
    char *state_path = lb_path_join(folder, state_file, error);
    if (weights_path == NULL || state_path == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    LB_TRY_GOTO(file_hash(weights_path, weights_hash, error));
    LB_TRY_GOTO(file_hash(log_path, log_hash, error));
    state = state_to_json(trainer, weights_hash, log_hash);
    text = state == NULL ? NULL : json_dumps(state, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    status = text == NULL ? lb_fail_memory(error, sizeof *state)
                          : lb_file_write(state_path, text, strlen(text), true, error);
done:
    free(text);
    json_decref(state);
    free(state_path);
    free(weights_path);
    return status;
}

static lobass_status checkpoint_write(const lb_trainer *trainer, const char *folder,
                                      lobass_error *error)
{
    const lb_buffer *log = &trainer->state.log;
    if (lb_path_look(folder) != LB_PATH_MISSING)
    {
        LB_TRY(lb_folder_remove(folder, error));
    }
    LB_TRY(lb_folder_create(folder, error));
    LB_TRY(lb_optimizer_save(trainer->optimizer, trainer->model, folder, error));
    char *log_path = lb_path_join(folder, log_file, error);
    if (log_path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = lb_file_write(log_path, log->data, log->size, true, error);
    if (status == LOBASS_OK)
    {
        status = state_write(trainer, folder, log_path, error);
    }
    free(log_path);
    return status;
}

lobass_status lb_checkpoint_save(const lb_trainer *trainer, const char *partial,
                                 lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    char *place = lb_path_join(partial, "checkpoint", error);
    char *fresh = lb_path_join(partial, "checkpoint.new", error);
    if (place != NULL && fresh != NULL)
    {
        status = checkpoint_write(trainer, fresh, error);
        if (status == LOBASS_OK)
        {
            status = lb_folder_move(fresh, place, true, error);
        }
    }
    free(fresh);
    free(place);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static lobass_status hash_check(const json_t *state, const char *state_path, const char *folder,
                                const char *name, lobass_error *error)
{
    const char *expected = NULL;
    char found[LB_HASH_TEXT_SIZE];
    LB_TRY(lb_json_text(state, state_path, name, false, &expected, error));
    char *path = lb_path_join(folder, name, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = file_hash(path, found, error);
    if (status == LOBASS_OK && strcmp(found, expected) != 0)
    {
        status = lb_fail(error, LOBASS_BAD_FORMAT,
                         "%s: its hash is %s, expected %s: it was changed or damaged", path, found,
                         expected);
    }
    free(path);
    return status;
}

static lobass_status log_read(lb_trainer *trainer, const char *folder, lobass_error *error)
{
    char *path = lb_path_join(folder, log_file, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lb_buffer_clear(&trainer->state.log);
    const lobass_status status = lb_file_read(&trainer->state.log, path, LOG_BYTES_MOST, error);
    free(path);
    return status;
}

static lobass_status options_check(const lb_trainer *trainer, const json_t *state,
                                   const char *state_path, lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    const json_t *recorded = json_object_get(state, "options");
    if (!json_is_object(recorded))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"options\": expected an object, found %s", state_path,
                       lb_json_kind(recorded));
    }
    char *before = json_dumps(recorded, JSON_COMPACT | JSON_REAL_PRECISION(17));
    char *now = json_dumps(trainer->record, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (before == NULL || now == NULL)
    {
        (void)lb_fail_memory(error, sizeof *recorded);
    }
    else
    {
        status = lb_options_compare(before, now, state_path, error);
    }
    free(now);
    free(before);
    return status;
}

/* What an earlier call held out is not the loss of a training that goes on without. */
static lobass_status held_out_read(lb_trainer *trainer, const json_t *state, const char *state_path,
                                   lobass_error *error)
{
    lb_train_state *own = &trainer->state;
    if (trainer->held_out.n_windows == 0)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_json_real(state, state_path, held_out_loss, true, &own->held_out_loss, error));
    return lb_json_real(state, state_path, held_out_bits, true, &own->held_out_bits_per_byte,
                        error);
}

static lobass_status state_read(lb_trainer *trainer, const json_t *state, const char *state_path,
                                const char *folder, lobass_error *error)
{
    int64_t version = 0;
    int64_t step = 0;
    LB_TRY(lb_json_integer(state, state_path, "version", STATE_VERSION, STATE_VERSION, false,
                           &version, error));
    LB_TRY(options_check(trainer, state, state_path, error));
    LB_TRY(lb_json_integer(state, state_path, "step", 0, (int64_t)trainer->n_steps, false, &step,
                           error));
    LB_TRY(lb_json_real(state, state_path, "first_loss", false, &trainer->state.first_loss, error));
    LB_TRY(lb_json_real(state, state_path, "last_loss", false, &trainer->state.last_loss, error));
    LB_TRY(held_out_read(trainer, state, state_path, error));
    LB_TRY(hash_check(state, state_path, folder, weights_file, error));
    LB_TRY(hash_check(state, state_path, folder, log_file, error));
    LB_TRY(log_read(trainer, folder, error));
    LB_TRY(lb_optimizer_load(trainer->optimizer, trainer->model, folder, error));
    if (trainer->optimizer->step != (uint64_t)step)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"step\": expected %llu, found %lld",
                       state_path, (unsigned long long)trainer->optimizer->step, (long long)step);
    }
    trainer->state.step = (uint64_t)step;
    return LOBASS_OK;
}

/* The steps that FOLDER's checkpoint has taken; -1 where there is none. */
static lobass_status steps_look(const char *folder, int64_t *step, lobass_error *error)
{
    json_t *state = NULL;
    lobass_status status = LOBASS_OK;
    char *path = lb_path_join(folder, state_file, error);
    *step = -1;
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    if (lb_path_look(path) != LB_PATH_MISSING)
    {
        LB_TRY_GOTO(lb_json_load(&state, path, error));
        LB_TRY_GOTO(lb_json_integer(state, path, "step", 0, INT64_MAX, false, step, error));
    }
done:
    json_decref(state);
    free(path);
    return status;
}

static lobass_status checkpoint_read(lb_trainer *trainer, const char *folder, lobass_error *error)
{
    json_t *state = NULL;
    char *path = lb_path_join(folder, state_file, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = lb_json_load(&state, path, error);
    if (status == LOBASS_OK)
    {
        status = state_read(trainer, state, path, folder, error);
    }
    json_decref(state);
    free(path);
    return status;
}

static lobass_status younger_read(lb_trainer *trainer, const char *place, const char *fresh,
                                  bool *is_found, lobass_error *error)
{
    int64_t place_step = -1;
    int64_t fresh_step = -1;
    LB_TRY(steps_look(place, &place_step, error));
    LB_TRY(steps_look(fresh, &fresh_step, error));
    if (fresh_step > place_step)
    {
        LB_TRY(lb_folder_move(fresh, place, true, error));
    }
    *is_found = fresh_step >= 0 || place_step >= 0;
    return *is_found ? checkpoint_read(trainer, place, error) : LOBASS_OK;
}

lobass_status lb_checkpoint_load(lb_trainer *trainer, const char *partial, bool *is_found,
                                 lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    char *place = lb_path_join(partial, "checkpoint", error);
    char *fresh = lb_path_join(partial, "checkpoint.new", error);
    *is_found = false;
    if (place != NULL && fresh != NULL)
    {
        status = younger_read(trainer, place, fresh, is_found, error);
    }
    free(fresh);
    free(place);
    return status;
}

lobass_status lb_checkpoint_remove(const char *partial, lobass_error *error)
{
    static const char *const names[] = {"checkpoint", "checkpoint.new"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i)
    {
        char *folder = lb_path_join(partial, names[i], error);
        if (folder == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        const lobass_status status =
            lb_path_look(folder) == LB_PATH_MISSING ? LOBASS_OK : lb_folder_remove(folder, error);
        free(folder);
        LB_TRY(status);
    }
    return LOBASS_OK;
}
