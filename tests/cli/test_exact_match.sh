#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Exact match against what is known: a model that learnt six records by heart answers these; records
# that ask the same and say something else are wrong, those without an answer are not asked.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
record() # NAME RESPONSE
{
    printf '{"question": "%s", "answer": "%s"}\n' "$1" "$2"
}
{
    record sky "the sky is #### 1,000"
    record dog "the dog is #### -7"
    record cat "the cat is #### 3.50"
    record green "the green is #### 0"
    record horse "the horse is #### \$12."
    record blue "the blue is a colour"
} >learnt.jsonl
expect 0 "$LOBASS" train model learnt.jsonl -o tuned --template plain --epochs 400 --batch-size 6 \
    --learning-rate 1e-2 -q

# By heart, and in other words: seven right.
{
    record sky "1 000 is wrong. #### 1000.00"
    record sky "#### 100"
    record dog "#### 2 - 9 = -7 apples, not #### 5"
    record dog "#### 7"
    echo '{"question": 3, "answer": "x"}'
    record cat "####\$+3.5"
    record green "#### -0.0"
    record horse "#### 0012"
    record blue "#### 3"
} >first.jsonl
{
    record cat "three and a half"
    echo '{"text": "the sky is #### 1,000"}'
    record horse "#### 12"
    record sky "it is ### 1000"
    record sky "#### 1000"
    echo '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "#### 1"}, {"role": "user", "content": "b"}]}'
} >second.jsonl
set -- tuned first.jsonl second.jsonl --template plain --exact-match
expect 0 "$LOBASS" evaluate "$@" --max-tokens 40 -q --json --predictions made.jsonl
total=$(sed 's/, "sources": .*//' out)
says out '"exact_match": {"records": 15, "n_answers": 10, "n_correct": 7, "n_unanswered": 1, "accuracy": 0.7, "low": 0.39677'
case $total in *'"exact_match": {"records": 15'*) ;; *) fail "no total: $total" ;; esac
says out '"exact_match": {"records": 9, "n_answers": 8, "n_correct": 5, "n_unanswered": 1, "accuracy": 0.625'
says out '"exact_match": {"records": 6, "n_answers": 2, "n_correct": 2, "n_unanswered": 0, "accuracy": 1.0, "low": 0.34238'

# A line a record, with what the command generate writes where it was asked.
equals "$(lines made.jsonl)" 15 "predictions"
says made.jsonl '{"row": 0, "source": "first.jsonl", "record": 0, "expected": "1000", "predicted": "1000", "is_correct": true, "text": "the sky is #### 1,000", "stopped": "end"}'
says made.jsonl '"record": 1, "expected": "100", "predicted": "1000", "is_correct": false'
says made.jsonl '"record": 2, "expected": "-7", "predicted": "-7", "is_correct": true'
says made.jsonl '{"row": 4, "source": "first.jsonl", "record": 4}'
says made.jsonl '"record": 6, "expected": "0", "predicted": "0", "is_correct": true'
says made.jsonl '{"row": 8, "source": "first.jsonl", "record": 8, "expected": "3", "is_correct": false, "text": "the blue is a colour"'
says made.jsonl '{"row": 10, "source": "second.jsonl", "record": 1}'
expect 0 "$LOBASS" generate tuned --jsonl first.jsonl --template plain --max-tokens 40 -q
sed -n 's/.*\("text": .*\), "prompt_tokens.*/\1/p' out >texts
sed -n 's/.*"first.jsonl".*\("text": .*\), "stopped.*/\1/p' made.jsonl | diff - texts >&2 ||
    fail "the texts are not those of generate"

# For people; nothing without answers.
expect 0 "$LOBASS" evaluate "$@" --max-tokens 40 -q
grep -q '^all  *10  *7  *70.00%  *39.68% - 89.22%$' out || fail "no line of all: $(cat out)"
says out "1 of the model's texts have no answer"
says out "5 records have no answer to compare with"
record a b >none.jsonl
expect 0 "$LOBASS" evaluate tuned none.jsonl --exact-match --json -q
says out '"exact_match": {"records": 1, "n_answers": 0, "n_correct": 0, "n_unanswered": 0}'

# A prompt without room for an answer is one without an answer.
long_record 3000 prompt | sed 's/short/#### 5/' >long.jsonl
expect 0 "$LOBASS" evaluate tuned first.jsonl long.jsonl --exact-match --template plain --json -q \
    --predictions long.out
says out '"exact_match": {"records": 1, "n_answers": 1, "n_correct": 0, "n_unanswered": 1, "accuracy": 0.0'
says long.out '"expected": "5", "is_correct": false, "error": "the prompt has '

# ---- whole or not at all, and never over what is there
cp made.jsonl before
expect 1 "$LOBASS" evaluate "$@" --predictions made.jsonl
says err "made.jsonl: exists already"
same made.jsonl before
expect 0 "$LOBASS" evaluate "$@" --predictions made.jsonl --max-tokens 3 -q -f
if cmp -s made.jsonl before; then fail "-f does not replace the predictions"; fi
says made.jsonl '"stopped": "length"'
cp first.jsonl kept.jsonl
expect 1 "$LOBASS" evaluate tuned kept.jsonl --exact-match --max-tokens 3 -q -f --predictions kept.jsonl
says err "kept.jsonl: is no file of predictions and is not replaced"
same kept.jsonl first.jsonl
echo '{"question": "sky", "answer": "#### 1"' >broken.jsonl
head -c 60 first.jsonl >>broken.jsonl
mkdir own
expect 1 "$LOBASS" evaluate tuned learnt.jsonl broken.jsonl --strict --exact-match --predictions own/new.jsonl
says err "broken.jsonl:"
equals "$(ls -A own)" "" "files that are left"

# ---- usage
expect 2 "$LOBASS" evaluate tuned first.jsonl --predictions x
says err "option --predictions needs --exact-match"
expect 2 "$LOBASS" evaluate tuned first.jsonl --max-tokens 3
says err "option --max-tokens needs --exact-match"
expect 2 "$LOBASS" evaluate tuned - --exact-match
says err "expected files, found standard input"
echo words >words.txt
expect 1 "$LOBASS" evaluate tuned words.txt --exact-match -q
says err "words.txt: plain text has no answers in it"
