#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Within a limit of address space (ulimit -v) from 6 to 400 MB a command does its work or says in one line that
# memory does not suffice; never a signal, and the same command without the limit ends with the same bytes.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/../cli/common.sh"
fixtures=$root/tests/cli/data

limits="$(seq 6 2 48) $(seq 60 20 400)"
[ -z "${LOBASS_LONG:-}" ] || limits="$(seq 6 100) $(seq 104 4 400)"
make_model model
records 10 >data.jsonl

# limited MEGABYTES COMMAND...: its exit code is in $code.
limited()
{
    limit=$1
    shift
    code=0
    # shellcheck disable=SC3045  # Debian's sh has ulimit -v
    (ulimit -v $((limit * 1024)) && exec "$@" >"$work/out" 2>"$work/err" </dev/null) || code=$?
}

# The dynamic linker comes before main() and says so itself.
check_refused()
{
    if [ $code -eq 127 ]; then
        says err "error while loading shared libraries"
        return
    fi
    [ $code -eq 1 ] || fail "$1 within $2 MB: exit $code"
    equals "$(lines err)" 1 "lines that $1 says within $2 MB"
    grep -qE '^lobass: .*(memory|thread)' err || fail "$1 within $2 MB said: $(cat err)"
}

# try NAME COMMAND...: on a copy of `start` that becomes `run`; without a limit it is `whole`.
try()
{
    name=$1
    shift
    rm -rf run
    [ ! -d start ] || cp -r start run
    expect 0 "$@"
    rm -rf whole
    mv run whole
    "$LOBASS" scores whole >whole.scores
    done_at=
    refused_at=0
    n_refused=0
    for limit in $limits; do
        rm -rf run
        [ ! -d start ] || cp -r start run
        limited "$limit" "$@"
        if [ $code -eq 0 ]; then
            [ -n "$done_at" ] || done_at=$limit
        else
            check_refused "$name" "$limit"
            refused_at=$limit
            n_refused=$((n_refused + 1))
            expect 0 "$@"
        fi
        "$LOBASS" scores run >run.scores
        same whole.scores run.scores
        if [ -d whole/reference ]; then
            same whole/reference/model.safetensors run/reference/model.safetensors
        fi
    done
    [ -n "$done_at" ] || fail "$name does not fit in 400 MB"
    [ $n_refused -gt 0 ] || fail "$name fits in 6 MB: the limit does not hold"
    # How much a process takes varies a little from one to the next.
    [ "$refused_at" -le $((done_at + 16)) ] || fail "$name: done within $done_at MB, refused within $refused_at MB"
    echo "$name: $n_refused limits refused, done within $done_at MB, none refused above $refused_at MB"
    rm -rf start
    mv whole start
}

try prepare "$LOBASS" prepare model data.jsonl -o run -q --threads 2
try measure "$LOBASS" measure run model --as initial -q --threads 2
try train "$LOBASS" train model run -o run/reference --epochs 1 --batch-size 4 -q --threads 2
