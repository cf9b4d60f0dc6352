/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_report_write(): a run as one page. Checks where it goes, collects, and writes the parts of
 * its data in the order in which the page shows them.
 */
#include "report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

lobass_report_options lobass_report_options_default(void)
{
    return (lobass_report_options){.n_rows = 100000};
}

static lobass_status tokenizer_load(lobass_tokenizer **tokenizer, const lb_report *report,
                                    lobass_error *error)
{
    char *path = lb_path_join(lb_store_path(report->store), LB_RUN_TOKENIZER, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = lobass_tokenizer_load(tokenizer, path, error);
    free(path);
    return status;
}

static lobass_status put_all(lb_page *page, const lb_report *report,
                             const lobass_report_options *options, const lobass_observer *observer,
                             lobass_report_result *result)
{
    lobass_tokenizer *tokenizer = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(tokenizer_load(&tokenizer, report, page->error));
    lb_json_open(&page->json, NULL, '{');
    LB_TRY_GOTO(lb_put_run(page, report));
    LB_TRY_GOTO(lb_put_figures(page, report));
    LB_TRY_GOTO(lb_put_readings(page, report, tokenizer));
    LB_TRY_GOTO(lb_put_rows(page, report, tokenizer, options->n_rows, observer, &result->n_rows));
    lb_json_close(&page->json);
    status = lb_page_commit(page);
done:
    lobass_tokenizer_free(tokenizer);
    return status;
}

static lobass_status write_with(lb_report *report, const lobass_report_options *options,
                                const lobass_observer *observer, lobass_report_result *result,
                                lobass_error *error)
{
    const double began_seconds = lb_clock_seconds();
    lb_page page;
    LB_TRY(lb_report_collect(report, options->run, error));
    LB_TRY(lb_page_check(result->output, options->overwrite, error));
    lobass_status status = lb_page_open(&page, result->output, options->overwrite, error);
    if (status == LOBASS_OK)
    {
        status = put_all(&page, report, options, observer, result);
    }
    lb_page_discard(&page);
    result->n_records = report->scores->n_rows;
    result->n_selected = report->choice.n_selected;
    result->size_bytes = page.size_bytes;
    result->elapsed_seconds = lb_clock_seconds() - began_seconds;
    return status;
}

static lobass_status output_find(lobass_report_result *result, const lobass_report_options *options,
                                 lobass_error *error)
{
    static const char ending[] = ".html";
    char *own = lb_path_join(options->run, LB_RUN_REPORT, error);
    const char *path = options->output != NULL ? options->output : own;
    if (own == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const size_t size = strlen(path);
    bool is_own = false;
    lobass_status status = LOBASS_OK;
    if (size < sizeof ending || strcmp(path + size - (sizeof ending - 1), ending) != 0)
    {
        status = lb_fail(error, LOBASS_BAD_ARGUMENT, "%s: expected a name in .html", path);
    }
    else if (size >= sizeof result->output)
    {
        status = lb_fail(error, LOBASS_BAD_ARGUMENT, "%.60s...: a path of %zu bytes, expected %zu",
                         path, size, sizeof result->output - 1);
    }
    else
    {
        status = lb_path_is_same(&is_own, path, own, error);
    }
    if (status == LOBASS_OK && !is_own)
    {
        status = lb_output_path_check(path, error);
    }
    (void)snprintf(result->output, sizeof result->output, "%s", path);
    free(own);
    return status;
}

lobass_status lobass_report_write(const lobass_report_options *options,
                                  const lobass_observer *observer, lobass_report_result *result,
                                  lobass_error *error)
{
    lobass_report_result unused;
    lb_report report = {0};
    result = result != NULL ? result : &unused;
    memset(result, 0, sizeof *result);
    if (options->run == NULL)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "report: expected a run");
    }
    LB_TRY(output_find(result, options, error));
    const lobass_status status = write_with(&report, options, observer, result, error);
    lb_report_clear(&report);
    return status;
}
