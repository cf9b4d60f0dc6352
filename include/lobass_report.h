/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of lobass.h that reports: a run as one HTML page that needs nothing beside it. Included
 * by lobass.h, whose conventions hold here too.
 */
#ifndef LOBASS_REPORT_H
#define LOBASS_REPORT_H

#include "lobass.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lobass_report_options
{
    const char *run;
    const char *output; /* *.html; NULL: RUN/report.html */
    bool overwrite;     /* replace OUTPUT, which must be a page that lobass wrote */
    uint64_t n_rows;    /* rows that the page lists and draws; of more records a sample of so many.
                           Counts, histograms, correlations and overlaps are always of all */
} lobass_report_options;

typedef struct lobass_report_result
{
    uint64_t n_records;
    uint64_t n_rows;     /* listed and drawn */
    uint64_t n_selected; /* of all records, by the selection that the page shows */
    uint64_t size_bytes; /* of the page */
    char output[4096];   /* the file written */
    double elapsed_seconds;
} lobass_report_result;

/* At most 100,000 rows. */
LOBASS_API lobass_report_options lobass_report_options_default(void);
/* Writes what is known of a prepared run, measured or not, as one page: statuses, losses, scores,
 * the latest selection (where there was none the best 6 % by learnability), rows with their text,
 * and RUN/experiment/experiment.json where it is there. The same run gives the same bytes. An
 * existing OUTPUT is LOBASS_CONFLICT unless it may be overwritten. */
LOBASS_API lobass_status lobass_report_write(const lobass_report_options *options,
                                             const lobass_observer *observer,
                                             lobass_report_result *result, lobass_error *error);

#ifdef __cplusplus
}
#endif

#endif
