#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes jinja_cases.jsonl: what jinja2 (3.1.6, from PyPI), set up as transformers sets it up for chat
templates, makes of the templates below. A line has the template, its variables, and `rendered` or
`error`. Run by hand, never by the tests:

    python3 -m venv VENV && VENV/bin/pip install jinja2==3.1.6
    VENV/bin/python tests/unit/jinja/make_jinja_cases.py
"""
import datetime
import json
import pathlib

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).resolve().parent
NOW = datetime.datetime(2025, 3, 9, 16, 4, 7)  # the test sets the same clock


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def environment():
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                         extensions=[Generation, loopcontrols])

    def raise_exception(message):
        raise TemplateError(message)

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                          sort_keys=sort_keys)

    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = NOW.strftime
    return made


VARIABLES = {
    "message": {"role": "tool", "content": "\t two  words \n", "empty": "", "none": None,
                "number": 3, "real": 0.25, "yes": True, "values": "mine",
                "calls": [{"name": "f", "arguments": {"z": [1, None], "a": "ü"}}]},
    "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U1"},
                 {"role": "assistant", "content": "<r>why</r>A1", "final": True},
                 {"role": "user", "content": [{"type": "text", "text": "U2"}]}],
    "text": "Ünïcode, “quotes” & <tags>\r\nnext\u2028line\u00a0",
    "word": "word", "list": [3, 1, 2, 1], "bos": "<s>", "nothing": None,
}

CONVERSATIONS = {
    "plain": [{"role": "user", "content": " ask "}, {"role": "assistant", "content": "answer \n"}],
    "system": [{"role": "system", "content": "Be kind.\n"}, {"role": "user", "content": "q"},
               {"role": "assistant", "content": "a"}, {"role": "user", "content": "q2"}],
    "reasoning": [{"role": "user", "content": "q"},
                  {"role": "assistant", "content": "b", "reasoning_content": "thinking"},
                  {"role": "user", "content": "q"},
                  {"role": "assistant", "content": "<think>\nx\n</think>\n\nc"}],
    "parts": [{"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "image"},
                                           {"type": "text", "text": "two"}]}],
    "tools": [{"role": "user", "content": "w?"},
              {"role": "assistant", "content": "",
               "tool_calls": [{"function": {"name": "get", "arguments": {"city": "Łódź", "n": 2}}}]},
              {"role": "tool", "content": "sunny"}, {"role": "assistant", "content": "Sun."}],
    "wrong": [{"role": "assistant", "content": "first"}],
    "none": [],
}
TOOLS = [{"type": "function", "function": {"name": "get", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "enum": ["a", "b"]},
                                     "n": {"type": ["integer", "null"]}}, "required": ["city"]}}}]

CHAT = {
    "markers": """{%- set ns = namespace(system='', n=0) %}
{%- for m in messages if m.role == 'system' %}
    {%- set ns.system = ns.system ~ m.content | trim %}
{%- endfor %}
{{- bos }}{% if ns.system %}<|sys|>{{ ns.system }}
{% endif %}
{%- for m in messages %}
    {%- if m.role == 'system' %}{% continue %}{% endif %}
    {%- set ns.n = ns.n + 1 %}
    {%- if (m.role == 'user') != (ns.n % 2 == 1) and not m.tool_calls and m.role != 'tool' and
           loop.previtem is defined and loop.previtem.role != 'tool' %}
        {{- raise_exception('roles: ' + m.role ~ ' at ' ~ loop.index) }}
    {%- endif %}
    {#- one turn #}
    {{- '<|' + m.role + '|>\\n' }}
    {%- if m.content is string %}
        {%- if '</think>' in m.content and not loop.last %}
            {{- m.content.split('</think>')[-1].lstrip('\\n') }}
        {%- else %}
            {{- m.content }}
        {%- endif %}
    {%- else %}
        {%- for part in m.content | selectattr('type', 'equalto', 'text') %}
            {{- part['text'] }}{{ '' if loop.last else ' ' }}
        {%- endfor %}
    {%- endif %}
    {%- for call in m.tool_calls or [] %}
        {{- '\\n<call>' ~ call.function | tojson ~ '</call>' }}
    {%- endfor %}
    {{- '<|end|>' }}
{% endfor %}
{% if add_generation_prompt %}<|assistant|>
{% endif %}""",
    "macros": """{%- macro kind(s) -%}
{% if s.type is string %}{{ s.type }}{% else %}{{ s.type | join('|') }}{% endif %}
{%- if s.enum %}: {{ s.enum | map('tojson') | join(', ') }}{% endif %}
{%- endmacro -%}
{%- macro turn(m, last=false) %}{% set body = caller() | trim %}[{{ m.role | upper }}{{ '*' if last }}]{{ body }}
{% endmacro -%}
{%- if tools %}
  {%- for tool in tools | map(attribute='function') %}
# {{ tool.name }}
    {%- for name, s in tool.parameters.properties | dictsort %}
{{ '%-6s' % name }} {{ kind(s) }}{{ ' required' if name in tool.parameters.required }}
    {%- endfor %}
  {%- endfor %}
{% endif %}
{% for m in messages %}
  {%- call turn(m, loop.last) %}
    {%- if m.reasoning_content is defined and m.reasoning_content %}
      <think>{{ m.reasoning_content }}</think>
    {%- endif %}
    {{- m.content if m.content is string else m.content | tojson(indent=2) }}
    {%- for c in m.tool_calls | default([], true) %}
      {{- c.function.name }}({% for k, v in c.function.arguments.items() %}{{ k }}={{ v }}{{ ', ' if not loop.last }}{% endfor %})
    {%- endfor %}
  {%- endcall %}
{%- endfor %}""",
    "blocks": """{% for m in messages %}
{% if m['role'] == 'assistant' %}
{{ '> ' }}{% generation %}{{ m['content'] }}{{ eos }}
{% endgeneration %}
{% else %}
{% set t %}{{ m['role'][:1] | upper }}: {{ m['content'] }}{% endset %}
{{ t }}
{% endif %}
{% endfor %}
{{ strftime_now('%d %b %Y') if messages | length > 2 else '' }}""",
}

EXPRESSIONS = r"""
{{ message.content|trim }}|{{ message['content'].strip() }}|{{ message.content.split() }}
{{ message.content.rstrip() ~ '.' }}{{ message.content.lstrip(' \t') }}
{{ message['values'] }} {{ message.values is string }} {{ message.keys is defined }}
{{ message.none }} {{ message.none is none }} {{ message.none|default('d') }} {{ message.nope|default('d') }}
{{ message.nope }}{{ message.nope is defined }}{{ message.nope|length }}
{{ message.nope.deeper }}
{{ message.nope + 'x' }}
{{ 'x' + message.none }}
{{ 'x' ~ message.none ~ message.yes ~ message.real ~ message.number }}
{{ message.calls|tojson }}
{{ message.calls[0].arguments|tojson(sort_keys=true) }}
{{ message.calls[0].arguments|tojson(ensure_ascii=true, indent=1) }}
{{ message.calls[0].arguments|tojson(separators=(',', ':')) }}
{{ message.calls[0] }}
{{ [1.0, 1e3, 1e-5, 123456789012345680.0, 0.1, 1/3, 2**0.5, 5e-324, 1e22]|tojson }}
{{ [true, none, 'a\'b', "a'b", 'a"\'b'] }}
{{ '\u200d\u0000\u001b'|list }}
{{ text }}
{{ text|upper }}|{{ text|lower }}|{{ text|title }}|{{ text.title() }}|{{ text|capitalize }}
{{ 'ΑΣ ΟΔΟΣ Σ'.lower() }} {{ 'ﬁ ŉ ΐ'.upper() }} {{ 'ǆ ŉ'.title() }} {{ 'İ'.lower()|length }}
{{ text.splitlines() }}
{{ text|length }} {{ text[3] }} {{ text[-3:]|list }} {{ text[::5] }} {{ text[8:2:-1] }}
{{ text|e }} {{ '<b>'|safe + '<i>' }} {{ '<b>'|e|e }} {{ '<b>'|forceescape }}
{{ text|urlencode }}
{{ text|wordcount }} {{ text|truncate(10) }} {{ text|truncate(10, true, '…', 0) }}
{{ text.find('ï') }} {{ text.count('e') }} {{ text.replace('e', 'E', 2) }} {{ 'aaa'.replace('', '-') }}
{{ text.index('zzz') }}
{{ 'a,b,,c'.split(',') }} {{ 'a,b,,c'.rsplit(',', 1) }} {{ ' a b '.split() }} {{ ' a b c '.split(none, 1) }} {{ ' a b c '.rsplit(none, 1) }}
{{ ''.split('') }}
{{ 'abc'.startswith(('x', 'ab')) }} {{ 'abc'.endswith('bc', 2) }} {{ 'abc'.startswith('b', 1) }}
{{ 'key: v'.partition(': ') }} {{ 'a.b.c'.rpartition('.') }} {{ 'abc'.partition('-') }}
{{ 'abc'.removeprefix('a').removesuffix('c') }} {{ 'Ab'.swapcase() }} {{ '7'.zfill(3) }} {{ '-7'.zfill(4) }}
{{ 'x'.center(4, '*') }} {{ 'x'.center(5, '*') }} {{ 'ab'.center(5) }}| {{ 'x'.ljust(3) }}|{{ 'x'.rjust(3, '.') }}
{{ 'a\tb'.expandtabs(4) }} {{ 'x'.isdigit() }} {{ '²'.isdigit() }} {{ '²'.isdecimal() }} {{ 'aB'.islower() }} {{ 'AB1'.isupper() }}
{{ '-'.join(['a', 'b']) }} {{ '-'.join('xyz') }}
{{ '-'.join([1]) }}
{{ list|sort }} {{ list|sort(reverse=true) }} {{ list|unique|list }} {{ list|min }} {{ list|max }} {{ list|sum }} {{ list|first }} {{ list|last }}
{{ ['b', 'A', 'a', 'B']|sort }} {{ ['b', 'A', 'a', 'B']|sort(case_sensitive=true) }} {{ ['a', 'A', 'b']|unique|list }}
{{ list|reverse|list }} {{ 'abc'|reverse }} {{ list|batch(3, 0)|list }} {{ list|slice(3)|list }}
{{ messages|map(attribute='role')|list }} {{ messages|selectattr('final')|map(attribute='content')|first }}
{{ messages|rejectattr('role', 'in', ['system', 'user'])|list|length }} {{ list|select('odd')|list }} {{ list|reject('gt', 1)|list }}
{{ messages|map(attribute='nope', default='-')|join }} {{ messages|map('length')|list }}
{{ messages|groupby('role')|map('first')|list }} {{ messages|sort(attribute='role')|map(attribute='role')|join(',') }}
{{ messages|selectattr('final')|length }}
{{ (messages|selectattr('nope')) is iterable }} {{ messages|selectattr('nope')|list }} {{ 'yes' if messages|selectattr('nope') else 'no' }}
{{ messages|join(', ', attribute='role') }} {{ [1, none, 'x']|join('-') }} {{ 'abc'|join('.') }}
{{ message|items|list|length }} {{ nothing|items|list }}
{{ undefined_thing|items|list }} {{ {'b': 1, 'A': 2}|dictsort }} {{ {'b': 1, 'A': 2}|dictsort(true) }} {{ {'b': 1, 'A': 2}|dictsort(by='value', reverse=true) }}
{{ {'a': 1}.items() }} {{ {'a': 1}.keys()|list }} {{ {'a': 1}.get('b') }} {{ {'a': 1}.get('b', 2) }} {{ {1: 'x', true: 'y'} }}
{{ {'a': 1}.pop('a') }}
{{ {'a': 1}.update is defined }} {{ [].append is callable }}
{{ [1] + [2] }} {{ (1, 2) + (3,) }} {{ [0] * 3 }} {{ 'ab' * 0 }} {{ 2 * 'ab' }}
{{ [1] + (2,) }}
{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % -3 }} {{ -7.5 % 2 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 1e3 // 7 }}
{{ 1 // 0 }}
{{ -2 ** 2 }} {{ -3|abs }} {{ +true }} {{ not 1 == 2 }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 2 > 1 != 0 }}
{{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ (1, 'a') == (1, 'a') }} {{ [1] == (1,) }}
{{ 'a' < 1 }}
{{ 'a' in 'cat' }} {{ 2 in list }} {{ 'role' in message }} {{ 'x' not in ['x'] }} {{ 3 in range(5) }}
{{ 1 in 'abc' }}
{{ 1 is divisibleby 1 }} {{ 4 is even }} {{ 'x' is string }} {{ message is mapping }} {{ list is sequence }} {{ none is none }} {{ 1 is number }} {{ true is integer }} {{ 1.5 is float }}
{{ 'A' is upper }} {{ 'a1' is lower }} {{ 'abc' is in 'xabcx' }} {{ 1 is sameas true }} {{ 'trim' is filter }} {{ 'defined' is test }}
{{ 'x' is not defined }} {{ nothing is not none }} {{ nope is undefined and true }}
{{ 'x' if nothing }}|{{ ('x' if nothing) is defined }}|{{ 'x' if nothing else 'y' if false else 'z' }}
{{ '' or 'b' or 'c' }} {{ 'a' and '' and 'c' }} {{ nothing or [] }} {{ [] and 1 }}
{{ '42'|int + 1 }} {{ '4.7'|int }} {{ 'x'|int(-1) }} {{ '0x1f'|int(base=16) }} {{ '1_000'|int }} {{ 3.99|int }} {{ ' 5 '|int }}
{{ '1.5'|float }} {{ 'x'|float }} {{ 2|float }} {{ 2.567|round(2) }} {{ 2.5|round }} {{ 3.5|round|int }} {{ 2.1|round(method='ceil') }} {{ 25|round }}
{{ '%s is %d, %.2f, %5s|%-5s|%05d %x %%' % ('a', 3, 1.005, 'r', 'l', 42, 255) }}
{{ '%(a)s-%(b)r' % {'a': 1, 'b': 'x'} }} {{ '%s' % nothing }} {{ '%s %s'|format(1, 'b') }}
{{ '%s' % (1, 2) }}
{{ '%d' % 'x' }}
{{ '{} {1}'.format(1, 2) }}
{{ '{} {} {{}} {a} {b[0]} {c.role!r} {d:>6.2f} {e:^7}|{f:,}'.format(1, 'x', a='k', b=[5], c=message, d=3.14159, e='mid', f=1234567) }}
{{ 'a'|indent(2, true) }} {{ 'a\nb\n\nc\n'|indent(2) }} {{ 'a\nb'|indent('> ', true, true) }}
{{ range(3)|list }} {{ range(5, 1, -2)|list }} {{ range(3) }} {{ range(10)[2:8:3] }} {{ range(4)|last }}
{{ range(200000)|length }}
{{ dict(a=1, b=[2]) }} {{ dict({'x': 1}, y=2) }} {{ namespace(a=1) }} {{ dict([('a', 1)]) }}
{{ strftime_now('%A %d %B %Y %H:%M:%S %j %y %I %p') }}
{{ raise_exception('own ' ~ word) }}
{{ word|attr('upper') is defined }} {{ message|attr('role') is defined }}
{{ word.__class__ }}{{ word.nope is defined }}{{ list.nope }}{{ list['x'] is defined }}{{ list[9] is defined }}
{{ (1, 2, 3)[1] }} {{ 'abc'[1] }} {{ list[-1] }} {{ list[true] }} {{ message['calls'][0]['name'] }} {{ list.0 }}
{{ word | nofilter }}
{{ word is notest }}
{% if false %}{{ word|nofilter }}{% endif %}fine
{% if true %}{{ word|nofilter }}{% endif %}
{{ 'a' 'b' "c" }} {{ 'tab\tnew\\n\x41\u00e9\101 \q' }} {{ 1_0 }} {{ 0b11 }} {{ 0o17 }} {{ 0xfF }} {{ 1e2 }} {{ 1.5e-3 }}
{% set a = 1 %}{% for i in [1, 2] %}{% set a = a + i %}{{ a }}{% endfor %}{{ a }}
{% set ns = namespace(n=0) %}{% for i in list %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}
{% set message.x = 1 %}
{% set a, (b, c) = 1, [2, 3] %}{{ a }}{{ b }}{{ c }}
{% set a, b = [1] %}
{% for a, b in message.calls[0].arguments.items() %}{{ loop.index }}/{{ loop.length }}{{ a }}={{ b }};{% endfor %}
{% for x in list %}{{ x }}{{ loop.cycle('a', 'b') }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.changed(x > 1) }}{{ loop.nextitem }}{{ loop.first }}{{ loop.depth }} {% endfor %}
{% for x in [] %}x{% else %}none{{ loop is defined }}{% endfor %}
{% for x in list if x > 1 %}{{ loop.index }}{{ x }}{{ ',' if not loop.last }}{% else %}none{% endfor %}
{% for x in list %}{% if x == 2 %}{% break %}{% endif %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}
{% for x in messages %}{% for y in x.content %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}
{% for x in 5 %}{% endfor %}
{% break %}
{% macro f(a, b=a, *c) %}{% endmacro %}
{% macro f(a, b=2) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f() }}|{{ f(1, 2, 3, k=4) }}|{{ f(b=1, a=0) }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(nope=2) }}
{% macro f(n) %}{{ n }}{{ f(n - 1) if n }}{% endmacro %}{{ f(4) }}{{ f.name }}{{ f }}
{% macro outer() %}({{ caller('x') }}){% endmacro %}{% call(v) outer() %}{{ v }}{{ word }}{% endcall %}
{% macro outer() %}{{ caller is defined }}{{ caller() }}{% endmacro %}{{ outer() }}
{% set block %} a {{ word }} {% endset %}[{{ block }}]{% set block | trim | upper %} b {% endset %}[{{ block }}]
{% filter trim | replace('o', '0') %} {{ word }} {% endfilter %}|
{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}
{% set v = 1 %}{% with v = 2, w = v %}{{ v }}{{ w }}{% endwith %}{{ v }}
{% if word %}1{% elif nope %}2{% else %}3{% endif %}{% if nope %}1{% elif word %}2{% endif %}
{% for i in [1, 2] %}{{ i }}{% continue %}{% else %}none{% endfor %}|{% for i in [1, 2] %}{{ i }}{% break %}{% else %}none{% endfor %}
{% for i in [1, 2] %}{{ i }}{% if i == 2 %}{% break %}{% endif %}{% else %}none{% endfor %}
{{ ('<a>'|e)|list }}{{ ('<a>'|e)|first == '&' }}{{ [('<a>'|e)|last, ('<a>'|e)[0]] }}
{{ nope|attr('x') }}
{{ message|attr('role') is defined }}{{ message|attr('items') is callable }}{{ none|attr('x') is undefined }}
{{ '%0-5d|%-05d|%05d|%+05d' % (3, 3, 3, 3) }}
{{ {1: 2, 2.0: 3, 'a': 4}[2] }}{{ {1: 2}[1.0] }}{{ {(1, 2): 3}[(1, 2)] }}
{% raw %}{{ not }} {% this %}{% endraw %}{# nor this {{ x }} #}|
{%- if true -%} a {%- endif -%} b {{- ' c ' -}} d
{% if true %}   kept{% endif %} {%+ if true +%} x {% endif %}
{{ cycler('a', 'b').next() }}{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{% set j = joiner('|') %}{{ j() }}a{{ j() }}b
{% print word, 1 %}
{% include 'x' %}
{% unknown %}
{{ (1, }}
{{ 'open }}
{% if word %}
{{ word }
{{ [1, 2 }}
{{ word[ }}
{{ f(a=1, 2) }}
{{ f(a=1, a=2) }}
{{ a b }}
{{ }}
{% set %}
{% endif %}
"""

MULTILINE = ["  {% if true %}\n    a\n  {% endif %}\n\tb\n", "a\r\nb\r{% if true %}\r\nc\n{% endif %}d\n\n",
             "{% for m in messages %}\n  {{ m.role }}\n{% endfor %}\nend", "x {# c #}\ny\n{#- c -#}\n z",
             "{{ word }}\n\n{{- word }}\n", "\n{% set a = 'b\nc' %}\n{{ a }}\n", "{% raw %}\n a {% endraw %}\nb",
             "  {%- raw -%}  a  {%- endraw -%}  b", "a\n  {%+ if true %}b\n  {%+ endif %}\nc",
             "{{ 'a\\\nb' }}", "{{ message\n  .role }}{{ [1,\n2] }}", "  {# c #}  x\n  {# c #}\ny"]


def main():
    made = environment()
    cases = []

    def add(template, variables):
        case = {"template": template}
        if variables is not VARIABLES:
            case["variables"] = variables
        try:
            case["rendered"] = made.from_string(template).render(
                **json.loads(json.dumps(variables)))
        except Exception as error:  # pylint: disable=broad-except
            case["error"] = f"{type(error).__name__}: {error}"
        cases.append(case)

    for template in EXPRESSIONS.strip("\n").split("\n") + MULTILINE:
        add(template, VARIABLES)
    for chat in CHAT.values():
        for name, messages in CONVERSATIONS.items():
            for prompt in (False, True):
                variables = {"messages": messages, "tools": TOOLS if name == "tools" else None,
                             "add_generation_prompt": prompt, "bos": "<s>", "eos": "</s>"}
                add(chat, variables)
    with open(HERE / "jinja_cases.jsonl", "w", encoding="utf-8") as file:
        file.write(json.dumps({"variables": VARIABLES}, ensure_ascii=False) + "\n")
        for case in cases:
            file.write(json.dumps(case, ensure_ascii=False) + "\n")
    print(len(cases), "cases,", sum("error" in c for c in cases), "errors")


main()
