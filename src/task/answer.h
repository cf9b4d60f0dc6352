/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers that are numbers: a pure function.
 */
#ifndef LB_TASK_ANSWER_H
#define LB_TASK_ANSWER_H

#include "base/base.h"

/* The answer of TEXT by the rule of lobass_answers.h, in the one form that all equal numbers share:
 * no +, no leading or trailing zeros but one before the point, no -0; a fraction that is no decimal
 * number in its lowest terms. IS_CUT: the text was not written to its end, and a number there may
 * be a part of one. *HAS_ANSWER false, and ANSWER empty, where there is none. */
lobass_status lb_answer_find(lb_buffer *answer, bool *has_answer, const char *text,
                             size_t size_bytes, bool is_cut, lobass_error *error);

#endif
