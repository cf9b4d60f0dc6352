/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how a failure is worded: one line in the caller's error struct, written once where the
 * failure was found. Also the two smallest public tables: the version and the names of row
 * statuses. Errors of the operating system are told apart only as far as a caller can act on them:
 * a file that is not there, and everything else.
 */
#include "base/base.h"

#include <errno.h>
#include <string.h>

#define REASON_SIZE 128

static const char *const row_status_names[] = {
    [LOBASS_ROW_OK] = "ok",
    [LOBASS_ROW_TRUNCATED] = "truncated",
    [LOBASS_ROW_EMPTY_RESPONSE] = "empty_response",
    [LOBASS_ROW_NO_SCORED_TOKEN] = "no_scored_token",
    [LOBASS_ROW_DUPLICATE] = "duplicate",
    [LOBASS_ROW_BAD_RECORD] = "bad_record",
    [LOBASS_ROW_NONFINITE] = "nonfinite",
    [LOBASS_ROW_INITIAL_LOSS_BELOW_FLOOR] = "initial_loss_below_floor",
    [LOBASS_ROW_INITIAL_LOSS_BELOW_MINIMUM] = "initial_loss_below_minimum",
    [LOBASS_ROW_REFERENCE_LOSS_ABOVE_MAXIMUM] = "reference_loss_above_maximum",
};

_Static_assert(sizeof row_status_names / sizeof row_status_names[0] == LOBASS_ROW_STATUS_COUNT,
               "every row status has a name");

const char *lobass_version(void)
{
    return LOBASS_VERSION;
}

const char *lobass_row_status_name(lobass_row_status status)
{
    if ((unsigned)status >= LOBASS_ROW_STATUS_COUNT)
    {
        return NULL;
    }
    return row_status_names[status];
}

/* A message is one line whatever bytes of a file were quoted in it. */
static void keep_one_line(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++)
    {
        if (*at < ' ' || *at == 0x7F)
        {
            *at = '?';
        }
    }
}

lobass_status lb_fail(lobass_error *error, lobass_status status, const char *format, ...)
{
    if (error != NULL)
    {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        if (lb_print_list(error->message, sizeof error->message, format, arguments) < 0)
        {
            error->message[0] = '\0';
        }
        va_end(arguments);
        keep_one_line(error->message);
    }
    return status;
}

lobass_status lb_fail_errno(lobass_error *error, const char *path, const char *verb)
{
    const int code = errno;
    char reason[REASON_SIZE];
    return lb_fail(error, code == ENOENT ? LOBASS_NOT_FOUND : LOBASS_IO, "%s: cannot %s: %s", path,
                   verb, strerror_r(code, reason, sizeof reason));
}

lobass_status lb_fail_memory(lobass_error *error, size_t size_bytes)
{
    return lb_fail(error, LOBASS_OUT_OF_MEMORY, "out of memory: cannot allocate %zu bytes",
                   size_bytes);
}
