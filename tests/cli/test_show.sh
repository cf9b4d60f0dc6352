#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# show on ordinary and odd rows: every row can be shown, tokens put together give the text again, no
# control sequence of a record reaches the terminal.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make_model model
{
    records 9
    printf '{"prompt": "evil \\u001b[31m \\u202e \\u009b2J \\u0007", "completion": "\\u001b]0;title\\u0007 \\t tab"}\n'
    printf '%s\n' '{"prompt": "two\nlines", "completion": "caf\u00e9 \ud83d\ude00\nnext"}'
    echo '{"prompt": "a", "completion": ""}'
    printf '{"evil\\u001b[2J": 1}\n'
    long_record 400 response
    long_record 40000 prompt
    long_record 30 prompt
} >data.jsonl
expect 0 "$LOBASS" run model data.jsonl -o run -k 3 --epochs 1 --batch-size 4 --learning-rate 1e-2 -q
n_records=$(lines data.jsonl)

row=0
while [ $row -lt "$n_records" ]; do
    for options in "" --all --json; do
        # shellcheck disable=SC2086  # none or one
        expect 0 "$LOBASS" show run $row $options
        if tr -d '\n' <out | grep -q '[[:cntrl:]]'; then
            fail "row $row $options: a control character reaches the terminal"
        fi
        if grep -q "$(printf '\302\233')\\|$(printf '\342\200\256')" out; then
            fail "row $row $options: an escape beyond ASCII reaches the terminal"
        fi
    done
    equals "$(lines out)" 1 "lines of --json"
    equals "$(number line out)" $((row + 1)) "line of row $row"
    row=$((row + 1))
done
expect 1 "$LOBASS" show run "$n_records"
says err "$n_records"

expect 0 "$LOBASS" show run 9
says out 'evil \x1b[31m \u{202e} \u{009b}2J \x07'
says out 'status       ok'
says out 'learnability'
for part in drop_end drop_first drop_rest; do
    grep -q "^$part  *-\{0,1\}[0-9][0-9.e-]*$" out || fail "no $part"
done
grep -q '^ *[0-9]* *[0-9]*  response  *1  yes .*-\{0,1\}[0-9.]* .*"' out || fail "no scored token"
expect 0 "$LOBASS" show run 10
says out 'two⏎'
says out '\xc3' # the tokens of the tiny vocabulary are bytes
grep -q '  end  *1  yes ' out || fail "no end token"

expect 0 "$LOBASS" show run 10 --json
sed 's/"scores": {[^}]*}, //' out >out.shown
tr '{' '\n' <out | sed -n 's/.*"text": "\(.*\)", "kind": "response".*/\1/p' | tr -d '\n' >joined
equals "$(cat joined)" 'caf\\xc3\\xa9 \\xf0\\x9f\\x98\\x80\nnext' "text of the response"
scored=$(number n_tokens out.shown)
equals "$(tr '{' '\n' <out | grep -c '"scored": true')" "$scored" "scored tokens"
equals "$(tr '{' '\n' <out | grep -c '"kind": "bos"')" 1 "beginning tokens"

expect 0 "$LOBASS" show run 11
says out 'empty_response'
expect 0 "$LOBASS" show run 12
says out 'bad_record: '
expect 0 "$LOBASS" show run 13
says out 'truncated'
expect 0 "$LOBASS" show run 14
says out 'no_scored_token'
[ "$(lines out)" -lt 40 ] || fail "a long prompt fills $(lines out) lines"
expect 0 "$LOBASS" show run 15
grep -q '^tokens  *[0-9]*, of which [0-9]* are scored$' out || fail "no counts"

# Losses and el2n agree with the scores: the mean over the tokens is the row's.
expect 0 "$LOBASS" show run 0 --json
sed -n 1p run/scores.jsonl >line
mean_of()
{
    sed 's/.*"tokens": //' out | grep -o "\"$1\": {\"initial\": [0-9.e-]*" |
        awk '{ sum += $3 } END { printf "%.4f\n", sum / NR }'
}
equals "$(mean_of losses)" "$(number initial_loss line | awk '{ printf "%.4f\n", $1 }')" "mean of the losses"
equals "$(mean_of el2n)" "$(number el2n line | awk '{ printf "%.4f\n", $1 }')" "mean of the el2n"

# A status that comes of the losses is shown as the scores have it.
expect 0 "$LOBASS" show run 0
says out 'status       ok'
expect 0 "$LOBASS" select run -k 3 --floor 100 -o known.jsonl -q
expect 0 "$LOBASS" show run 0
says out 'status       initial_loss_below_floor: the initial loss is below the floor of 100 nats'
expect 0 "$LOBASS" show run 0 --json
sed 's/"scores": {[^}]*}, //' out >out.shown
says out.shown '"status": "initial_loss_below_floor", "reason": "the initial loss is below the floor of 100 nats"'
expect 0 "$LOBASS" show run 12
says out 'bad_record: '

# The same in a terminal, where script(1) can make one: colours, but none of the record's own.
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    TERM=xterm script -qec "'$LOBASS' show run 9" /dev/null </dev/null >terminal 2>/dev/null
    grep -q "$(printf '\033')\\[2m" terminal || fail "no colour on a terminal"
    if grep -q "$(printf '\033')\\[31m \\|$(printf '\033')\\]0;\\|$(printf '\007')" terminal; then
        fail "a record's control sequence reaches the terminal"
    fi
    TERM=xterm NO_COLOR=1 script -qec "'$LOBASS' show run 9" /dev/null </dev/null >terminal
    if grep -q "$(printf '\033')" terminal; then
        fail "NO_COLOR is not respected"
    fi
fi

# An empty response is a turn of its own and not scored; its end token is all that it has.
echo '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}]}' >turns.jsonl
expect 0 "$LOBASS" prepare model turns.jsonl -o turns -q
expect 0 "$LOBASS" show turns 0 --json
says out '"kind": "end", "turn": 1, "scored": false'
says out '"kind": "response", "turn": 2, "scored": true'
lacks out '"kind": "end", "turn": 0'
expect 0 "$LOBASS" show turns 0
grep -q ' end  *1  *no' out || fail "the page does not show the empty turn: $(cat out)"
