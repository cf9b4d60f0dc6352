/* SPDX-License-Identifier: Apache-2.0
 *
 * Some hundred true facts of everyday knowledge, each a pair of words in a relation, and how each
 * relation is asked about and answered. The base model saw them while it was pretrained
 * (demo_facts.c); the demo's set is made of them (demo_data.c).
 */
#ifndef DEMO_FACTS_H
#define DEMO_FACTS_H

#include <stddef.h>

#define N_QUESTION_FORMS 3

typedef struct demo_pair
{
    const char *subject, *value; /* "France", "Paris" */
} demo_pair;

typedef struct demo_relation
{
    const char *name;                        /* "capital": what a card calls it */
    const char *questions[N_QUESTION_FORMS]; /* one %s: the subject */
    const char *answer;                      /* two %s: subject and value */
    const demo_pair *pairs;                  /* [n_pairs] */
    size_t n_pairs;
} demo_relation;

extern const demo_relation demo_relations[];
extern const size_t demo_n_relations;

#endif
