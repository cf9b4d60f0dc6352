/* SPDX-License-Identifier: Apache-2.0
 *
 * Chat templates: renderings and failures as jinja2 has them (jinja_cases.jsonl, made by
 * make_jinja_cases.py), where every character of a rendering comes from, what is refused when a
 * template is read, and that a template which does not end, or grows without end, is stopped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/jinja/json_values.h"

#define CASES TEST_SOURCE_DIR "/tests/unit/jinja/jinja_cases.jsonl"
#define CASES_CLOCK INT64_C(1741536247) /* 2025-03-09 16:04:07, as in make_jinja_cases.py */

static lb_jinja *renderer_make(void)
{
    lb_jinja *jinja = NULL;
    const lb_jinja_limits limits = lb_jinja_limits_default();
    assert_int_equal(lb_jinja_create(&jinja, &limits, NULL), LOBASS_OK);
    lb_jinja_set_clock(jinja, CASES_CLOCK);
    return jinja;
}

/* Renders SOURCE with the members of VARIABLES (may be NULL). */
static lobass_status render(lb_jinja *jinja, lb_jinja_rendering *rendering, const char *source,
                            size_t size, const json_t *variables, lobass_error *error)
{
    lb_jinja_template *parsed = NULL;
    size_t count = 0;
    lb_jinja_reset(jinja);
    lobass_status status = lb_jinja_template_parse(&parsed, source, size, "template", error);
    if (status == LOBASS_OK)
    {
        lb_jinja_member *members = members_from_json(jinja, variables, &count, error);
        status = lb_jinja_render(jinja, rendering, parsed, members, count, NULL, error);
        free(members);
    }
    lb_jinja_template_free(parsed);
    return status;
}

/* Whether a case came out as jinja2 has it; says so where it did not. */
static bool check_case(lb_jinja *jinja, const json_t *given, const json_t *shared)
{
    const json_t *source = json_object_get(given, "template");
    const json_t *expected = json_object_get(given, "rendered");
    const json_t *own = json_object_get(given, "variables");
    lb_jinja_rendering rendering = {0};
    lobass_error error = {0};
    const lobass_status status =
        render(jinja, &rendering, json_string_value(source), json_string_length(source),
               own == NULL ? shared : own, &error);
    const bool is_right =
        expected == NULL
            ? status != LOBASS_OK && strncmp(error.message, "template: line ", 15) == 0
            : status == LOBASS_OK && rendering.size == json_string_length(expected) &&
                  memcmp(rendering.text, json_string_value(expected), rendering.size) == 0;
    if (!is_right)
    {
        print_error("%s\n  expected %s\n  found    %s\n", json_string_value(source),
                    expected == NULL ? json_string_value(json_object_get(given, "error"))
                                     : json_string_value(expected),
                    status == LOBASS_OK ? rendering.text : error.message);
    }
    return is_right;
}

static void test_cases_of_jinja2(void **state)
{
    lb_jinja *jinja = renderer_make();
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = true;
    json_t *first = NULL;
    size_t n_cases = 0;
    size_t n_wrong = 0;
    (void)state;
    assert_int_equal(lb_record_reader_open(&reader, CASES, NULL), LOBASS_OK);
    while (has_record)
    {
        assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
        json_t *given = NULL;
        if (!has_record)
        {
            break;
        }
        assert_int_equal(lb_json_parse(&given, record.data, record.size, CASES, NULL), LOBASS_OK);
        if (first == NULL)
        {
            first = given;
            continue;
        }
        n_cases++;
        n_wrong += !check_case(jinja, given, json_object_get(first, "variables"));
        json_decref(given);
    }
    json_decref(first);
    lb_record_reader_close(reader);
    lb_jinja_free(jinja);
    assert_true(n_cases > 150);
    assert_int_equal(n_wrong, 0);
}

/* The origins of a rendering as a letter for each byte: "t" for the template's own. */
static void expect_origins(const char *source, const char *expected)
{
    lb_jinja *jinja = renderer_make();
    lb_jinja_rendering rendering = {0};
    lobass_error error = {0};
    json_t *variables = json_loads(
        "{\"m\": {\"content\": \" Hello, World \", \"n\": 7, \"calls\": [{\"a\": \"b\"}]}}", 0,
        NULL);
    char found[256] = "";
    if (render(jinja, &rendering, source, strlen(source), variables, &error) != LOBASS_OK)
    {
        fail_msg("%s", error.message);
    }
    for (size_t run = 0, at = 0; run < rendering.n_runs; run++)
    {
        assert_true(rendering.runs[run].end > at && rendering.runs[run].end < sizeof found);
        for (; at < rendering.runs[run].end; at++)
        {
            found[at] = rendering.runs[run].origin == 0 ? 't' : 'r';
        }
    }
    assert_int_equal(strlen(found), rendering.size);
    assert_string_equal(found, expected);
    json_decref(variables);
    lb_jinja_free(jinja);
}

