/* SPDX-License-Identifier: Apache-2.0
 *
 * Times every operation, forward and backward, on the cases of the tests and on realistic shapes,
 * for every instruction set, as CSV on standard output. The sets take turns on one case, and the
 * best of several calls counts: a machine that others use too is slow at times, never fast.
 *
 *     bench_ops [-j THREADS] [-s SECONDS] [-t] [WORD...]
 *
 * SECONDS (0.2) are spent on each line. -t: the tests' own cases as well, which are small and
 * awkward. WORDs: only lines whose operation, case or set holds one of them.
 * What a call of `rope` and `add` takes includes a copy of its input.
 */
#include <errno.h>
#include <unistd.h>

#include "compute/cpu/tile.h"
#include "grad/op_kinds.h"
#include "timed_cases.h"

#define MOST_SETS 5
#define LEAST_CALLS 3
#define SEED 1

static const char *const sets[MOST_SETS] = {"plain", "avx2", "avx512", "avx512_bf16", "amx"};

typedef struct settings
{
    unsigned n_threads;
    double seconds;
    bool has_test_cases;
    char **words; /* NULL-terminated */
} settings;

/* ---- how much work a case is ------------------------------------------------------------------
 */

/* Multiplications and additions of a forward, or 0 where products are not what it is about. A
 * backward has twice as many; of attention and cross-entropy, which compute the scores again, half
 * a forward more. */
static double forward_operations(const op_data *t)
{
    const op_case *c = t->c;
    if (c->kind == &op_linear || c->kind == &op_cross_entropy)
    {
        return 2.0 * (double)t->n * (double)c->d * (double)c->n_out;
    }
    double pairs = 0;
    for (size_t i = 0; c->kind == &op_attention && i < t->batch.n_sequences; i++)
    {
        const double length = (double)(t->starts[i + 1] - t->starts[i]);
        pairs += length * (length + 1) / 2;
    }
    return 4.0 * pairs * (double)c->h * (double)c->s;
}

static double operations(const op_data *t, bool is_backward)
{
    const double forward = forward_operations(t);
    if (!is_backward)
    {
        return forward;
    }
    return forward * (t->c->kind == &op_attention       ? 2.5
                      : t->c->kind == &op_cross_entropy ? 3.0
                                                        : 2.0);
}

/* ---- timing ---------------------------------------------------------------------------------- */

typedef struct contender
{
    const char *name;
    lb_compute *compute;
    double best_seconds; /* of one call */
    double spent_seconds;
    int n_calls;
} contender;

static void stop(const char *what, const char *why)
{
    fprintf(stderr, "bench_ops: %s: %s\n", what, why);
    exit(1);
}

static void call(contender *one, op_data *t, bool is_backward)
{
    const double began = lb_clock_seconds();
    const lobass_status status =
        is_backward ? t->c->kind->backward(one->compute, t) : t->c->kind->forward(one->compute, t);
    const double seconds = lb_clock_seconds() - began;
    if (status != LOBASS_OK)
    {
        stop(t->c->name, one->name);
    }
    one->best_seconds =
        one->n_calls == 0 || seconds < one->best_seconds ? seconds : one->best_seconds;
    one->spent_seconds += seconds;
    one->n_calls++;
}

static bool is_due(const contender *one, double seconds)
{
    return one->n_calls < LEAST_CALLS || one->spent_seconds < seconds;
}

static void print_line(const contender *one, const op_data *t, bool is_backward)
{
    const double nanoseconds = one->best_seconds * 1e9;
    const double work = operations(t, is_backward);
    printf("%s,%s,%s,%s,%s,%.0f,%.2f,", t->c->kind->name, t->c->name, one->name,
           t->c->is_bf16 ? "bf16" : "fp32", is_backward ? "backward" : "forward", nanoseconds,
           nanoseconds / (double)(t->n > 0 ? t->n : 1));
    if (work > 0 && nanoseconds > 0)
    {
        printf("%.2f", work / nanoseconds);
    }
    putchar('\n');
    (void)fflush(stdout);
}

