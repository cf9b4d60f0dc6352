#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fields of records: what other trainers write is read as they mean it or refused by name, --fields
# maps the rest and is part of the run, and what nothing reads is counted and told.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model

# prepared FILE [OPTION]...: the file as the run r, with the texts alone.
prepared()
{
    file=$1
    shift
    rm -rf r
    expect 0 "$LOBASS" prepare model "$file" -o r --template plain "$@"
}

# row NUMBER: its ids and what is scored of them, one token a line.
row()
{
    "$LOBASS" show r "$1" --json --all | tr '{' '\n' | sed -n 's/.*"id": \([0-9]*\),.*"scored": \([a-z]*\).*/\1 \2/p'
}

# alike A B: two rows have the same tokens and mask, and there is something to compare.
alike()
{
    row "$1" >a
    row "$2" >b
    [ -s a ] || fail "row $1 has no tokens"
    same a b
}

# reason ROW TEXT
reason()
{
    expect 0 "$LOBASS" show r "$1"
    says out "$2"
}

# system prompts: OpenOrca's column is what `system` is
cat >system.jsonl <<'END'
{"id": "a", "system_prompt": "Speak as a sailor.", "question": "Where is north?", "response": "Up there."}
{"system": "Speak as a sailor.", "question": "Where is north?", "response": "Up there."}
{"system_message": "Speak as a sailor.", "instruction": "Where is north?", "output": "Up there."}
{"system_prompt": "Speak as a sailor.", "prompt": "Where is north?", "completion": "Up there."}
{"system_prompt": "Speak as a sailor.", "conversations": [{"from": "human", "value": "Where is north?"}, {"from": "gpt", "value": "Up there."}]}
END
prepared system.jsonl
for i in 0 2 3 4; do
    alike $i 1
done

# a context stands in the prompt, under every name in use
cat >context.jsonl <<'END'
{"question": "Who won?", "context": "TABLE games (winner TEXT)", "answer": "SELECT winner FROM games"}
{"instruction": "Who won?", "input": "TABLE games (winner TEXT)", "output": "SELECT winner FROM games"}
{"instruction": "Who won?", "context": "TABLE games (winner TEXT)", "response": "SELECT winner FROM games", "category": "closed_qa"}
{"passage": "TABLE games (winner TEXT)", "query": "Who won?", "response": "SELECT winner FROM games"}
{"problem": "Who won?", "background": "TABLE games (winner TEXT)", "solution": "SELECT winner FROM games"}
END
prepared context.jsonl
for i in 0 2 3 4; do
    alike $i 1
done
rm -rf r
expect 0 "$LOBASS" prepare model context.jsonl -o r
for i in 0 2 3 4; do
    alike $i 1
done

# turns that are not to be learned, in the spellings of other trainers
{
    for flag in '"weight": 0' '"loss": false' '"loss_mask": 0' '"masked": true' '"train": false' \
        '"trainable": false' '"train_on_turn": false' '"ignore_loss": true'; do
        printf '{"messages": [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "wrong", %s}, {"role": "user", "content": "Two?"}, {"role": "assistant", "content": "right"}]}\n' "$flag"
    done
    echo '{"messages": [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "wrong", "lossFactor": 0}, {"role": "user", "content": "Two?"}, {"role": "assistant", "content": "right"}]}'
    echo '{"prompt": "Two?", "completion": "right"}'
} >flags.jsonl
prepared flags.jsonl
says err 'flags.jsonl:9: message 2: field "lossFactor"'
i=1
while [ $i -lt 8 ]; do
    alike $i 0
    i=$((i + 1))
done
row 0 | grep true >learned
row 9 | grep true >right
same learned right

