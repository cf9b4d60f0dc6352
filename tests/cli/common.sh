# SPDX-License-Identifier: Apache-2.0
# What the command's tests share; to be read with `. "$(dirname "$0")/common.sh"`. Each test works in
# its own folder $work, which is removed when it ends. LOBASS is the command's path.
# shellcheck shell=sh disable=SC2034  # variables are for the tests

set -eu
LC_ALL=C
export LC_ALL
: "${LOBASS:?is the path of the command}"
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
fixtures=$here/data
shared=$root/../shared
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
cd "$work"

fail()
{
    echo "FAILED: $*" >&2
    if [ -f "$work/err" ]; then
        sed 's/^/    stderr: /' "$work/err" | tail -n 5 >&2
    fi
    exit 1
}

skip()
{
    echo "skipped: $*"
    exit 77
}

# expect CODE COMMAND...: runs it; its output is in $work/out and $work/err.
expect()
{
    expected=$1
    shift
    code=0
    "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    [ "$code" -eq "$expected" ] || fail "exit $code, expected $expected: $*"
}

# says FILE TEXT: the file holds the text.
says()
{
    grep -qF -e "$2" "$1" || fail "$(basename "$1") lacks '$2': $(head -c 400 "$1")"
}

lacks()
{
    if grep -qF -e "$2" "$1"; then
        fail "$(basename "$1") holds '$2'"
    fi
}

# equals FOUND EXPECTED WHAT
equals()
{
    [ "$1" = "$2" ] || fail "$3: found '$1', expected '$2'"
}

same()
{
    cmp "$1" "$2" >&2 || fail "$1 and $2 differ"
}

# number KEY FILE: the number under a key of a one-line JSON object.
number()
{
    sed -n "s/.*\"$1\": \\([-+0-9.e]*\\).*/\\1/p" "$2"
}

# text KEY FILE: the string under a key.
text()
{
    sed -n "s/.*\"$1\": \"\\([^\"]*\\)\".*/\\1/p" "$2"
}

# The sum of the counts under "statuses".
sum_of_statuses()
{
    sed -n 's/.*"statuses": {\([^}]*\)}.*/\1/p' "$1" | tr ',' '\n' | sed 's/.*: //' |
        awk '{ sum += $1 } END { print sum + 0 }'
}

# Names and checksums of everything in a folder.
listing()
{
    (cd "$1" && find . -type d -print && find . -type f -exec cksum {} +) | sort
}

lines()
{
    wc -l <"$1" | tr -d ' '
}

make_model()
{
    "$LOBASS" init --like "$fixtures/config.json" --tokenizer "$fixtures" -o "$1" --seed 7 \
        >/dev/null || fail "init $1"
}

# records N: N records, of all formats in turn.
records()
{
    awk -v n="$1" '
        function next_random(limit) {
            state = (state * 16807) % 2147483647
            return state % limit
        }
        function words(count,    out, i) {
            out = word[next_random(n_words)]
            for (i = 1; i < count; i++) {
                out = out " " word[next_random(n_words)]
            }
            return out
        }
        BEGIN {
            n_words = split("sky green blue the of one two cat dog horse answer hello sum " \
                            "colour and then there which for with number name this", list, " ")
            for (i = 1; i <= n_words; i++) {
                word[i - 1] = list[i]
            }
            for (row = 0; row < n; row++) {
                state = 1000 + row
                next_random(2)
                q = words(3 + next_random(9)) " " row
                a = words(1 + next_random(12))
                kind = row % 10
                if (kind == 0)
                    printf "{\"instruction\": \"%s\", \"input\": \"%s\", \"output\": \"%s\"}\n", q, words(4), a
                if (kind == 1)
                    printf "{\"instruction\": \"%s\", \"output\": \"%s\"}\n", q, a
                if (kind == 2)
                    printf "{\"conversations\": [{\"from\": \"human\", \"value\": \"%s\"}, {\"from\": \"gpt\", \"value\": \"%s\"}]}\n", q, a
                if (kind == 3)
                    printf "{\"messages\": [{\"role\": \"system\", \"content\": \"%s\"}, {\"role\": \"user\", \"content\": \"%s\"}, {\"role\": \"assistant\", \"content\": \"%s\"}]}\n", words(3), q, a
                if (kind == 4)
                    printf "{\"prompt\": \"%s\", \"completion\": \"%s\"}\n", q, a
                if (kind == 5)
                    printf "{\"question\": \"%s\", \"answer\": \"%s\"}\n", q, a
                if (kind == 6)
                    printf "  {\"query\":\"%s\",\"response\":\"%s\"}\n", q, a
                if (kind == 7)
                    printf "{\"text\": \"%s\"}\n", words(20)
                if (kind == 8)
                    printf "{\"messages\": [{\"role\": \"user\", \"content\": \"%s\"}, {\"role\": \"assistant\", \"content\": \"%s\"}, {\"role\": \"user\", \"content\": \"%s\"}, {\"role\": \"assistant\", \"content\": \"%s\"}]}\n", q, a, words(3), words(5)
                if (kind == 9)
                    printf "{\"instruction\": \"%s\\n\\\"quoted\\\" \\u00e9\\ud83d\\ude00\", \"input\": \"\", \"output\": \"%s caf\303\251\"}\n", q, a
            }
        }'
}

# A record whose field holds N words.
long_record()
{
    awk -v n="$1" -v field="$2" 'BEGIN {
        for (i = 0; i < n; i++) { long = long "hello " }
        if (field == "prompt") {
            printf "{\"prompt\": \"%s\", \"completion\": \"short\"}\n", long
        } else {
            printf "{\"prompt\": \"short\", \"completion\": \"%s\"}\n", long
        }
    }'
}
