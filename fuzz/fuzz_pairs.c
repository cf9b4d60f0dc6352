/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what two models wrote, the two files parted by the first NUL byte (without one both
 * are the same): refused with one line, or pairs that are the same list from both sides.
 */
#include "fuzz.h"

#include "judge/judge.h"

static void check(const lb_text_pairs *pairs, const char *first, const char *second)
{
    lb_text_pairs turned;
    require(pairs->n_pairs > 0);
    for (size_t i = 0; i < pairs->n_pairs; i++)
    {
        const lb_text_pair *pair = &pairs->pairs[i];
        require(pair->prompt.text != NULL);
        require(pair->texts[0].text != NULL || pair->texts[0].size == 0);
        require(pair->texts[1].text != NULL || pair->texts[1].size == 0);
    }
    require(lb_text_pairs_load(&turned, second, first, NULL) == LOBASS_OK);
    require(turned.n_pairs == pairs->n_pairs);
    lb_text_pairs_free(&turned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\0', size);
    const size_t n_first = end == NULL ? size : (size_t)(end - data);
    const uint8_t *rest = end == NULL ? data : end + 1;
    char *first = fuzz_file(fuzz_folder(), "first.jsonl", data, n_first);
    char *second = fuzz_file(fuzz_folder(), "second.jsonl", rest, size - (size_t)(rest - data));
    lb_text_pairs pairs;
    lobass_error error = {0};
    const lobass_status status = lb_text_pairs_load(&pairs, first, second, &error);
    if (status == LOBASS_OK)
    {
        fuzz_n_accepted++;
        check(&pairs, first, second);
    }
    else
    {
        require_refusal(status, &error, fuzz_folder());
    }
    lb_text_pairs_free(&pairs);
    free(first);
    free(second);
    return 0;
}
