/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/model: the pieces that config.c and config_rope.c share, and the parser without
 * its file, for the fuzz target.
 */
#ifndef LB_MODEL_CONFIG_H
#define LB_MODEL_CONFIG_H

#include "model/model.h"

/* Reads the text of a config.json; WHERE opens the messages. */
lobass_status lb_config_parse(lb_config *config, const char *data, size_t size_bytes,
                              const char *where, lobass_error *error);

/* Fills the rope_* members from ROOT, the whole document. */
lobass_status lb_config_parse_rope(lb_config *config, const json_t *root, double default_theta,
                                   const char *where, lobass_error *error);

#define LB_QUOTED_SIZE 72

/* TEXT on one line and of bounded length, for messages; returns QUOTED. */
const char *lb_config_quote(char quoted[LB_QUOTED_SIZE], const char *text);

#endif
