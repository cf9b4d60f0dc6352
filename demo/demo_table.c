/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the scores of a run and the kinds of the rows it was made from, and prints which kinds were
 * chosen: of each kind its share of the set, of the selection, and of as many of the longest rows
 * (what choosing by length alone would give), with mean losses and scores. Fails when the learnable
 * kind does not lead the selection.
 *
 *   demo_table RUN/scores.jsonl sft.jsonl
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static const char *const kinds[] = {"known", "learnable", "noise", "wrong"};
#define N_KINDS (sizeof kinds / sizeof kinds[0])
#define LEARNABLE 1
#define LINE_SIZE 65536

typedef struct scored_row
{
    unsigned kind;
    json_int_t n_tokens;
    double initial_loss, reference_loss, learnability;
    bool is_selected;
} scored_row;

typedef struct row_table
{
    scored_row *rows; /* [count] */
    size_t count, capacity;
} row_table;

/* What is printed of one kind; sums over its rows. */
typedef struct kind_sums
{
    size_t n_rows, n_selected, n_longest;
    double n_tokens, initial_loss, reference_loss, learnability;
} kind_sums;

/* ---- reading ----------------------------------------------------------------------------------
 */

/* The object on the next line; NULL at the end. A line that is none ends the program. */
static json_t *line_load(FILE *file, const char *path, size_t number)
{
    static char line[LINE_SIZE];
    json_error_t cause;
    if (fgets(line, sizeof line, file) == NULL)
    {
        return NULL;
    }
    json_t *object = json_loads(line, 0, &cause);
    if (object == NULL)
    {
        (void)fprintf(stderr, "demo_table: %s:%zu: %s\n", path, number, cause.text);
        exit(EXIT_FAILURE);
    }
    return object;
}

static bool kind_find(const json_t *record, unsigned *kind)
{
    const char *name = json_string_value(json_object_get(record, "kind"));
    for (*kind = 0; *kind < N_KINDS; ++*kind)
    {
        if (name != NULL && strcmp(name, kinds[*kind]) == 0)
        {
            return true;
        }
    }
    return false;
}

/* False where a row lacks what the table needs. */
static bool row_read(scored_row *row, const json_t *scores, const json_t *record)
{
    const json_t *initial = json_object_get(scores, "initial_loss");
    const json_t *reference = json_object_get(scores, "reference_loss");
    const json_t *learnability = json_object_get(scores, "learnability");
    row->n_tokens = json_integer_value(json_object_get(scores, "n_tokens"));
    row->initial_loss = json_number_value(initial);
    row->reference_loss = json_number_value(reference);
    row->learnability = json_number_value(learnability);
    row->is_selected = json_is_true(json_object_get(scores, "selected"));
    return kind_find(record, &row->kind) && json_is_number(initial) && json_is_number(reference) &&
           json_is_number(learnability);
}

static void row_append(row_table *table, const scored_row *row)
{
    if (table->count == table->capacity)
    {
        table->capacity = table->capacity == 0 ? 1024 : 2 * table->capacity;
        scored_row *grown = realloc(table->rows, table->capacity * sizeof *grown);
        if (grown == NULL)
        {
            (void)fprintf(stderr, "demo_table: out of memory\n");
            exit(EXIT_FAILURE);
        }
        table->rows = grown;
    }
    table->rows[table->count++] = *row;
}

/* Both files are in the order of the data, a line a record. *N_UNSCORED counts the others. */
static void table_load(row_table *table, size_t *n_unscored, const char *scores_path,
                       const char *records_path)
{
    FILE *scores_file = fopen(scores_path, "r");
    FILE *records_file = fopen(records_path, "r");
    if (scores_file == NULL || records_file == NULL)
    {
        perror(scores_file == NULL ? scores_path : records_path);
        exit(EXIT_FAILURE);
    }
    for (size_t number = 1;; ++number)
    {
        scored_row row;
        json_t *scores = line_load(scores_file, scores_path, number);
        json_t *record = line_load(records_file, records_path, number);
        if (scores != NULL && record != NULL && row_read(&row, scores, record))
        {
            row_append(table, &row);
        }
        else if (scores != NULL && record != NULL)
        {
            ++*n_unscored;
        }
        const bool is_end = scores == NULL || record == NULL;
        json_decref(scores);
        json_decref(record);
        if (is_end)
        {
            break;
        }
    }
    (void)fclose(records_file);
    (void)fclose(scores_file);
}

