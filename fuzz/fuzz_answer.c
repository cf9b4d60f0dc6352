/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a model's text: it has no answer, or one that is a number in the one form that equal
 * numbers share, which is its own answer.
 */
#include "fuzz.h"

#include "task/answer.h"

/* A fraction is one of two whole numbers. */
static void check_form(const char *answer, size_t size)
{
    const char *digits = answer + (answer[0] == '-');
    const char *point = strchr(digits, '.');
    const char *bar = strchr(digits, '/');
    require(size == strlen(answer) && size == strspn(answer, "-.0123456789/"));
    require(digits[0] >= '0' && digits[0] <= '9' && strchr(digits, '-') == NULL);
    require(digits[0] != '0' || digits[1] == '.' || (digits[1] == '\0' && digits == answer));
    require(point == NULL || bar == NULL);
    require(bar == NULL || (bar[1] >= '1' && bar[1] <= '9' && strchr(bar + 1, '/') == NULL));
    require(point == NULL ||
            (point[1] != '\0' && strchr(point + 1, '.') == NULL && answer[size - 1] != '0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lb_buffer answer = {0};
    lb_buffer text = {0};
    lb_buffer again = {0};
    bool has_answer = false;
    require(lb_answer_find(&answer, &has_answer, (const char *)data, size, false, NULL) ==
            LOBASS_OK);
    require(has_answer == (answer.size > 0));
    if (has_answer)
    {
        fuzz_n_accepted++;
        check_form(answer.data, answer.size);
        require(lb_buffer_print(&text, NULL, "#### %s", answer.data) == LOBASS_OK);
        require(lb_answer_find(&again, &has_answer, text.data, text.size, false, NULL) ==
                LOBASS_OK);
        require(has_answer && strcmp(again.data, answer.data) == 0);
    }
    lb_buffer_free(&answer);
    lb_buffer_free(&text);
    lb_buffer_free(&again);
    return 0;
}
