#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The judge against a server with known opinions: the table is the known truth, whatever goes wrong on
# the way; killed and started again it asks no answered question twice; a judge that goes by the order
# gives ties; and the key is written nowhere.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

command -v python3 >/dev/null 2>&1 || skip "no python3"
unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY
server=
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT

LOBASS_JUDGE_KEY=sk-zzsecretzz
export LOBASS_JUDGE_KEY

serve() # OPTION...: a server in place of the one before; it logs to ./log
{
    [ -z "$server" ] || { kill "$server" && wait "$server" 2>/dev/null || true; }
    rm -f port log
    mkfifo port
    python3 "$here/chat_server.py" --log log "$@" >port 2>server.err &
    server=$!
    read -r number <port
    url=http://127.0.0.1:$number/v1
    : >log
}

judge() # FOLDER OPTION...
{
    folder=$1
    shift
    "$LOBASS" judge a.jsonl b.jsonl --url "$url" --model "the judge" -o "$folder" --backoff 0.01 \
        --parallel 5 "$@"
}

questions() # FILE: those that were asked, one a line
{
    sed -n 's/.*"question": "\([0-9a-f]*\)".*/\1/p' "$1"
}

# What B wrote stands in another order. Of 20 pairs A's text is longer in 10, shorter in 5.
texts() # MODEL
{
    awk -v model="$1" 'BEGIN {
        for (i = 0; i < 20; i++) {
            n = model == "a" ? substr("4363", i % 4 + 1, 1) : substr("3433", i % 4 + 1, 1)
            if (i % 4 == 2 && model == "a") n = 3
            if (i % 4 == 0 && model == "a") n = 5
            if (i % 4 == 1 && model == "a") n = 2
            if (i % 4 == 3 && model == "a") n = 9
            text = ""
            for (k = 0; k < n; k++) text = text " \\u00e9\\n" model
            source = model == "a" ? sprintf(", \"source\": \"set %d\"", i % 4 < 2) : ""
            printf "{\"row\": %d, \"prompt\": \"Question %d?\", \"text\": \"%s\"%s}\n", i, i, text, source
        }
    }'
}
texts a >a.jsonl
texts b | sort -r >b.jsonl

# ---- the truth
serve
expect 0 judge plain --json -q
cp out plain.json
same plain.json plain/summary.json
says out '"n_pairs": 20, "n_wins": 10, "n_ties": 5, "n_losses": 5, "n_unreadable": 0, "n_failed": 0, "n_without_text": 0, "n_for_shown_first": 15, "n_for_shown_second": 15, "win_rate": 0.625, "low": 0.40948'
says out '"p": 0.3017'
says out '{"source": "set 1", "n_pairs": 10, "n_wins": 5, "n_ties": 0, "n_losses": 5,'
says out '{"source": "set 0", "n_pairs": 10, "n_wins": 5, "n_ties": 5, "n_losses": 0,'
equals "$(questions log | sort -u | wc -l)" 40 "questions"
equals "$(lines log)" 40 "requests"
lacks log '"wrong"'
equals "$(lines plain/answers.jsonl)" 41 "lines of the journal"
says plain/answers.jsonl '"pair": 19, "order": "BA", "verdict": "B", "text": "[[B]]"'
expect 0 judge plain -q
grep -q '^ *20  *10  *5  *5  *62.50%  *40.95% -  *80.02%  *0.3018  all$' out || fail "table: $(cat out)"
equals "$(lines log)" 40 "requests after a second call"
(LOBASS_JUDGE_KEY='' && expect 0 judge keyless --json -q) # an endpoint may need none
same out plain.json

# ---- whatever goes wrong on the way
serve --faults hang,none,429,500,half,json,nochoices,null,huge,close,503,408
expect 0 judge faults --json -q --timeout 2 --parallel 16
same out plain.json
for fault in hang 429 500 half json nochoices null huge close 503 408; do
    says log "\"fault\": \"$fault\""
