/* SPDX-License-Identifier: Apache-2.0
 *
 * The language as this engine has it: its tables in one. A rendering is handed it, and filters and
 * methods that call others find them there.
 */
#include "jinja/jinja_private.h"

static const filter_row *const filters[] = {lb_jinja_text_filters, lb_jinja_value_filters,
                                            lb_jinja_sequence_filters, lb_jinja_order_filters,
                                            NULL};

const language lb_jinja_language = {filters, lb_jinja_tests, lb_jinja_methods, lb_jinja_functions};
