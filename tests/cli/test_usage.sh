#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Wrong usage: exit 2, one line that names what is wrong and where the help is, nothing written.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

refused() # MESSAGE COMMAND...
{
    message=$1
    shift
    expect 2 "$@"
    says err "$message"
    equals "$(lines err)" 1 "lines of the message of '$*'"
    [ ! -s out ] || fail "'$*' writes to stdout"
}

expect 2 "$LOBASS"
says err "Usage: lobass COMMAND"
[ ! -s out ] || fail "the overview for wrong usage goes to stdout"

refused "lobass: unknown command 'frobnicate'; see 'lobass --help'" "$LOBASS" frobnicate
refused "did you mean 'train'?" "$LOBASS" trian
refused "lobass: unknown option --foo; see 'lobass train --help'" "$LOBASS" train --foo m d -o x
refused "did you mean --learning-rate?" "$LOBASS" train --learning-rat 1 m d -o x
refused "unknown option -z; see 'lobass run --help'" "$LOBASS" run -z
refused "option --json takes no value" "$LOBASS" info --json=yes m
refused "option --epochs needs a value" "$LOBASS" train m d -o x --epochs
refused "run needs MODEL and DATA" "$LOBASS" run m -o x
refused "run needs -o RUN" "$LOBASS" run m d
refused "select needs -k AMOUNT" "$LOBASS" select x
refused "compare needs RUN and RUN" "$LOBASS" compare x
refused "unexpected argument 'z'" "$LOBASS" compare x y z
refused "the score loss has no direction of its own: give --direction" "$LOBASS" compare x y --by loss
refused "the score ppl has no direction of its own: give --against-direction" \
    "$LOBASS" compare x y --against ppl --direction lowest
refused "option --amount: amount \"0\"" "$LOBASS" compare x y -k 0
refused "measure needs --as NAME" "$LOBASS" measure x m
refused "init needs --like CONFIG" "$LOBASS" init --tokenizer t -o x
refused "unexpected argument 'extra'" "$LOBASS" show x 1 extra
refused "option --epochs: expected an integer from 1 to 1000000, found '0'" \
    "$LOBASS" train m d -o x --epochs 0
refused "found '3x'" "$LOBASS" train m d -o x --epochs=3x
refused "found '-3'" "$LOBASS" train m d -o x --epochs -3
refused "found '99999999999999999999'" "$LOBASS" train m d -o x --seed 99999999999999999999
refused "option --lora-alpha needs --lora-rank" "$LOBASS" train m d -o x --lora-alpha 8
refused "option --lora-targets needs --lora-rank" "$LOBASS" run m d -o x --lora-targets q_proj
refused "option --lora-dropout needs --lora-rank" "$LOBASS" run m d -o x --lora-dropout 0.1
refused "option --lora-rank: expected an integer from 1 to 65536, found '0'" \
    "$LOBASS" train m d -o x --lora-rank 0
refused "lora_targets: expected all-linear or some of q_proj, k_proj, v_proj, o_proj," \
    "$LOBASS" train m d -o x --lora-rank 8 --lora-targets q_proj,lm_head
refused "option --warmup: expected a number from 0 to 1, found '1.5'" \
    "$LOBASS" train m d -o x --warmup 1.5
refused "found 'nan'" "$LOBASS" train m d -o x --learning-rate nan
refused "option --dtype: expected one of auto, fp32, bf16, found 'fp16'" \
    "$LOBASS" measure x m --as initial --dtype fp16
refused "option --eos: expected one of count, skip" "$LOBASS" prepare m d -o x --eos maybe
refused "option --spans: expected one of prompt, blocks, found 'nope'; see 'lobass prepare --help'" \
    "$LOBASS" prepare m d -o x --spans nope
refused "option --output needs a value, found the option '--strict'; a name that begins so is given as ./--strict" \
    "$LOBASS" run m d -o --strict
refused "option --output needs a value, found the option '-f'" "$LOBASS" select x -k 5 -o -f
refused "option --by: expected one of learnability, rho_sum, rho_mean, loss, ppl, ifd_loss, ifd_ppl, el2n, length, random" \
    "$LOBASS" select x -k 5 --by beauty
refused "option --output: expected a file's name, found '-'" "$LOBASS" select x -k 5 -o -
refused "the score loss has no direction of its own" "$LOBASS" select x -k 5 --by loss
refused "the score ppl has no direction of its own" "$LOBASS" run m d -o x -k 5 --by ppl
refused "option --as: expected a name of a-z" "$LOBASS" measure x m --as 'Über/name'
refused "expected the number of a row, found 'first'" "$LOBASS" show x first
refused "--json and --format csv exclude each other" "$LOBASS" scores x --json --format csv
refused "--json and --jsonl exclude each other" "$LOBASS" tokens x --json --jsonl
for amount in 0 -5 6%% 1.5 150% tok 5x ''; do
    expect 2 "$LOBASS" select x -k "$amount"
    says err "option --amount"
done

# A run's rows are frozen: options that would make others are refused.
mkdir folder
: >folder/run.db
refused "option --max-length is for data files" "$LOBASS" train m folder -o x --max-length 64
refused "unexpected argument 'more'" "$LOBASS" train m folder more -o x

# What is not known to be wrong before a file is opened fails with 1, and names the file.
expect 1 "$LOBASS" info nowhere
says err "lobass: nowhere"
expect 1 "$LOBASS" show nowhere 0
says err "nowhere"
[ -z "$(find . -name 'x*')" ] || fail "wrong usage leaves something behind"
