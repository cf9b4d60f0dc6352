/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a judge's journal, as they are and with the checksums that their lines should have:
 * it is refused with one line, or gives verdicts of questions that there are, and whole lines.
 */
#include "fuzz.h"

#include <inttypes.h>

#include "judge/judge.h"

#define N_VERDICTS 8

static void check(const char *data, size_t size)
{
    lb_verdict verdicts[N_VERDICTS + 1] = {LB_VERDICT_NONE};
    size_t n_kept = 0;
    lobass_error error = {0};
    const lobass_status status = lb_journal_parse(verdicts, N_VERDICTS, &n_kept, data, size,
                                                  "{\"pairs\": 4}", "answers.jsonl", &error);
    require(n_kept <= size && (n_kept == 0 || data[n_kept - 1] == '\n'));
    require(status == LOBASS_OK || ((status == LOBASS_BAD_FORMAT || status == LOBASS_CONFLICT) &&
                                    error.message[0] != '\0' && !strchr(error.message, '\n')));
    require(verdicts[N_VERDICTS] == LB_VERDICT_NONE);
    for (size_t i = 0; i < N_VERDICTS; i++)
    {
        fuzz_n_accepted += verdicts[i] != LB_VERDICT_NONE;
        require((unsigned)verdicts[i] < LB_VERDICT_COUNT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lb_buffer lines = {0};
    const char *at = (const char *)data;
    const char *end = at + size;
    check(at, size);
    while (at < end)
    {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const size_t n = stop == NULL ? (size_t)(end - at) : (size_t)(stop - at);
        const uint64_t checksum = lb_hash_bytes(at, n, 0).low;
        require(lb_buffer_append(&lines, at, n, NULL) == LOBASS_OK);
        require(lb_buffer_print(&lines, NULL, ", \"checksum\": \"%016" PRIx64 "\"}\n", checksum) ==
                LOBASS_OK);
        at = stop == NULL ? end : stop + 1;
    }
    check(lines.size == 0 ? "" : lines.data, lines.size);
    lb_buffer_free(&lines);
    return 0;
}
