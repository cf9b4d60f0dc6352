/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands: one function a file. ARGC and ARGV hold what follows the command's name; the
 * return value is the exit code of the process.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "program.h"

int cmd_run(const cli_call *call);
int cmd_prepare(const cli_call *call);
int cmd_measure(const cli_call *call);
int cmd_evaluate(const cli_call *call);
int cmd_train(const cli_call *call);
int cmd_select(const cli_call *call);
int cmd_scores(const cli_call *call);
int cmd_compare(const cli_call *call);
int cmd_report(const cli_call *call);
int cmd_show(const cli_call *call);
int cmd_experiment(const cli_call *call);
int cmd_init(const cli_call *call);
int cmd_generate(const cli_call *call);
int cmd_tokens(const cli_call *call);
int cmd_info(const cli_call *call);

#endif