/* ---- printing ----------------------------------------------------------------------------------
 */

static int longer_first(const void *a, const void *b)
{
    const scored_row *first = a;
    const scored_row *second = b;
    return (first->n_tokens < second->n_tokens) - (first->n_tokens > second->n_tokens);
}

static size_t sums_make(kind_sums sums[N_KINDS], row_table *table)
{
    size_t n_selected = 0;
    for (size_t i = 0; i < table->count; ++i)
    {
        const scored_row *row = &table->rows[i];
        kind_sums *sum = &sums[row->kind];
        sum->n_rows++;
        sum->n_selected += row->is_selected ? 1 : 0;
        sum->n_tokens += (double)row->n_tokens;
        sum->initial_loss += row->initial_loss;
        sum->reference_loss += row->reference_loss;
        sum->learnability += row->learnability;
        n_selected += row->is_selected ? 1 : 0;
    }
    qsort(table->rows, table->count, sizeof *table->rows, longer_first);
    for (size_t i = 0; i < n_selected; ++i)
    {
        sums[table->rows[i].kind].n_longest++;
    }
    return n_selected;
}

static double percent(size_t part, size_t whole)
{
    return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

static void sums_print(const kind_sums sums[N_KINDS], size_t n_rows, size_t n_selected)
{
    (void)printf("\n%-10s %5s %7s %9s %7s   %8s %12s %9s %12s\n", "", "", "of the", "of the",
                 "of the", "mean", "mean initial", "reference", "mean");
    (void)printf("%-10s %5s %7s %9s %7s   %8s %12s %9s %12s\n", "kind", "rows", "set", "selection",
                 "longest", "tokens", "loss", "loss", "learnability");
    for (size_t i = 0; i < N_KINDS; ++i)
    {
        const kind_sums *sum = &sums[i];
        const double n = sum->n_rows == 0 ? 1 : (double)sum->n_rows;
        (void)printf("%-10s %5zu %6.1f%% %8.1f%% %6.1f%%   %8.1f %12.3f %9.3f %12.3f\n", kinds[i],
                     sum->n_rows, percent(sum->n_rows, n_rows),
                     percent(sum->n_selected, n_selected), percent(sum->n_longest, n_selected),
                     sum->n_tokens / n, sum->initial_loss / n, sum->reference_loss / n,
                     sum->learnability / n);
    }
}

int main(int argc, char **argv)
{
    row_table table = {0};
    kind_sums sums[N_KINDS] = {0};
    size_t n_unscored = 0;
    if (argc != 3)
    {
        (void)fprintf(stderr, "usage: demo_table RUN/scores.jsonl sft.jsonl\n");
        return 2;
    }
    table_load(&table, &n_unscored, argv[1], argv[2]);
    const size_t n_selected = sums_make(sums, &table);
    sums_print(sums, table.count, n_selected);
    free(table.rows);
    if (n_unscored > 0)
    {
        (void)printf("%zu rows have no score\n", n_unscored);
    }
    const double share = percent(sums[LEARNABLE].n_selected, n_selected);
    const double expected = percent(sums[LEARNABLE].n_rows, table.count);
    (void)printf(
        "\nOf the %zu rows chosen, %.1f%% are of the learnable kind; by chance it would be "
        "%.1f%%.\n",
        n_selected, share, expected);
    for (size_t i = 0; i < N_KINDS; ++i)
    {
        if (n_selected == 0 || (i != LEARNABLE && sums[i].n_selected >= sums[LEARNABLE].n_selected))
        {
            (void)fprintf(stderr, "demo_table: the learnable kind does not lead the selection\n");
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}
