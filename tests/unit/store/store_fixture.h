/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the store share: rows made from a number, a store in a folder of the test's
 * own, and checks of refusals.
 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"
#include "unit/base/scratch.h"
#include "unit/store/sql.h"

#define MOST_TOKENS 32

static inline void check_ok(lobass_status status, const lobass_error *error)
{
    if (status != LOBASS_OK)
    {
        fail_msg("status %d: %s", (int)status, error->message);
    }
}

/* STATUS must be EXPECTED and the message must hold both words. */
static inline void check_refused(lobass_status status, lobass_status expected,
                                 const lobass_error *error, const char *word, const char *other)
{
    if (status != expected || strstr(error->message, word) == NULL ||
        strstr(error->message, other) == NULL)
    {
        fail_msg("status %d, expected %d; message \"%s\", expected \"%s\" and \"%s\"", (int)status,
                 (int)expected, error->message, word, other);
    }
}

typedef struct made_row
{
    lobass_row row;
    int32_t ids[MOST_TOKENS];
    uint8_t flags[MOST_TOKENS];
} made_row;

/* Row NUMBER with NUMBER % 8 tokens, half of them scored, and extreme values here and there. */
static inline const lobass_row *row_make(made_row *made, uint64_t number)
{
    const size_t n_tokens = (size_t)(number % 8);
    *made = (made_row){.row = {.row = number,
                               .record = number / 2,
                               .line = number + 1,
                               .offset = number * 1000003,
                               .size_bytes = number == 3 ? (uint64_t)INT64_MAX : 100 + number,
                               .source = (uint32_t)(number % 2),
                               .status = n_tokens == 0 ? LOBASS_ROW_BAD_RECORD : LOBASS_ROW_OK,
                               .reason = n_tokens == 0 ? "field \"output\": none" : NULL,
                               .hash = {0xfedcba9876543210u + number, number},
                               .n_tokens = n_tokens,
                               .n_scored = n_tokens / 2}};
    for (size_t i = 0; i < n_tokens; i++)
    {
        made->ids[i] = i == 0 ? INT32_MAX : (int32_t)(number * 7 + i);
        made->flags[i] = (uint8_t)(i < n_tokens / 2 ? 0xff : 0);
    }
    made->row.ids = made->ids;
    made->row.flags = made->flags;
    return &made->row;
}

static inline void rows_save(lb_store *store, uint64_t first, uint64_t n_rows)
{
    lobass_error error = {0};
    check_ok(lb_store_begin(store, &error), &error);
    for (uint64_t i = first; i < first + n_rows; i++)
    {
        made_row made;
        check_ok(lb_store_row_save(store, row_make(&made, i), &error), &error);
    }
    check_ok(lb_store_commit(store, &error), &error);
}

static inline lb_store *store_open(const char *folder, lb_store_mode mode)
{
    lobass_error error = {0};
    lb_store *store = NULL;
    check_ok(lb_store_open(&store, folder, mode, &error), &error);
    return store;
}

/* A new run of N_ROWS rows, left open for writing. */
static inline lb_store *store_with_rows(const char *name, uint64_t n_rows)
{
    lb_store *store = store_open(scratch_path(name), LB_STORE_CREATE);
    rows_save(store, 0, n_rows);
    return store;
}

#endif
