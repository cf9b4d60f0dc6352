/* SPDX-License-Identifier: Apache-2.0
 *
 * See json_out.h.
 */
#include "json_out.h"

#include <stdlib.h>

#include "console.h"

static lb_buffer text; /* of the document at hand */

lb_json_writer cli_json_begin(void)
{
    lb_json_writer json = lb_json_writer_begin(&text, false, NULL);
    json.is_shown = true;
    return json;
}

void cli_json_flush(lb_json_writer *json)
{
    if (json->status != LOBASS_OK)
    {
        cli_message("out of memory");
        exit(CLI_FAILED);
    }
    (void)fwrite(text.data, 1, text.size, stdout); /* cli_finish() looks at the stream */
    lb_buffer_free(&text);
}

void cli_json_print(lb_json_writer *json)
{
    lb_json_close(json);
    cli_json_flush(json);
    (void)putchar('\n');
}