static void test_origins(void **state)
{
    (void)state;
    expect_origins("<{{ m.content|trim }}>", "trrrrrrrrrrrrt");
    expect_origins("{{ 'a' + m.content[1:6] ~ 'b' }}", "trrrrrt");
    expect_origins("{{ m.content.split(',')[1].strip().upper() }}!", "rrrrrt");
    expect_origins("{{ m.content|replace('Hello', 'Bye')|trim }}", "tttrrrrrrr");
    expect_origins("{% set x %}[{{ m.n }}]{% endset %}{{ x|title }}", "trt");
    expect_origins("{% macro f(a) %}({{ a }}){% endmacro %}{{ f(m.n) }}", "trt");
    expect_origins("{{ m.calls|tojson }}", "tttrttttrttt");
    expect_origins("{{ '%s:%d' % (m.content[1:3], m.n) }}", "rrtr");
    expect_origins("{{ [m.content[1:3], 'x']|join('-') }}", "rrtt");
    expect_origins("{{ 'Hello' if m.content else '' }}", "ttttt");
}

static void test_blocks(void **state)
{
    static const char source[] =
        "é{% for x in [1, 2] %}{% generation %}<{{ x }}>{% endgeneration %}{% endfor %}";
    lb_jinja *jinja = renderer_make();
    lb_jinja_rendering rendering = {0};
    lb_jinja_template *parsed = NULL;
    (void)state;
    assert_int_equal(render(jinja, &rendering, source, strlen(source), NULL, NULL), LOBASS_OK);
    if (rendering.blocks == NULL || rendering.n_blocks != 2)
    {
        fail_msg("%zu blocks", rendering.n_blocks);
        return;
    }
    assert_int_equal(rendering.blocks[0].start, 2);
    assert_int_equal(rendering.blocks[0].end, 5);
    assert_int_equal(rendering.blocks[1].start, 5);
    assert_int_equal(rendering.blocks[1].end, 8);
    assert_int_equal(lb_jinja_template_parse(&parsed, source, strlen(source), "t", NULL),
                     LOBASS_OK);
    assert_true(lb_jinja_template_has_generation(parsed));
    assert_false(lb_jinja_template_mentions(parsed, "tools"));
    lb_jinja_template_free(parsed);
    lb_jinja_free(jinja);
}

static void expect_failure(const char *source, size_t size, lobass_status status, const char *words)
{
    lb_jinja *jinja = renderer_make();
    lb_jinja_rendering rendering = {0};
    lobass_error error = {0};
    assert_int_equal(render(jinja, &rendering, source, size, NULL, &error), status);
    if (strstr(error.message, words) == NULL || strchr(error.message, '\n') != NULL)
    {
        fail_msg("\"%s\" in %s", words, error.message);
    }
    lb_jinja_free(jinja);
}

static void test_refused_when_read(void **state)
{
    (void)state;
    expect_failure("a\n{% include 'x' %}", 19, LOBASS_UNSUPPORTED,
                   "template: line 2: {% include %} is not supported");
    expect_failure("{% if false %}{{ 1|pprint }}{% endif %}", 39, LOBASS_UNSUPPORTED,
                   "the filter \"pprint\" is not supported");
    expect_failure("{% for x in [] recursive %}{% endfor %}", 39, LOBASS_UNSUPPORTED, "recursive");
    expect_failure("{{ 99999999999999999999 }}", 26, LOBASS_UNSUPPORTED, "64 bits");
    expect_failure("a\n\xFF", 3, LOBASS_BAD_FORMAT, "template: line 2: found a byte");
    expect_failure("a\0b", 3, LOBASS_BAD_FORMAT, "a NUL");
    expect_failure("\n\n{{ nope.x }}", 14, LOBASS_BAD_FORMAT,
                   "template: line 3: 'nope' is undefined");
}

/* What is stopped is stopped in time. (Sanitizers have memory of their own.) */
static void expect_little_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_in_range(lb_peak_memory(), 1, 100 * 1000 * 1000);
#endif
}

