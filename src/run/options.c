/* SPDX-License-Identifier: Apache-2.0
 *
 * Defaults of the tasks' options, the reading of amounts, and
 * what a dtype means on this machine.
 */
#include "run/run.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHECKPOINT_SECONDS 60
#define DEFAULT_FLOOR 1e-3    /* nats per token */
#define DEFAULT_FRACTION 0.06 /* where the paper's selection beats the full data */

/* ---- defaults ---------------------------------------------------------------------------------
 */

lobass_format_options lobass_format_options_default(void)
{
    return (lobass_format_options){
        .eos = LOBASS_EOS_COUNT, .boundary = LOBASS_BOUNDARY_SPLIT, .turns = LOBASS_TURNS_ALL};
}

lobass_prepare_options lobass_prepare_options_default(void)
{
    return (lobass_prepare_options){.format = lobass_format_options_default()};
}

lobass_measure_options lobass_measure_options_default(void)
{
    return (lobass_measure_options){.dtype = LOBASS_DTYPE_AUTO};
}

lobass_train_options lobass_train_options_default(void)
{
    const lobass_train_options options = {.format = lobass_format_options_default(),
                                          .n_epochs = 3,
                                          .batch_size = 128,
                                          .learning_rate = 2e-5,
                                          .warmup_ratio = 0.03,
                                          .weight_decay = 0,
                                          .clip = 1,
                                          .checkpoint_seconds = CHECKPOINT_SECONDS,
                                          .dtype = LOBASS_DTYPE_AUTO};
    return options;
}

lobass_selection_spec lobass_selection_spec_default(void)
{
    return (lobass_selection_spec){.amount = {LOBASS_AMOUNT_FRACTION, DEFAULT_FRACTION},
                                   .by = LOBASS_SCORE_LEARNABILITY,
                                   .direction = LOBASS_DIRECTION_DEFAULT,
                                   .floor = DEFAULT_FLOOR,
                                   .max_reference = INFINITY};
}

lobass_select_options lobass_select_options_default(void)
{
    return (lobass_select_options){.spec = lobass_selection_spec_default()};
}

lobass_run_options lobass_run_options_default(void)
{
    return (lobass_run_options){.prepare = lobass_prepare_options_default(),
                                .train = lobass_train_options_default(),
                                .select = lobass_select_options_default(),
                                .dtype = LOBASS_DTYPE_AUTO};
}

/* ---- names ------------------------------------------------------------------------------------
 */

const char *lobass_template_name(size_t index)
{
    const char *name = lb_template_name_at(index);
    return name == NULL && (index == 0 || lb_template_name_at(index - 1) != NULL) ? "chat" : name;
}

bool lb_row_status_is_selectable(lobass_row_status status)
{
    return status == LOBASS_ROW_OK || status == LOBASS_ROW_TRUNCATED;
}

/* ---- amounts ----------------------------------------------------------------------------------
 */

static lobass_status amount_fail(const char *text, const char *why, lobass_error *error)
{
    return lb_fail(error, LOBASS_BAD_ARGUMENT,
                   "amount \"%.100s\": %s; expected rows (800), a share (6%% or 0.06), a "
                   "budget of scored tokens (50000tok) or all",
                   text, why);
}

lobass_status lobass_amount_parse(const char *text, lobass_amount *amount, lobass_error *error)
{
    /* Not strtod alone: it takes blanks, signs, hexadecimal, "inf" and "nan" too. */
    const size_t n_digits = strspn(text, "0123456789.eE+-");
    if (strcmp(text, "all") == 0)
    {
        *amount = (lobass_amount){LOBASS_AMOUNT_ALL, 0};
        return LOBASS_OK;
    }
    if (text[0] < '.' || text[0] > '9' || text[0] == '/' || n_digits == 0)
    {
        return amount_fail(text, "not a number", error);
    }
    char *end = NULL;
    errno = 0;
    const double value = lb_real_parse(text, &end);
    if (end == text || errno == ERANGE || !isfinite(value) || text[1] == 'x' || text[1] == 'X')
    {
        return amount_fail(text, "not a number", error);
    }
    const bool has_point = memchr(text, '.', (size_t)(end - text)) != NULL;
    const bool is_whole = value == floor(value) && value < 9007199254740992.0;
    lobass_amount found = {LOBASS_AMOUNT_COUNT, value};
    if (strcmp(end, "%") == 0)
    {
        found = (lobass_amount){LOBASS_AMOUNT_FRACTION, value / 100};
    }
    else if (strcmp(end, "tok") == 0)
    {
        found.kind = LOBASS_AMOUNT_TOKENS;
    }
    else if (*end != '\0')
    {
        return amount_fail(text, "something follows the number", error);
    }
    else if (value < 1 || !is_whole || has_point)
    {
        found.kind = LOBASS_AMOUNT_FRACTION;
    }
    if (found.value <= 0)
    {
        return amount_fail(text, "nothing would be selected", error);
    }
    if (found.kind == LOBASS_AMOUNT_FRACTION && found.value > 1)
    {
        return amount_fail(text,
                           *end == '\0' && has_point
                               ? "with a point it is a share, and that more than all rows"
                               : "more than all rows",
                           error);
    }
    if (found.kind != LOBASS_AMOUNT_FRACTION && !is_whole)
    {
        return amount_fail(text, "not a whole number", error);
    }
    *amount = found;
    return LOBASS_OK;
}

/* ---- dtype ------------------------------------------------------------------------------------
 */

lobass_status lb_compute_dtype_choose(lb_dtype *dtype, lobass_dtype wanted, lobass_error *error)
{
    switch (wanted)
    {
    case LOBASS_DTYPE_AUTO:
    {
        lb_cpu cpu;
        LB_TRY(lb_cpu_choose(&cpu, error));
        *dtype = cpu.has_fast_bf16 ? LB_BF16 : LB_F32;
        return LOBASS_OK;
    }
    case LOBASS_DTYPE_FP32:
        *dtype = LB_F32;
        return LOBASS_OK;
    case LOBASS_DTYPE_BF16:
        *dtype = LB_BF16;
        return LOBASS_OK;
    }
    return lb_fail(error, LOBASS_UNSUPPORTED, "dtype number %d: expected auto, fp32 or bf16",
                   (int)wanted);
}