static void time_direction(contender *contenders, size_t n_contenders, op_data *t, bool is_backward,
                           double seconds)
{
    bool is_any_due = true;
    for (size_t i = 0; i < n_contenders; i++)
    {
        contenders[i].n_calls = 0;
        contenders[i].spent_seconds = 0;
        if (is_backward)
        {
            (void)t->c->kind->forward(contenders[i].compute, t); /* what the backward needs */
        }
    }
    while (is_any_due)
    {
        is_any_due = false;
        for (size_t i = 0; i < n_contenders; i++)
        {
            if (is_due(&contenders[i], seconds))
            {
                call(&contenders[i], t, is_backward);
                is_any_due = true;
            }
        }
    }
    for (size_t i = 0; i < n_contenders; i++)
    {
        print_line(&contenders[i], t, is_backward);
    }
}

static bool is_wanted(const settings *s, const op_case *c, const char *set)
{
    for (char **word = s->words; *word != NULL; word++)
    {
        if (strstr(c->kind->name, *word) != NULL || strstr(c->name, *word) != NULL ||
            strstr(set, *word) != NULL)
        {
            return true;
        }
    }
    return s->words[0] == NULL;
}

static void time_case(const settings *s, const contender *all, size_t n_all, const op_case *c)
{
    contender wanted[MOST_SETS];
    size_t n_wanted = 0;
    for (size_t i = 0; i < n_all; i++)
    {
        if (is_wanted(s, c, all[i].name))
        {
            wanted[n_wanted++] = all[i];
        }
    }
    if (n_wanted == 0)
    {
        return;
    }
    op_data *t = op_data_make(c, SEED);
    time_direction(wanted, n_wanted, t, false, s->seconds);
    if (c->kind != &op_add) /* its backward is the gradient itself */
    {
        time_direction(wanted, n_wanted, t, true, s->seconds);
    }
    op_data_free(t);
}

/* ---- the program ----------------------------------------------------------------------------- */

static double number_of(const char *text, double least, double most)
{
    char *end = NULL;
    errno = 0;
    const double value = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(value >= least && value <= most))
    {
        stop(text, "expected a number in range");
    }
    return value;
}

static settings settings_read(int argc, char **argv)
{
    settings s = {.n_threads = 1, .seconds = 0.2};
    for (int letter = getopt(argc, argv, "j:s:t"); letter != -1;
         letter = getopt(argc, argv, "j:s:t"))
    {
        switch (letter)
        {
        case 'j':
            s.n_threads = (unsigned)number_of(optarg, 1, 1024);
            break;
        case 's':
            s.seconds = number_of(optarg, 0, 3600);
            break;
        case 't':
            s.has_test_cases = true;
            break;
        default:
            fputs("usage: bench_ops [-j THREADS] [-s SECONDS] [-t] [WORD...]\n", stderr);
            exit(2);
        }
    }
    s.words = argv + optind;
    return s;
}

int main(int argc, char **argv)
{
    const settings s = settings_read(argc, argv);
    contender contenders[MOST_SETS] = {{0}};
    size_t n_contenders = 0;
    for (size_t i = 0; i < MOST_SETS; i++)
    {
        contender *one = &contenders[n_contenders];
        lobass_error error = {0};
        one->name = sets[i];
        if (setenv("LOBASS_CPU", sets[i], 1) != 0 ||
            lb_compute_create(&one->compute, s.n_threads, &error) != LOBASS_OK)
        {
            stop(one->name, error.message);
        }
        if (strcmp(one->compute->scratch->tiles->name, sets[i]) == 0)
        {
            n_contenders++;
        }
        else /* this CPU does not have it */
        {
            lb_compute_free(one->compute);
        }
    }
    puts("operation,case,set,dtype,direction,ns_per_call,ns_per_token,gflops");
    for (size_t i = 0; s.has_test_cases && i < OP_N_CASES; i++)
    {
        time_case(&s, contenders, n_contenders, &op_cases[i]);
    }
    for (size_t i = 0; i < N_TIMED_CASES; i++)
    {
        time_case(&s, contenders, n_contenders, &timed_cases[i]);
    }
    for (size_t i = 0; i < n_contenders; i++)
    {
        lb_compute_free(contenders[i].compute);
    }
    return 0;
}
