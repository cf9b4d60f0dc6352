/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints what the demo found, for a terminal of 80 columns, or writes it all to
 * FOLDER/summary.json; demo_figures.h says which files of FOLDER it reads. Fails where the
 * learnable kind does not lead the selection.
 *
 *   demo_table FOLDER examples|kinds|arms|sweep|summary
 */
#include "demo_figures.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 80
#define EXAMPLE_INDENT 11

static const char *learnable(void)
{
    return demo_kinds[DEMO_LEARNABLE];
}

static double real(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

/* ---- text --------------------------------------------------------------------------------------
 */

/* How much of TEXT stands on a line: up to a space or a line's end within MOST, if there is one. */
static size_t line_size(const char *text, size_t most)
{
    size_t size = strcspn(text, "\n");
    if (size > most)
    {
        for (size = most; size > 0 && text[size] != ' '; --size)
        {
        }
    }
    return size > 0 || *text == '\n' ? size : most;
}

/* TEXT in lines of INDENT spaces; LABEL stands in those of the first. */
static void wrapped_print(int indent, const char *label, const char *text)
{
    do
    {
        const size_t size = line_size(text, (size_t)(WIDTH - indent));
        (void)printf("%-*s%.*s\n", indent, label, (int)size, text);
        text += size + (text[size] != '\0' ? 1 : 0);
        label = "";
    } while (*text != '\0');
}

static __attribute__((format(printf, 1, 2))) void paragraph_print(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)printf("\n");
    wrapped_print(0, "", text);
}

/* ---- examples ----------------------------------------------------------------------------------
 */

static int examples_print(const demo_set *set)
{
    for (size_t kind = 0; kind < DEMO_N_KINDS; ++kind)
    {
        const json_t *record = set->examples[kind];
        const char *prompt = json_string_value(json_object_get(record, "instruction"));
        const char *answer = json_string_value(json_object_get(record, "output"));
        if (prompt != NULL && answer != NULL)
        {
            (void)printf("\n");
            wrapped_print(EXAMPLE_INDENT, demo_kinds[kind], prompt);
            wrapped_print(EXAMPLE_INDENT, "        ->", answer);
        }
    }
    return EXIT_SUCCESS;
}

/* ---- kinds -------------------------------------------------------------------------------------
 */

static void shares_print(json_t *kinds, const json_t *directions)
{
    static const int width[DEMO_N_SCORES] = {12, 9, 9, 9, 9};
    const char *name;
    json_t *kind;
    (void)printf("\n%-10s %6s %7s%s\n", "", "", "of the", " of the selection by");
    (void)printf("%-10s %6s %7s", "kind", "rows", "set");
    for (size_t i = 0; i < DEMO_N_SCORES; ++i)
    {
        (void)printf(" %*s", width[i], demo_scores[i]);
    }
    (void)printf("\n%-25s", "");
    for (size_t i = 0; i < DEMO_N_SCORES; ++i)
    {
        (void)printf(" %*s", width[i],
                     json_string_value(json_object_get(directions, demo_scores[i])));
    }
    (void)printf("\n");
    json_object_foreach(kinds, name, kind)
    {
        const json_t *shares = json_object_get(kind, "share_in_selection");
        (void)printf("%-10s %6.0f %6.1f%%", name, real(kind, "rows"),
                     100 * real(kind, "share_in_set"));
        for (size_t i = 0; i < DEMO_N_SCORES; ++i)
        {
            (void)printf(" %*.1f%%", width[i] - 1, 100 * real(shares, demo_scores[i]));
        }
        (void)printf("\n");
    }
}

static void means_print(json_t *kinds)
{
    static const char *const members[] = {"tokens", "initial_loss", "reference_loss",
                                          "learnability"};
    const char *name;
    json_t *kind;
    (void)printf("\n%-10s %10s %15s %15s %15s\n", "mean of", "scored", "initial loss",
                 "reference loss", "learnability");
    (void)printf("%-10s %10s %15s %15s %15s\n", "the kind", "tokens", "nats a token",
                 "nats a token", "drop / initial");
    json_object_foreach(kinds, name, kind)
    {
        (void)printf("%-10s", name);
        for (size_t i = 0; i < sizeof members / sizeof members[0]; ++i)
        {
            const json_t *value = json_object_get(kind, members[i]);
            if (value == NULL)
            {
                (void)printf(" %*s", i == 0 ? 10 : 15, "-");
            }
            else
            {
                (void)printf(" %*.*f", i == 0 ? 10 : 15, i == 0 ? 1 : 3, json_number_value(value));
            }
        }
        (void)printf("\n");
    }
}

