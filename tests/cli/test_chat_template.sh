#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A model's own chat template: the default, what is scored and shown of it, what is told, what a run
# keeps of it, and what is refused.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
cat >data.jsonl <<'END'
{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": " you "}]}
{"messages": [{"role": "system", "content": "be"}, {"role": "user", "content": "hi"}, {"role": "assistant", "content": "you"}]}
END
# An end token that every tokenizer of the tests has is what closes a turn.
end=$(sed -n 's/.*"eos_token": *"\([^"]*\)".*/\1/p' model/tokenizer_config.json | head -n 1)
[ -n "$end" ] || end='</s>'
cat >model/chat_template.jinja <<END
{% if messages[0].role == 'system' %}{{ raise_exception('no system here') }}{% endif %}{% for m in messages %}{{ m.role }}: {{ m.content | trim }}$end
{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}
END
sed '$ s/$//' model/chat_template.jinja >other.jinja

# ---- the default
expect 0 "$LOBASS" prepare model data.jsonl -o run --json
says out '"ok": 1'
says out '"bad_record": 1'
says out '"notes": {"trimmed": 1}'
says err "no system here"
expect 0 "$LOBASS" info run --json
says out '"template": "chat"'
expect 0 "$LOBASS" show run 0 --json --all
says out '"reason": "message 2: the template trims white space"'
equals "$(grep -o '"kind": "[a-z]*", "turn": [0-9]*, "scored": [a-z]*' out | grep '"scored": true' |
    sed 's/"kind": "\([a-z]*\)".*/\1/' | sort -u | tr '\n' ' ')" "content end " "what is scored"
says out '"kind": "header"'
says out '"kind": "newline"'

# ---- a file in its place is the same rows, recorded under its own name
expect 0 "$LOBASS" prepare model data.jsonl -o of_file --template other.jinja -q
expect 0 "$LOBASS" show of_file 0 --json --all
sed 's/"file": [^,]*//' out >of_file.json
expect 0 "$LOBASS" show run 0 --json --all
same out of_file.json

# ---- the run goes on with its own, and says so
printf '{{ messages[1].content }}' >model/chat_template.jinja
expect 0 "$LOBASS" prepare model data.jsonl -o run
says err "the chat template of model is another one by now"
expect 1 "$LOBASS" prepare model data.jsonl -o run --template alpaca
says err '"template"'

# ---- refused
expect 1 "$LOBASS" prepare model data.jsonl -o none --template missing.jinja
says err 'there is no file of that name'
expect 1 "$LOBASS" prepare model data.jsonl -o none --template other.jinja --template-var a=1
says err 'the template mentions none of that name'
expect 1 "$LOBASS" prepare model data.jsonl -o none --template other.jinja --spans blocks
says err 'generation'
expect 1 "$LOBASS" prepare model data.jsonl -o none --template alpaca --date 2026-01-01
says err 'a template date is for chat templates'
printf '{%% if %%}' >broken.jinja
expect 1 "$LOBASS" prepare model data.jsonl -o none --template broken.jinja
says err 'line 1'
[ ! -e none ] || fail "a refused prepare left a run"

# ---- prompts
expect 0 "$LOBASS" generate model hi --template other.jinja --max-tokens 1 --json
says out "\"prompt\": \"user: hi$end\\nassistant: \""
