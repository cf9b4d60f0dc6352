/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the reply of a judge: it is refused with one line, or has a text with a verdict or
 * none; and what it says is wrong is a text. Whatever it says, a key in it is not kept.
 */
#include "fuzz.h"

#include "judge/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char key[] = "sk1";
    lb_buffer text = {0};
    lb_buffer redacted = {0};
    lobass_error error = {0};
    const lobass_status status = lb_chat_read(&text, (const char *)data, size, &error);
    require(status == LOBASS_OK || (status == LOBASS_BAD_FORMAT && error.message[0] != '\0' &&
                                    strchr(error.message, '\n') == NULL));
    if (status == LOBASS_OK)
    {
        fuzz_n_accepted++;
        const lb_verdict verdict = lb_verdict_find(text.data, text.size);
        require(verdict != LB_VERDICT_NONE && lb_verdict_name(verdict) != NULL);
    }
    require(lb_chat_read_refusal(&text, (const char *)data, size, &error) == LOBASS_OK);
    require(lb_redact(&redacted, text.size == 0 ? "" : text.data, text.size, key, &error) ==
            LOBASS_OK);
    require(memmem(redacted.data, redacted.size, key, sizeof key - 1) == NULL);
    lb_buffer_free(&text);
    lb_buffer_free(&redacted);
    return 0;
}