/* Of the run's selection, and of the set; 0 where the set has none of the kind. */
static double share(const json_t *kinds, size_t kind)
{
    const json_t *of = json_object_get(kinds, demo_kinds[kind]);
    return real(json_object_get(of, "share_in_selection"), demo_scores[0]);
}

static double share_in_set(const json_t *kinds, size_t kind)
{
    return real(json_object_get(kinds, demo_kinds[kind]), "share_in_set");
}

/* Whether more of the selection is learnable than of any other kind. */
static bool learnable_leads(const json_t *kinds)
{
    for (size_t kind = 0; kind < DEMO_N_KINDS; ++kind)
    {
        if (kind != DEMO_LEARNABLE && share(kinds, kind) >= share(kinds, DEMO_LEARNABLE))
        {
            return false;
        }
    }
    return true;
}

static int kinds_print(const demo_set *set)
{
    json_t *kinds = demo_kinds_make(set);
    json_t *settings = demo_settings_make(set);
    const bool leads = learnable_leads(kinds);
    shares_print(kinds, json_object_get(settings, "directions"));
    means_print(kinds);
    paragraph_print(
        "Of the rows chosen by %s %.1f%% are %s, and %.1f%% are noise or wrong; drawn at "
        "random it would be %.1f%% and %.1f%%.",
        demo_scores[0], 100 * share(kinds, DEMO_LEARNABLE), learnable(),
        100 * (share(kinds, DEMO_NOISE) + share(kinds, DEMO_WRONG)),
        100 * share_in_set(kinds, DEMO_LEARNABLE),
        100 * (share_in_set(kinds, DEMO_NOISE) + share_in_set(kinds, DEMO_WRONG)));
    json_decref(settings);
    json_decref(kinds);
    if (!leads)
    {
        (void)fflush(stdout);
        (void)fprintf(stderr, "demo_table: the kind \"%s\" does not lead the selection\n",
                      learnable());
    }
    return leads ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- arms --------------------------------------------------------------------------------------
 */

/* A line of the table: FIGURE of the losses of each kind, behind what LABEL says in 30 columns. */
static void losses_print(const char *label, json_t *losses, const char *figure)
{
    const char *kind;
    json_t *loss;
    (void)printf("%-30s", label);
    json_object_foreach(losses, kind, loss)
    {
        (void)printf(" %9.3f", real(loss, figure));
    }
    (void)printf("\n");
}

static void arm_print(const char *name, const json_t *arm)
{
    char label[64];
    json_t *losses = json_object_get(arm, "losses");
    (void)snprintf(label, sizeof label, "%-12s %4.0f %5.0f %6.0f", name, real(arm, "rows"),
                   real(arm, "steps"), real(arm, "tokens_scored"));
    losses_print(label, losses, "mean");
    losses_print("  95 % from", losses, "low");
    losses_print("       to", losses, "high");
}

/* Like "random 1.918 (1.792 to 2.041)": on held-out rows of the learnable kind. */
static void arm_loss_print(const json_t *arms, const char *name)
{
    const json_t *arm = json_object_get(arms, name);
    const json_t *loss = json_object_get(json_object_get(arm, "losses"), learnable());
    (void)printf("%s %.3f (%.3f to %.3f)", name, real(loss, "mean"), real(loss, "low"),
                 real(loss, "high"));
}

/* The chosen rows against another arm. */
static void comparison_print(const json_t *arms, const char *against, const json_t *comparison)
{
    const double p = real(comparison, "p_holm");
    (void)printf("  ");
    arm_loss_print(arms, demo_arms[DEMO_CHOSEN]);
    (void)printf(", ");
    arm_loss_print(arms, against);
    (void)printf(":\n    difference %+.3f (%+.3f to %+.3f); median row %+.3f, p %s %.4f\n",
                 real(comparison, "difference"), real(comparison, "low"), real(comparison, "high"),
                 real(comparison, "median_difference"), p < 0.0001 ? "<" : "=",
                 p < 0.0001 ? 0.0001 : p);
}

static int arms_print(const demo_set *set)
{
    json_t *arms = demo_arms_make(set);
    json_t *comparisons = demo_comparisons_make(set);
    json_t *settings = demo_settings_make(set);
    const json_t *recipe = json_object_get(settings, "recipe");
    const char *name;
    json_t *value;
    (void)printf("\n%-30s %s\n", "", " held-out loss, nats per scored token");
    (void)printf("%-12s %4s %5s %6s", "arm", "rows", "steps", "tokens");
    for (size_t kind = 0; kind < DEMO_N_KINDS; ++kind)
    {
        if (set->counts[kind] > 0)
        {
            (void)printf(" %9s", demo_kinds[kind]);
        }
    }
    (void)printf("\n");
    json_object_foreach(arms, name, value)
    {
        arm_print(name, value);
    }
    paragraph_print(
        "learnability: the %.3g%% that were chosen. random: as many rows, drawn anew for each "
        "seed. full: all rows. tokens: the scored ones of the rows. Every arm begins at the base, "
        "has the recipe of the reference (%.0f epochs, batches of %.0f rows, a learning rate of "
        "%g) and is trained with %.0f seeds. So a small arm sees each of its rows as often as "
        "full does, and takes fewer steps. Losses are means over the seeds; the 95 %% intervals "
        "are of a bootstrap over held-out rows and seeds; p is that of Wilcoxon's signed-rank test "
        "over "
        "single held-out rows, corrected after Holm.",
        100 * real(settings, "amount"), real(recipe, "epochs"), real(recipe, "batch_size"),
        real(recipe, "learning_rate"),
        real(json_object_get(arms, demo_arms[DEMO_CHOSEN]), "n_seeds"));
    (void)printf("\nHeld-out rows of the kind \"%s\"; below 0 learnability is better:\n",
                 learnable());
    json_object_foreach(comparisons, name, value)
    {
        comparison_print(arms, name, json_object_get(value, learnable()));
    }
    json_decref(settings);
    json_decref(comparisons);
    json_decref(arms);
    return EXIT_SUCCESS;
}

/* ---- the sweep ---------------------------------------------------------------------------------
 */

static int sweep_print(const demo_set *set)
{
    json_t *points = demo_sweep_make(set);
    size_t i;
    json_t *point;
    (void)printf("\n%-29s %s\n", "reference", "of the selection");
    (void)printf("%13s %7s %7s", "learning rate", "epochs", "steps");
    for (size_t kind = 0; kind < DEMO_N_KINDS; ++kind)
    {
        if (set->counts[kind] > 0)
        {
            (void)printf(" %9s", demo_kinds[kind]);
        }
    }
    (void)printf("\n");
    json_array_foreach(points, i, point)
    {
        const json_t *shares = json_object_get(point, "share_in_selection");
        (void)printf("%13g %7.0f %7.0f", real(point, "learning_rate"), real(point, "epochs"),
                     real(point, "steps"));
        for (size_t kind = 0; kind < DEMO_N_KINDS; ++kind)
        {
            if (set->counts[kind] > 0)
            {
                (void)printf(" %8.1f%%", 100 * real(shares, demo_kinds[kind]));
            }
        }
        (void)printf("\n");
    }
    json_decref(points);
    return EXIT_SUCCESS;
}

/* ---- summary -----------------------------------------------------------------------------------
 */

static int summary_write(const demo_set *set)
{
    char path[1024];
    json_t *summary =
        json_pack("{s:o, s:o, s:o, s:o, s:o}", "settings", demo_settings_make(set), "kinds",
                  demo_kinds_make(set), "arms", demo_arms_make(set), "comparisons",
                  demo_comparisons_make(set), "sweep", demo_sweep_make(set));
    (void)snprintf(path, sizeof path, "%s/summary.json", set->folder);
    const int failed = json_dump_file(summary, path, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(summary);
    if (failed != 0)
    {
        (void)fprintf(stderr, "demo_table: %s: cannot be written\n", path);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static const struct
{
    const char *name;
    int (*make)(const demo_set *set);
} sections[] = {{"examples", examples_print},
                {"kinds", kinds_print},
                {"arms", arms_print},
                {"sweep", sweep_print},
                {"summary", summary_write}};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof sections / sizeof sections[0]; ++i)
    {
        if (strcmp(argv[2], sections[i].name) == 0)
        {
            demo_set set;
            demo_set_load(&set, argv[1]);
            const int code = sections[i].make(&set);
            demo_set_free(&set);
            return code;
        }
    }
    (void)fprintf(stderr, "usage: demo_table FOLDER examples|kinds|arms|sweep|summary\n");
    return 2;
}
