/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder in memory: taken, put back, and compared; byte for byte, or as two results of the same
 * work are: a run's database by its rows, times masked.
 */
#ifndef FAULT_TREE_H
#define FAULT_TREE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tree_entry
{
    char *name; /* within the folder */
    bool is_folder;
    char *data; /* of a file; a NUL follows */
    size_t size;
} tree_entry;

typedef struct tree
{
    tree_entry *entries; /* [n], by name */
    size_t n;
} tree;

/* A folder that is not there is an empty tree. Whatever fails here ends the program. */
tree tree_take(const char *folder);
void tree_put(const tree *of, const char *folder); /* and nothing else stays there */
void tree_free(tree *of);
const tree_entry *tree_find(const tree *in, const char *name);
bool tree_same(const tree *a, const tree *b); /* every byte */
bool entry_same(const tree_entry *a, const tree_entry *b);

/* The tree as a result: databases are their rows as text, seconds and hours are masked, the logs
 * and locks of the database are left out. */
tree tree_result(const char *folder);
/* The first difference in *WHAT [SIZE]; false when there is none. */
bool tree_differs(const tree *found, const tree *expected, char *what, size_t size);
/* In place. */
void mask_times(char *text);

void *must(void *memory);
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
