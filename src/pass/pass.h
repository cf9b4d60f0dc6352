/* SPDX-License-Identifier: Apache-2.0
 *
 * L5. Rows through a model: packs scored side by side (scorers.h), rows cut in windows (windows.h),
 * loss on held-out data (held_out.h), losses held against another layout's (verify.h), training
 * (trainer.h: steps and checkpoints), one token out of a distribution (sample.h), and what the log
 * of a training says (train_log.c).
 */
#ifndef LB_PASS_H
#define LB_PASS_H

#include "pass/held_out.h"
#include "pass/sample.h"
#include "pass/scorers.h"
#include "pass/trainer.h"
#include "pass/verify.h"
#include "pass/windows.h"
#include "run/run.h"

/* ---- the log of a training (train_log.c) ------------------------------------------------------
 */

/* Steps, first and last loss of the training that made the model in FOLDER, from its log. */
lobass_status lb_train_log_recall(lobass_train_result *result, const char *folder,
                                  lobass_error *error);
/* What the training of RUN/reference came to, from its log and the run's rows; *IS_THERE false
 * where there is no log. */
lobass_status lb_reference_recall(lobass_train_result *result, bool *is_there, lb_store *store,
                                  lobass_error *error);

#endif
