/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs of tools/ share with the command: its options, its console, its progress, its
 * results. The library lb_cli holds it all, which is every file here but the commands themselves.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "console.h"
#include "json_out.h"
#include "options.h"
#include "program.h"
#include "progress.h"
#include "result.h"

#endif