done
equals "$(questions log | sort -u | wc -l)" 40 "questions"
python3 - <<'END' || fail "a retry came before Retry-After"
import json
waits = {}
for line in map(json.loads, open("log")):
    if line["question"] in waits:
        assert line["time"] - waits.pop(line["question"]) > 0.9
    elif line["fault"] == "429":
        waits[line["question"]] = line["time"]
assert not waits
END

# ---- killed, again and again
serve --delay 0.3
for n_wanted in 2 4 6 9 12; do
    "$LOBASS" judge a.jsonl b.jsonl --url "$url" --model "the judge" -o killed --parallel 5 -q \
        2>killed.err &
    process=$!
    while [ ! -f killed/answers.jsonl ] || [ "$(lines killed/answers.jsonl)" -lt $n_wanted ]; do
        kill -0 $process 2>/dev/null || fail "ended by itself: $(cat killed.err)"
        sleep 0.01
    done
    kill -9 $process
    wait $process 2>/dev/null || true
    n_kept=$(grep -c checksum killed/answers.jsonl)
done
"$LOBASS" judge a.jsonl b.jsonl --url "$url" --model "the judge" -o killed -q 2>killed.err &
process=$!
while [ "$(lines killed/answers.jsonl)" -lt $((n_kept + 2)) ]; do
    kill -0 $process 2>/dev/null || fail "ended by itself: $(cat killed.err)"
    sleep 0.01
done
kill -TERM $process
code=0
wait $process || code=$?
equals $code 130 "exit code of a stop"
says killed.err "run the same command again to go on"
n_kept=$(grep -c checksum killed/answers.jsonl)
[ ! -e killed/summary.json ] || fail "a summary of a part"
serve
expect 0 judge killed --json -q
same out plain.json
equals "$(lines log)" $((41 - n_kept)) "questions after the kills"
if questions log | sort | uniq -d | grep -q .; then fail "a question was asked twice"; fi

# A line that was not written to its end is cut off, and its question asked.
cp -r plain torn
head -c -20 plain/answers.jsonl >torn/answers.jsonl
serve
expect 0 judge torn --json -q
same out plain.json
equals "$(lines log)" 1 "requests"
head -c -2 plain/answers.jsonl >torn/answers.jsonl
echo '"}' >>torn/answers.jsonl # another checksum
expect 0 judge torn --json -q
same out plain.json
sed '5s/"order"/"border"/' plain/answers.jsonl >torn/answers.jsonl
expect 1 judge torn -q
says err "torn/answers.jsonl:5: expected a line of a judge's journal"
head -c 20 plain/answers.jsonl >torn/answers.jsonl
: >log
expect 0 judge torn --json -q
same out plain.json
equals "$(lines log)" 40 "requests of a journal without a line"

# ---- by the order alone, no verdict, no answer
serve --rule first
expect 0 judge biased --json -q
says out '"n_wins": 0, "n_ties": 20, "n_losses": 0, "n_unreadable": 0, "n_failed": 0, "n_without_text": 0, "n_for_shown_first": 40, "n_for_shown_second": 0, "win_rate": 0.5,'
says out '"p": 1.0'
serve --rule tie
expect 0 judge ties --json -q
says out '"n_wins": 0, "n_ties": 20, "n_losses": 0, "n_unreadable": 0, "n_failed": 0, "n_without_text": 0, "n_for_shown_first": 0'
for rule in mumble both mark; do
    serve --rule $rule
    expect 0 judge $rule --json -q --retries 1
    says out '"n_ties": 0, "n_losses": 0, "n_unreadable": 20, "n_failed": 0'
    lacks out '"win_rate"'
    equals "$(lines log)" 80 "requests: each question once more"
done
expect 0 judge mark -q
equals "$(lines log)" 80 "requests after a second call"
says out "20  pairs without a verdict that can be read"

for status in 500 400; do
    serve --odd $status
    expect 0 judge some$status --json -q --retries 1
    says err "pairs have a question without an answer, the latest failure: status $status, \"no "
    n_failed=$(number n_failed out | head -n 1)
    n_odd=$(questions log | sort -u | grep -c '[13579bdf]$')
    [ "$n_failed" -gt 0 ] && [ "$n_failed" -le "$n_odd" ] || fail "$n_failed failed, $n_odd questions"
    [ $status = 500 ] || equals "$(lines log)" 40 "requests: a wrong one is not repeated"
    serve
    expect 0 judge some$status --json -q
    same out plain.json
    equals "$(lines log)" "$n_odd" "requests of the second call"
