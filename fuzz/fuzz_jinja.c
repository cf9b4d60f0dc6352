/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a chat template: it is refused with one line, when it is read or when it runs, or it
 * renders text whose origins cover it. Limits are small, so that what does not end is soon stopped.
 */
#include "fuzz.h"

#include "jinja/jinja.h"

static void require_line(const lobass_error *error)
{
    require(error->message[0] != '\0' && strchr(error->message, '\n') == NULL);
}

/* messages: one with text, one with parts; and a word. */
static size_t make_variables(lb_jinja *jinja, lb_jinja_member variables[2])
{
    lb_jinja_value text;
    lb_jinja_value messages[2];
    require(lb_jinja_string(jinja, &text, " Ab\xC3\xA9\n<x> ", 11, 7, NULL) == LOBASS_OK);
    const lb_jinja_member plain[] = {{"role", 4, text, 0}, {"content", 7, text, 0}};
    require(lb_jinja_dict(jinja, &messages[0], plain, 2, NULL) == LOBASS_OK);
    const lb_jinja_member part[] = {{"text", 4, text, 0}, {"n", 1, lb_jinja_integer(-3, 7), 0}};
    require(lb_jinja_dict(jinja, &messages[1], part, 2, NULL) == LOBASS_OK);
    lb_jinja_value list;
    require(lb_jinja_list(jinja, &list, messages, 2, NULL) == LOBASS_OK);
    variables[0] = (lb_jinja_member){"messages", 8, list, 0};
    variables[1] = (lb_jinja_member){"word", 4, text, 0};
    return 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const lb_jinja_limits limits = {(size_t)4 << 20, 200000, 500};
    lb_jinja *jinja = NULL;
    lb_jinja_template *parsed = NULL;
    lobass_error error = {0};
    require(lb_jinja_create(&jinja, &limits, NULL) == LOBASS_OK);
    if (lb_jinja_template_parse(&parsed, (const char *)data, size, "t", &error) != LOBASS_OK)
    {
        require_line(&error);
    }
    else
    {
        fuzz_n_accepted++;
        lb_jinja_rendering rendering = {0};
        lb_jinja_member variables[2];
        const size_t count = make_variables(jinja, variables);
        if (lb_jinja_render(jinja, &rendering, parsed, variables, count, NULL, &error) == LOBASS_OK)
        {
            const size_t end = rendering.n_runs == 0 ? 0 : rendering.runs[rendering.n_runs - 1].end;
            require(end == rendering.size && strlen(rendering.text) <= rendering.size);
        }
        else
        {
            require_line(&error);
        }
    }
    lb_jinja_template_free(parsed);
    lb_jinja_free(jinja);
    return 0;
}