/* What never ends, or grows without end, is stopped by one of the limits. */
static void test_stopped(void **state)
{
    static const struct
    {
        const char *source, *words;
    } cases[] = {
        {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "a depth of 1000"},
        {"{% macro f() %}{{ caller is defined }}{% call f() %}{% endcall %}{% endmacro %}{{ f() }}",
         "a depth of 1000"},
        {"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
         "more than 64 MiB of memory"},
        {"{% for a in range(1000000000) %}{% endfor %}", "Range too big"},
        {"{% for a in [0] * 1000000000 %}{% endfor %}", "more than 64 MiB of memory"},
        {"{% for i in range(9999) %}{{ range(9999)|select('eq', i)|list }}{% endfor %}",
         "within 10000000 steps"},
        {"{% set n = namespace(x='x') %}"
         "{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
         "more than 64 MiB of memory"},
        {"{{ 'x' * 1000000000000 }}", "within 10000000 steps"},
        {"{{ [[]] * 1000000000 }}", "more than 64 MiB of memory"},
        {"{{ 'x'.center(10000000000) }}", "within 10000000 steps"},
        {"{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", "a depth of 1000"},
        {"{% for i in range(9999) %}{{ range(9999)|map('string')|join }}{% endfor %}",
         "more than 64 MiB of memory"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    {
        expect_failure(cases[i].source, strlen(cases[i].source), LOBASS_BAD_FORMAT, cases[i].words);
    }
    expect_little_memory();
}

/* A template of SIZE bytes: PART over and over between BEFORE and BEHIND, "@@@@" in it being
 * another name each time. Ends in spaces. */
static char *repeat(const char *before, const char *part, const char *behind, size_t size)
{
    char *source = malloc(size + 1);
    const size_t part_size = strlen(part);
    size_t at = strlen(before);
    assert_non_null(source);
    memset(source, ' ', size);
    memcpy(source, before, at);
    for (size_t n = 0; at + part_size + strlen(behind) <= size; n++, at += part_size)
    {
        memcpy(source + at, part, part_size);
        size_t left = n;
        for (size_t i = 0; i < part_size; i++)
        {
            if (part[i] == '@')
            {
                source[at + i] = (char)('a' + left % 26);
                left /= 26;
            }
        }
    }
    memcpy(source + at, behind, strlen(behind));
    source[size] = '\0';
    return source;
}

static void expect_failure_of(const char *before, const char *part, const char *behind, size_t size,
                              const char *words)
{
    char *source = repeat(before, part, behind, size);
    lb_jinja *jinja = renderer_make();
    lb_jinja_rendering rendering = {0};
    lobass_error error = {0};
    assert_int_not_equal(render(jinja, &rendering, source, size, NULL, &error), LOBASS_OK);
    if (strstr(error.message, words) == NULL)
    {
        fail_msg("%s: \"%s\" in %s", part, words, error.message);
    }
    lb_jinja_free(jinja);
    free(source);
}

/* The largest templates of what takes the most memory for each of its bytes. */
static void test_deep(void **state)
{
    static const char *const parts[] = {
        "(",    "[",  "{",  "-",        "not ", "a.",    "a+",     "a|b|", "a~",  "a(",
        "a[",   "a<", "1+", "a if ",    "'',",  "1 is ", "f(f(",   "-a*",  "@@+", "''+",
        "@@@<", "a,", "()", "[a][a:a]", "a()",  "a(a)|", "'@@@'+", "@@@@."};
    const size_t most = (size_t)1 << 20;
    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    {
        expect_failure_of("{{ nope.nope + ", parts[i], " }}", most, "template: line 1: ");
    }
    expect_failure_of("", "a", "", most + 1, "more than 1 MiB is not supported");
    expect_little_memory();
}

/* A large template is no way to hide work from the limits. */
static void test_large(void **state)
{
    static const struct
    {
        const char *before, *part, *behind, *words;
    } cases[] = {
        {"{% macro f() %}{% if false %}", "{{ x }}",
         "{% endif %}{% endmacro %}{% for i in range(9999) %}{% for j in range(9999) %}{{ f() }}"
         "{% endfor %}{% endfor %}",
         "more than 64 MiB of memory"},
        {"", "{% set @@@@ = 1 %}",
         "{% for i in range(9999) %}{% for j in range(9999) %}{{ nope is defined }}{% endfor %}"
         "{% endfor %}",
         "within 10000000 steps"},
        {"{{ f(", "@@@@=1,", ") }}", "within 10000000 steps"},
        {"{% macro f(", "@@@@=1,", "zz=1) %}{% endmacro %}{{ f() }}", "within 10000000 steps"},
        {"{% set n = namespace() %}", "{% set n.@@@@ = 1 %}", "", "within 10000000 steps"},
        {"{{ '%(zz)s' % {", "'@@@@': 1,", "'zz': 1} }}", "within 10000000 steps"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    {
        expect_failure_of(cases[i].before, cases[i].part, cases[i].behind, (size_t)1 << 20,
                          cases[i].words);
    }
    expect_little_memory();
    lb_jinja *jinja = renderer_make();
    lb_jinja_rendering rendering = {0};
    char *source = repeat("<", "{{ 1 }}", ">", (size_t)1 << 20);
    assert_int_equal(render(jinja, &rendering, source, (size_t)1 << 20, NULL, NULL), LOBASS_OK);
    assert_true(rendering.size > ((size_t)1 << 20) / 7 && rendering.text[1] == '1');
    lb_jinja_free(jinja);
    free(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases_of_jinja2),
                                       cmocka_unit_test(test_origins),
                                       cmocka_unit_test(test_blocks),
                                       cmocka_unit_test(test_refused_when_read),
                                       cmocka_unit_test(test_stopped),
                                       cmocka_unit_test(test_deep),
                                       cmocka_unit_test(test_large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
