#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A real trained model: the losses of 93 texts against those that an independent program computed in
# double. --eos skip, since that program scores no end token. 20 texts hold the letters "<unk>": a
# record's text is spelt out and cannot name special tokens, so they stay letters here as there.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

data=$shared/data/models
[ -f "$data/stories260K/model.safetensors" ] || skip "$data/stories260K is not there"
[ -f "$data/stories260K_losses.jsonl" ] || skip "$data/stories260K_losses.jsonl is not there"

expect 0 "$LOBASS" prepare "$data/stories260K" "$data/stories260K_losses.jsonl" -o run --eos skip \
    --json
equals "$(number records out)" 93 records
equals "$(sum_of_statuses out)" 93 "sum of the statuses"
expect 0 "$LOBASS" measure run "$data/stories260K" --as initial --dtype fp32 -q
expect 0 "$LOBASS" scores run
sed -n 's/.*"initial_loss": \([0-9.e+-]*\).*/\1/p' out >found
equals "$(lines found)" 93 "rows with a loss"
equals "$(grep -c "\"text\".*<unk>.*\"ids\"" "$data/stories260K_losses.jsonl")" 20 "texts with <unk>"
sed 's/.*"n_scored": *\([0-9]*\).*/\1/' "$data/stories260K_losses.jsonl" >n_scored
sed 's/.*"sum_nll": *\([0-9.e+-]*\).*/\1/' "$data/stories260K_losses.jsonl" >sum_nll
paste found n_scored sum_nll | awk '
    { d = $1 - $3 / $2; if (d < 0) d = -d; if (d > most) { most = d; at = NR - 1 } }
    END { printf "largest difference %.2e nats per token, row %d\n", most, at; exit !(NR == 93 && most <= 1e-5) }
' || fail "losses differ from the independent ones"