# two answers, a text beside fields, calls and thoughts beside a text, blanks, nothing to learn
cat >odd.jsonl <<'END'
{"query": "3+3?", "response": "Three and three is 6.", "answer": "6"}
{"query": "3+3?", "response": "6", "answer": "6"}
{"text": "A tale of a dog.", "title": "Dog."}
{"prompt": "Say no.", "response": "No.", "text": "Q: Say no. A: No."}
{"question": "Who?", "answer": "Me.", "text": "A passage to read first."}
{"messages": [{"role": "user", "content": "Rain?"}, {"role": "assistant", "content": "Let me see.", "tool_calls": [{"type": "function", "function": {"name": "sky", "arguments": "{}"}}]}]}
{"messages": [{"role": "user", "content": "3+3?"}, {"role": "assistant", "content": "6", "reasoning_content": "three twice"}]}
{"messages": [{"role": "user", "content": "3+3?"}, {"role": "assistant", "content": "6", "thinking": "three twice"}]}
{"conversations": [{"from": "human", "value": "Rain?"}, {"from": "gpt", "value": "No."}], "tools": "[{\"name\": \"sky\"}]"}
{"instruction": "q", "output": "\u00a0"}
{"instruction": "q", "output": "\u3000\u2003\n"}
{"instruction": "q", "output": "\u200b\ufeff"}
{"instruction": "q", "output": "\u0085 \u2028"}
{"instruction": "q", "output": "\u00a0x"}
{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 0}]}
{"prompt": "p", "chosen": "yes", "rejected": "no"}
{"prompt": "p", "completion": "c", "label": true}
END
prepared odd.jsonl
says err 'odd.jsonl:1: ambiguous: the record can be read by "response" or by "answer"'
says err 'odd.jsonl:5: ambiguous: the record can be read by "question" or by "text"'
says err 'odd.jsonl:6: field "tool_calls": only a chat template can show it; expected --template chat'
says err 'odd.jsonl:7: field "reasoning_content": only a chat template'
says err 'odd.jsonl:8: field "thinking": only a chat template'
says err 'odd.jsonl:9: field "tools": only a chat template'
says err 'odd.jsonl:16: field "chosen" is not supported: one side of a preference'
says err 'odd.jsonl:17: field "label" is not supported: a verdict on the response (KTO)'
says out 'ignored      answer, title, text in 1 record'
for i in 9 10 11 12; do
    reason $i empty_response
done
reason 13 'status       ok'
reason 14 'no turn is to be learned'

# --fields: its own names, recorded, compared, told wrong before anything is done
cat >own.jsonl <<'END'
{"ask": "Where is north?", "rules": "Speak as a sailor.", "reply": "Up there.", "label": 1}
END
prepared own.jsonl --fields response=reply,prompt=ask,system=rules,ignore=label
expect 0 "$LOBASS" info r --json
says out '"fields": "prompt=ask,response=reply,system=rules,ignore=label"'
tokenization=$(text tokenization_hash out)
row 0 >mapped
expect 1 "$LOBASS" prepare model own.jsonl -o r --template plain
says err '"fields"'
expect 0 "$LOBASS" prepare model own.jsonl -o r --template plain \
    --fields ignore=label,prompt=ask,response=reply,system=rules
prepared own.jsonl --fields prompt=ask,response=reply,ignore=label,ignore=rules
expect 0 "$LOBASS" info r --json
[ "$(text tokenization_hash out)" != "$tokenization" ] || fail "--fields is not in the hash"
prepared system.jsonl
row 1 >named
same mapped named
rm -rf r
expect 1 "$LOBASS" prepare model own.jsonl -o r --strict
says err 'own.jsonl:1: field "label"'
expect 2 "$LOBASS" prepare model own.jsonl -o r --fields prompt
says err "option --fields: fields: expected ROLE=NAME"
expect 2 "$LOBASS" prepare model own.jsonl -o r --fields question=ask
says err '"question" is no role; expected messages, role'
expect 0 "$LOBASS" evaluate model own.jsonl --fields prompt=ask,response=reply,ignore=label
says err "ignored: rules in 1 record"
echo '{"ask": "Where is north?", "label": 1}' >open.jsonl
expect 0 "$LOBASS" generate model --jsonl open.jsonl --fields prompt=ask,ignore=label --max-tokens 1
says out '"prompt": '
says out 'Where is north?'

# what nothing reads: counted over all records, told once, kept over a stop
awk 'BEGIN { for (i = 0; i < 1234; i++) {
    printf "{\"id\": %d, \"instruction\": \"q %d\", \"output\": \"a\"%s}\n", i, i, i % 2 ? ", \"meta\": {\"k\": 1}" : ""
} }' >many.jsonl
prepared many.jsonl
says out 'ignored      id in 1,234 records; meta in 617 records'
equals "$(grep -c ignored out err | tr '\n' ' ')" "out:1 err:0 " "lines about ignored fields"
expect 0 "$LOBASS" info r
says out 'ignored      id in 1,234 records; meta in 617 records'
expect 0 "$LOBASS" info r --json
says out '"ignored": [{"field": "id", "records": 1234}, {"field": "meta", "records": 617}]'
rm -rf r
expect 0 "$LOBASS" prepare model many.jsonl -o r --json -q
says out '"ignored": [{"field": "id", "records": 1234}, {"field": "meta", "records": 617}]'
records 20 >plain.jsonl
prepared plain.jsonl --json
says out '"ignored": []'

# two files of one name: info has the names that --source takes
mkdir one two
head -n 1 plain.jsonl >one/train.jsonl
cp system.jsonl two/train.jsonl
rm -rf r
expect 0 "$LOBASS" prepare model one/train.jsonl two/train.jsonl -o r -q
expect 0 "$LOBASS" info r
says out "1 records of train.jsonl, $work/one/train.jsonl"
says out "5 records of train.jsonl (2), $work/two/train.jsonl"
