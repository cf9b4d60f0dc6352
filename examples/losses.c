/* SPDX-License-Identifier: Apache-2.0
 *
 * liblobass from a program of one's own: measures a data file under a model and prints every row's
 * status and mean loss, in nats per scored token.
 *
 *   cc losses.c $(pkg-config --cflags --libs lobass) -o losses
 *   ./losses MODEL DATA.jsonl RUN
 */
#include <lobass.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool print_progress(void *context, const lobass_progress *progress)
{
    (void)context;
    fprintf(stderr, "\r%s: %" PRIu64 " of %" PRIu64 " %s", progress->stage, progress->done,
            progress->total, progress->unit);
    if (progress->done == progress->total)
    {
        fputc('\n', stderr);
    }
    return true;
}

static lobass_status print_losses(lobass_run *run, lobass_error *error)
{
    lobass_run_info info;
    lobass_status status = lobass_run_describe(run, &info, error);
    for (uint64_t number = 0; status == LOBASS_OK && number < info.n_records; number++)
    {
        lobass_row row;
        status = lobass_run_row(run, number, &row, error);
        if (status != LOBASS_OK)
        {
            break;
        }
        printf("%" PRIu64 "\t%s", number, lobass_row_status_name(row.status));
        if (row.n_scored > 0)
        {
            const size_t n_scored = row.n_scored;
            float *nll = malloc(n_scored * sizeof *nll);
            if (nll == NULL)
            {
                return LOBASS_OUT_OF_MEMORY;
            }
            status = lobass_run_losses(run, number, 0, nll, n_scored, error);
            double sum = 0.0;
            for (size_t i = 0; status == LOBASS_OK && i < n_scored; i++)
            {
                sum += (double)nll[i];
            }
            printf("\t%.6f", sum / (double)n_scored);
            free(nll);
        }
        putchar('\n');
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 4)
    {
        fprintf(stderr, "usage: losses MODEL DATA RUN\n");
        return 2;
    }
    lobass_error error = {LOBASS_OK, ""};
    const lobass_observer observer = {.progress = print_progress};
    const char *data[] = {argv[2]};

    lobass_prepare_options prepare = lobass_prepare_options_default();
    prepare.model = argv[1];
    prepare.data = data;
    prepare.n_data = 1;
    prepare.run = argv[3];
    lobass_prepare_result prepared;
    lobass_status status = lobass_prepare(&prepare, &observer, &prepared, &error);

    lobass_measure_options measure = lobass_measure_options_default();
    measure.run = argv[3];
    measure.model = argv[1];
    measure.name = "initial";
    lobass_measure_result measured;
    if (status == LOBASS_OK)
    {
        status = lobass_measure(&measure, &observer, &measured, &error);
    }

    lobass_run *run = NULL;
    if (status == LOBASS_OK)
    {
        status = lobass_run_open(&run, argv[3], &error);
    }
    if (status == LOBASS_OK)
    {
        status = print_losses(run, &error);
    }
    lobass_run_close(run);
    if (status != LOBASS_OK)
    {
        fprintf(stderr, "losses: %s\n", error.message[0] != 0 ? error.message : "out of memory");
        return 1;
    }
    return 0;
}
