/* SPDX-License-Identifier: Apache-2.0
 *
 * Results as one JSON document on standard output, one at a time. What no terminal should see in it
 * is written \uNNNN.
 */
#ifndef CLI_JSON_OUT_H
#define CLI_JSON_OUT_H

#include "format/format.h"

lb_json_writer cli_json_begin(void);
/* Prints what was written so far. Ends the command where memory ran out. */
void cli_json_flush(lb_json_writer *json);
/* Closes the outermost object, and prints it with a line feed. */
void cli_json_print(lb_json_writer *json);

#endif
