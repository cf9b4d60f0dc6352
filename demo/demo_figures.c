/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the demo's files and adds them up; see demo_figures.h.
 */
#include "demo_figures.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 1024

const char *const demo_kinds[] = {"known", "learnable", "noise", "wrong", "hard"};
const char *const demo_scores[] = {"learnability", "loss", "rho_sum", "length", "random"};
const char *const demo_arms[] = {"base", "learnability", "random", "full"};

typedef struct path
{
    char text[PATH_SIZE];
} path;

/* Records of a .jsonl file, one after the other. */
typedef struct line_reader
{
    path path;
    FILE *file;
    size_t line; /* of the record read last */
} line_reader;

typedef struct kind_sums
{
    size_t n_rows, n_selected;
    size_t n_measured, n_scored; /* rows with losses, and with a score as well */
    double n_tokens, initial_loss, reference_loss, learnability;
} kind_sums;

/* ---- reading ----------------------------------------------------------------------------------
 */

static _Noreturn __attribute__((format(printf, 1, 2))) void die(const char *format, ...)
{
    va_list arguments;
    (void)fflush(stdout);
    (void)fputs("demo_table: ", stderr);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

static __attribute__((format(printf, 1, 2))) path path_make(const char *format, ...)
{
    path made;
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(made.text, PATH_SIZE, format, arguments);
    va_end(arguments);
    if (size < 0 || size >= PATH_SIZE)
    {
        die("a path is longer than %d bytes", PATH_SIZE - 1);
    }
    return made;
}

static FILE *file_open(const path *at)
{
    FILE *file = fopen(at->text, "r");
    if (file == NULL)
    {
        die("%s: cannot be opened: %s", at->text, strerror(errno));
    }
    return file;
}

static json_t *json_read(const path *at)
{
    json_error_t cause;
    FILE *file = file_open(at);
    json_t *object = json_loadf(file, 0, &cause);
    (void)fclose(file);
    if (object == NULL)
    {
        die("%s:%d: %s", at->text, cause.line, cause.text);
    }
    return object;
}

/* A member that must be there; NAME may be a way down through objects: "train/recipe". */
static const json_t *member(const json_t *object, const char *name, const path *at)
{
    const char *rest = name;
    while (object != NULL && *rest != '\0')
    {
        const size_t size = strcspn(rest, "/");
        object = json_object_getn(object, rest, size);
        rest += size + (rest[size] == '/' ? 1 : 0);
    }
    if (object == NULL)
    {
        die("%s: lacks \"%s\"", at->text, name);
    }
    return object;
}

static double number(const json_t *object, const char *name, const path *at)
{
    const json_t *value = member(object, name, at);
    if (!json_is_number(value))
    {
        die("%s: \"%s\" is not a number", at->text, name);
    }
    return json_number_value(value);
}

static line_reader lines_open(path at)
{
    line_reader reader = {.path = at};
    reader.file = file_open(&at);
    return reader;
}

/* The next record, the caller's own; NULL at the end. */
static json_t *lines_next(line_reader *reader)
{
    json_error_t cause;
    int next = fgetc(reader->file);
    while (next != EOF && isspace(next))
    {
        next = fgetc(reader->file);
    }
    if (next == EOF)
    {
        return NULL;
    }
    (void)ungetc(next, reader->file);
    ++reader->line;
    json_t *record = json_loadf(reader->file, JSON_DISABLE_EOF_CHECK, &cause);
    if (record == NULL)
    {
        die("%s:%zu: %s", reader->path.text, reader->line, cause.text);
    }
    return record;
}

/* ---- the set ----------------------------------------------------------------------------------
 */

static unsigned kind_find(const json_t *record, const line_reader *from)
{
    const char *name = json_string_value(json_object_get(record, "kind"));
    for (unsigned kind = 0; name != NULL && kind < DEMO_N_KINDS; ++kind)
    {
        if (strcmp(name, demo_kinds[kind]) == 0)
        {
            return kind;
        }
    }
    die("%s:%zu: unknown kind \"%s\"", from->path.text, from->line, name != NULL ? name : "");
}

void demo_set_load(demo_set *set, const char *folder)
{
    *set = (demo_set){.folder = folder};
    line_reader reader = lines_open(path_make("%s/sft.jsonl", folder));
    for (json_t *record = lines_next(&reader); record != NULL; record = lines_next(&reader))
    {
        if (set->n_rows == set->n_kept)
        {
            set->n_kept = set->n_kept == 0 ? 1024 : 2 * set->n_kept;
            unsigned char *grown = realloc(set->kinds, set->n_kept);
            if (grown == NULL)
            {
                die("out of memory");
            }
            set->kinds = grown;
        }
        const unsigned kind = kind_find(record, &reader);
        set->kinds[set->n_rows++] = (unsigned char)kind;
        set->counts[kind]++;
        if (set->examples[kind] == NULL)
        {
            set->examples[kind] = json_incref(record);
        }
        json_decref(record);
    }
    (void)fclose(reader.file);
    if (set->counts[DEMO_LEARNABLE] == 0)
    {
        die("%s: no record of the kind \"%s\"", reader.path.text, demo_kinds[DEMO_LEARNABLE]);
    }
}

void demo_set_free(demo_set *set)
{
    for (size_t kind = 0; kind < DEMO_N_KINDS; ++kind)
    {
        json_decref(set->examples[kind]);
    }
    free(set->kinds);
}

/* ---- scores of the set -------------------------------------------------------------------------
 */

static void sums_add(kind_sums *sum, const json_t *scores)
{
    const json_t *initial = json_object_get(scores, "initial_loss");
    const json_t *reference = json_object_get(scores, "reference_loss");
    const json_t *learnability = json_object_get(scores, "learnability");
    sum->n_rows++;
    sum->n_selected += json_is_true(json_object_get(scores, "selected")) ? 1 : 0;
    if (json_is_number(initial) && json_is_number(reference))
    {
        sum->n_measured++;
        sum->n_tokens += json_number_value(json_object_get(scores, "n_tokens"));
        sum->initial_loss += json_number_value(initial);
        sum->reference_loss += json_number_value(reference);
    }
    if (json_is_number(learnability))
    {
        sum->n_scored++;
        sum->learnability += json_number_value(learnability);
    }
}

/* The rows of a scores.jsonl, which must be those of the set; returns how many are selected. */
static size_t sums_load(kind_sums sums[DEMO_N_KINDS], const demo_set *set, path at)
{
    size_t n_selected = 0;
    size_t n_rows = 0;
    line_reader reader = lines_open(at);
    memset(sums, 0, DEMO_N_KINDS * sizeof *sums);
    for (json_t *scores = lines_next(&reader); scores != NULL; scores = lines_next(&reader))
    {
        const double row = number(scores, "row", &at);
        if (row != (double)n_rows || n_rows == set->n_rows)
        {
            die("%s:%zu: row %.0f, expected %zu of the %zu rows of the set", at.text, reader.line,
                row, n_rows, set->n_rows);
        }
        sums_add(&sums[set->kinds[n_rows++]], scores);
        json_decref(scores);
    }
    (void)fclose(reader.file);
    if (n_rows != set->n_rows)
    {
        die("%s: %zu rows, the set has %zu", at.text, n_rows, set->n_rows);
    }
    for (size_t kind = 0; kind < DEMO_N_KINDS; ++kind)
    {
        n_selected += sums[kind].n_selected;
    }
    if (n_selected == 0)
    {
        die("%s: no row is selected", at.text);
    }
    return n_selected;
}

static void mean_put(json_t *to, const char *name, double sum, size_t count)
{
    if (count > 0)
    {
        json_object_set_new(to, name, json_real(sum / (double)count));
    }
}

/* A file beside the selection by a score: those of learnability are the run's own. */
static path selection_path(const demo_set *set, size_t score, const char *file)
{
    return score == 0 ? path_make("%s/run/%s", set->folder, file)
                      : path_make("%s/by/%s.%s", set->folder, demo_scores[score], file);
}

json_t *demo_kinds_make(const demo_set *set)
{
    json_t *kinds = json_object();
    kind_sums sums[DEMO_N_SCORES][DEMO_N_KINDS];
    size_t totals[DEMO_N_SCORES];
    for (size_t score = 0; score < DEMO_N_SCORES; ++score)
    {
        totals[score] = sums_load(sums[score], set, selection_path(set, score, "scores.jsonl"));
    }
    for (size_t kind = 0; kind < DEMO_N_KINDS; ++kind)
    {
        const kind_sums *of = &sums[0][kind];
        if (of->n_rows == 0)
        {
            continue;
        }
        json_t *shares = json_object();
        for (size_t score = 0; score < DEMO_N_SCORES; ++score)
        {
            mean_put(shares, demo_scores[score], (double)sums[score][kind].n_selected,
                     totals[score]);
        }
        json_t *made =
            json_pack("{s:I, s:f, s:o}", "rows", (json_int_t)of->n_rows, "share_in_set",
                      (double)of->n_rows / (double)set->n_rows, "share_in_selection", shares);
        mean_put(made, "tokens", of->n_tokens, of->n_measured);
        mean_put(made, "initial_loss", of->initial_loss, of->n_measured);
        mean_put(made, "reference_loss", of->reference_loss, of->n_measured);
        mean_put(made, "learnability", of->learnability, of->n_scored);
        json_object_set_new(kinds, demo_kinds[kind], made);
    }
    return kinds;
}

/* ---- the experiment ----------------------------------------------------------------------------
 */

/* What LIST of EXPERIMENT, "summaries" or "comparisons", has of ARM on held-out rows of a kind;
 * compared with AGAINST, where that is not NULL. Of several sizes the first. */
static const json_t *entry_find(const json_t *experiment, const path *at, const char *list,
                                const char *arm, const char *against, size_t kind)
{
    const path source = path_make("heldout_%s.jsonl", demo_kinds[kind]);
    const char *const wanted[][2] = {{"arm", arm}, {"source", source.text}, {"against", against}};
    const size_t n_wanted = against == NULL ? 2 : 3;
    size_t i;
    const json_t *entry;
    json_array_foreach(member(experiment, list, at), i, entry)
    {
        size_t n_found = 0;
        while (n_found < n_wanted)
        {
            const char *found = json_string_value(json_object_get(entry, wanted[n_found][0]));
            if (found == NULL || strcmp(found, wanted[n_found][1]) != 0)
            {
                break;
            }
            ++n_found;
        }
        if (n_found == n_wanted)
        {
            return entry;
        }
    }
    die("%s: \"%s\" has nothing of %s%s%s on %s", at->text, list, arm,
        against == NULL ? "" : " against ", against == NULL ? "" : against, source.text);
}

/* Those members of an entry, which must be numbers; NAMES ends with NULL. */
static json_t *figures_copy(const json_t *entry, const char *const *names, const path *at)
{
    json_t *copy = json_object();
    for (; *names != NULL; ++names)
    {
        (void)number(entry, *names, at);
        json_object_set(copy, *names, json_object_get(entry, *names));
    }
    return copy;
}

/* {KIND: figures} of every kind of the set. */
static json_t *kinds_copy(const demo_set *set, const json_t *experiment, const path *at,
                          const char *list, const char *arm, const char *against,
                          const char *const *names)
{
    json_t *copies = json_object();
    for (size_t kind = 0; kind < DEMO_N_KINDS; ++kind)
    {
        if (set->counts[kind] > 0)
        {
            const json_t *entry = entry_find(experiment, at, list, arm, against, kind);
            json_object_set_new(copies, demo_kinds[kind], figures_copy(entry, names, at));
        }
    }
    return copies;
}

json_t *demo_arms_make(const demo_set *set)
{
    static const char *const counts[] = {"rows", "tokens_scored", "steps", "n_seeds", NULL};
    static const char *const losses[] = {"mean", "low", "high", NULL};
    const path at = path_make("%s/run/experiment/experiment.json", set->folder);
    json_t *experiment = json_read(&at);
    json_t *arms = json_object();
    for (size_t i = 0; i < DEMO_N_ARMS; ++i)
    {
        const json_t *any =
            entry_find(experiment, &at, "summaries", demo_arms[i], NULL, DEMO_LEARNABLE);
        json_t *arm = figures_copy(any, counts, &at);
        json_object_set_new(
            arm, "losses",
            kinds_copy(set, experiment, &at, "summaries", demo_arms[i], NULL, losses));
        json_object_set_new(arms, demo_arms[i], arm);
    }
    json_decref(experiment);
    return arms;
}

json_t *demo_comparisons_make(const demo_set *set)
{
    static const char *const figures[] = {"difference", "low",    "high",   "median_difference",
                                          "p",          "p_holm", "n_rows", NULL};
    const path at = path_make("%s/run/experiment/experiment.json", set->folder);
    json_t *experiment = json_read(&at);
    json_t *comparisons = json_object();
    for (size_t i = DEMO_CHOSEN + 1; i < DEMO_N_ARMS; ++i)
    {
        json_object_set_new(comparisons, demo_arms[i],
                            kinds_copy(set, experiment, &at, "comparisons", demo_arms[DEMO_CHOSEN],
                                       demo_arms[i], figures));
    }
    json_decref(experiment);
    return comparisons;
}

/* ---- the recipe, and others --------------------------------------------------------------------
 */

json_t *demo_settings_make(const demo_set *set)
{
    const path at = path_make("%s/run/manifest.json", set->folder);
    json_t *manifest = json_read(&at);
    json_t *directions = json_object();
    for (size_t score = 0; score < DEMO_N_SCORES; ++score)
    {
        const path of = selection_path(set, score, "manifest.json");
        json_t *read = json_read(&of);
        json_object_set(directions, demo_scores[score],
                        (json_t *)member(read, "selection/direction", &of));
        json_decref(read);
    }
    json_t *settings = json_pack(
        "{s:O, s:O, s:O, s:O, s:O, s:o}", "records", member(manifest, "records", &at), "amount",
        member(manifest, "selection/amount", &at), "floor",
        member(manifest, "selection/floor", &at), "format", member(manifest, "format", &at),
        "recipe", member(manifest, "train/recipe", &at), "directions", directions);
    json_decref(manifest);
    return settings;
}

/* The selection that a recipe led to. */
static json_t *point_make(const demo_set *set, path manifest_path, path scores_path)
{
    kind_sums sums[DEMO_N_KINDS];
    json_t *manifest = json_read(&manifest_path);
    const size_t total = sums_load(sums, set, scores_path);
    json_t *shares = json_object();
    json_t *losses = json_object();
    for (size_t kind = 0; kind < DEMO_N_KINDS; ++kind)
    {
        if (set->counts[kind] > 0)
        {
            mean_put(shares, demo_kinds[kind], (double)sums[kind].n_selected, total);
            mean_put(losses, demo_kinds[kind], sums[kind].reference_loss, sums[kind].n_measured);
        }
    }
    json_t *point = json_pack("{s:O, s:O, s:O, s:o, s:o}", "learning_rate",
                              member(manifest, "train/recipe/learning_rate", &manifest_path),
                              "epochs", member(manifest, "train/recipe/epochs", &manifest_path),
                              "steps", member(manifest, "train/steps", &manifest_path),
                              "share_in_selection", shares, "reference_loss", losses);
    json_decref(manifest);
    return point;
}

static int points_compare(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"learning_rate", "epochs"};
    for (size_t i = 0; i < 2; ++i)
    {
        const double first = json_number_value(json_object_get(a, keys[i]));
        const double second = json_number_value(json_object_get(b, keys[i]));
        if (first != second)
        {
            return first < second ? -1 : 1;
        }
    }
    return 0;
}

/* Takes POINT; one recipe stands in the list once. */
static void point_insert(json_t *points, json_t *point)
{
    size_t at = 0;
    while (at < json_array_size(points) && points_compare(json_array_get(points, at), point) < 0)
    {
        ++at;
    }
    if (at < json_array_size(points) && points_compare(json_array_get(points, at), point) == 0)
    {
        json_decref(point);
        return;
    }
    json_array_insert_new(points, at, point);
}

json_t *demo_sweep_make(const demo_set *set)
{
    static const char end[] = ".scores.jsonl";
    json_t *points = json_array();
    glob_t found = {0};
    const path pattern = path_make("%s/sweep/*%s", set->folder, end);
    point_insert(points, point_make(set, selection_path(set, 0, "manifest.json"),
                                    selection_path(set, 0, "scores.jsonl")));
    if (glob(pattern.text, 0, NULL, &found) == 0)
    {
        for (size_t i = 0; i < found.gl_pathc; ++i)
        {
            const char *scores = found.gl_pathv[i];
            const int size = (int)(strlen(scores) - strlen(end));
            point_insert(points, point_make(set, path_make("%.*s.manifest.json", size, scores),
                                            path_make("%s", scores)));
        }
    }
    globfree(&found);
    return points;
}