done
serve --always 500
expect 1 judge none -q --retries 1
says err "no question was answered; the latest failure: status 500"
[ ! -e none/summary.json ] || fail "a summary of nothing"
[ "$(lines log)" -lt 60 ] || fail "$(lines log) requests to an endpoint that was never there"
expect 1 judge none --retries 1 --backoff 0
equals "$(grep -c ': tried again$' err)" 1 "notes about a retry: $(cat err)"

# Answers are there, and then the endpoint is gone: not every question is tried to the end.
cp -r plain gone
head -n 4 plain/answers.jsonl >gone/answers.jsonl
: >log
expect 1 judge gone -q --retries 0
says err "20 questions in a row were not answered; the latest failure: status 500"
says err "; the same command goes on"
[ "$(lines log)" -lt 30 ] || fail "$(lines log) requests to an endpoint that is gone"
serve
expect 0 judge gone --json -q
same out plain.json

# ---- what ends the call
for status in 401 403 404 redirect; do
    serve --always $status
    expect 1 judge refused -q --parallel 1
    equals "$(lines err)" 1 "lines of the message"
    says err "/v1/chat/completions: status "
    equals "$(lines log)" 1 "requests"
    [ $status = redirect ] || says err "[key]"
    grep -q "$(printf '\033')" err && fail "a control character reaches the terminal"
done
kill "$server" && wait "$server" 2>/dev/null || true
server=
expect 1 judge refused -q --retries 1
says err "no question was answered; the latest failure: Failed to connect"

# ---- the key is nowhere
serve --rule-says-key
expect 0 judge echoed --json -q
says echoed/answers.jsonl 'Your key is Bearer [key]. [[A]]'
rm -f port log
for file in $(grep -rl zzsecretzz . || true); do
    fail "the key is in $file"
done

# ---- rate and proxy: 21 requests take 20 waits at least
head -n 1 a.jsonl >one.jsonl
serve --rule mumble
began=$(date +%s%N)
expect 0 "$LOBASS" judge one.jsonl one.jsonl --url "$url/" --model "the judge" -o rate -q --retries 5 \
    --backoff 0 --per-minute 1200
[ $(($(date +%s%N) - began)) -gt 500000000 ] || fail "12 requests at 1200 a minute were too fast"
equals "$(lines log)" 12 "requests"
expect 0 env http_proxy="http://127.0.0.1:$number" NO_PROXY= no_proxy= "$LOBASS" judge one.jsonl one.jsonl \
    --url http://judge.invalid/v1 --model "the judge" -o proxied -q --retries 0
says log '"path": "http://judge.invalid/v1/chat/completions"'

# ---- a journal of something else
differs() # MEMBER COMMAND...
{
    member=$1
    shift
    expect 1 "$@"
    says err "plain/answers.jsonl:1: made with"
    says err "\"$member\""
}
echo "Say [[A]]." >told.txt
differs instructions judge plain -q --instructions told.txt
differs model "$LOBASS" judge a.jsonl b.jsonl --url "$url" --model other -o plain -q
differs texts "$LOBASS" judge b.jsonl a.jsonl --url "$url" --model "the judge" -o plain -q
serve
expect 0 judge plain -q --instructions told.txt -f --json
says out '"instructions": "Say [[A]].\n"'
says log '"told": "Say [[A]].\n"'
equals "$(lines log)" 40 "requests of -f"
mkdir foreign
echo hello >foreign/summary.json
for flag in -q -f; do
    expect 1 judge foreign $flag
    says err "foreign/summary.json: is no summary of a judge and is not replaced"
    equals "$(cat foreign/summary.json)" hello "what is somebody else's"
