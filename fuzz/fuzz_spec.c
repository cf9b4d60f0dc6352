/* SPDX-License-Identifier: Apache-2.0
 *
 * The spec of a selection, or a manifest, from a stranger: whatever the bytes, reading ends in a
 * spec that is sound and that is written and read back as the same, or in a message of one line.
 */
#include "fuzz.h"

#include "selection/selection.h"

static void spec_write(lb_buffer *text, const lobass_selection_spec *spec)
{
    lb_json_writer writer = lb_json_writer_begin(text, false, NULL);
    lb_selection_spec_put(&writer, NULL, spec);
    require(writer.status == LOBASS_OK);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    lobass_selection_spec spec;
    lobass_selection_spec again;
    lobass_error error = {0};
    const lobass_status status =
        lb_selection_spec_parse(&spec, (const char *)data, size, "spec", &error);
    if (status != LOBASS_OK)
    {
        require_refusal(status, &error, "spec: ");
        require(spec.n_quotas == 0 && spec.quotas == NULL);
        return 0;
    }
    fuzz_n_accepted++;
    require(lb_selection_spec_check(&spec, NULL) == LOBASS_OK);
    if (spec.direction == LOBASS_DIRECTION_DEFAULT)
    {
        spec.direction = LOBASS_DIRECTION_MIDDLE; /* the one that is used is known when written */
    }
    lb_buffer first = {0};
    lb_buffer second = {0};
    spec_write(&first, &spec);
    require(lb_selection_spec_parse(&again, first.data, first.size, "again", &error) == LOBASS_OK);
    spec_write(&second, &again);
    require(strcmp(first.data, second.data) == 0);
    lobass_selection_spec_clear(&spec);
    lobass_selection_spec_clear(&again);
    lb_buffer_free(&first);
    lb_buffer_free(&second);
    return 0;
}