done
cp plain/summary.json foreign/summary.json
expect 1 judge foreign -q
says err "foreign/summary.json: exists already"
printf '{"prompt": "p", "text": "t"}' >foreign/answers.jsonl # no line break
cp foreign/answers.jsonl input
for flag in -q -f; do
    expect 1 "$LOBASS" judge foreign/answers.jsonl input --url "$url" --model m -o foreign $flag
    says err "foreign/answers.jsonl: is no journal of a judge and is not replaced"
    same foreign/answers.jsonl input
    same foreign/summary.json plain/summary.json
done
mkdir -p owned/reference
: >owned/run.db
expect 1 judge owned/reference/new -q
says err "owned/reference/new: belongs to the run"
[ ! -e owned/reference/new ] || fail "a judge wrote into a run's reference"

# ---- data
refused() # MESSAGE A B OPTION...
{
    message=$1
    shift
    expect 1 "$LOBASS" judge "$@" --url "$url" --model "the judge" -o never -q
    says err "$message"
    [ ! -e never ] || fail "something is left of '$message'"
}
head -n 19 b.jsonl >less.jsonl
refused "a.jsonl:1: its prompt is not in less.jsonl" a.jsonl less.jsonl
sed 's/Question 7/Question 8/' a.jsonl >twice.jsonl
refused ": its prompt is not in " twice.jsonl b.jsonl
echo '{"prompt": "a"}' >textless.jsonl
refused 'textless.jsonl:1: expected a string as "text"' textless.jsonl b.jsonl
echo '{"question": "a"}' >promptless.jsonl
refused 'promptless.jsonl:1: expected a line of lobass generate' b.jsonl promptless.jsonl
echo '{"prompt": "a", ' >broken.jsonl
refused 'broken.jsonl: line 1' broken.jsonl b.jsonl
: >empty.jsonl
refused 'empty.jsonl: no line' empty.jsonl b.jsonl
: >nothing.txt
refused 'nothing.txt: empty, or with a zero byte; expected instructions' a.jsonl b.jsonl --instructions nothing.txt
{
    printf '{"prompt": "p", "error": "too long"}\n{"prompt": "q", "text": "longer"}\n{"prompt": "q", "text": ""}\n'
} >first.jsonl
printf '{"prompt": "q", "text": "long"}\n{"prompt": "q", "text": "x"}\n{"prompt": "p", "text": "x"}\n' >second.jsonl
expect 0 "$LOBASS" judge first.jsonl second.jsonl --url "$url" --model "the judge" -o errors -q --json
says out '"n_pairs": 3, "n_wins": 1, "n_ties": 0, "n_losses": 1, "n_unreadable": 0, "n_failed": 0, "n_without_text": 1'
lacks out '"source"'

# Sources that differ at their ends alone are two, however long their names are.
long=$(head -c 300 /dev/zero | tr '\0' x)
for name in first second; do
    printf '{"prompt": "%s", "text": "%s", "source": "%s"}\n' p ab "${long}1" q ab "${long}2" >"$name.jsonl"
done
expect 0 "$LOBASS" judge first.jsonl second.jsonl --url "$url" --model "the judge" -o names -q --json
says out "{\"source\": \"${long}1\", \"n_pairs\": 1,"
says out "{\"source\": \"${long}2\", \"n_pairs\": 1,"

# ---- usage
for bad in http://me:word@host/v1 https:/me:word@host "http://host/v1?key=zz" ftp://host/v1 http:///v1 "http://a b/v1"; do
    expect 1 "$LOBASS" judge a.jsonl b.jsonl --url "$bad" --model m -o never -q
    says err "expected "
    lacks err word
    lacks err "key=zz"
done
(LOBASS_JUDGE_KEY=$(printf 'sk-zz\r\nHost: evil') && expect 1 judge never -q)
says err "the key cannot stand in a header"
lacks err sk-zz
expect 2 "$LOBASS" judge a.jsonl b.jsonl --url "$url" --model m
says err "judge needs -o FOLDER"
expect 2 judge never --parallel 0
expect 2 judge never --timeout 0
[ ! -e never ] || fail "something is left of wrong usage"
