#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The report's page in headless Chromium: runs are made with the command, and page.js opens their pages.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/../cli/common.sh"

# The commands are these scripts' own: `here` of common.sh is the folder of whoever reads it.
browser=$root/tests/browser
fixtures=$root/tests/cli/data
package=$root/.cache/playwright-core-1.56.1.tgz
: "${CHROMIUM:=$(command -v chromium-headless-shell || command -v chromium || true)}"
command -v node >/dev/null || skip "node is not installed: scripts/setup check"
[ -n "$CHROMIUM" ] || skip "chromium is not installed: scripts/setup check"
[ -f "$package" ] || skip "$package is not there: scripts/setup check"
"$CHROMIUM" --headless --no-sandbox --disable-gpu --dump-dom 'data:text/html,<p>ready' >ready 2>/dev/null || true
grep -q ready ready || skip "chromium does not run here: $CHROMIUM"
tar -xzf "$package"

# measured RUN DATA...: prepared, and measured under two models.
measured()
{
    run=$1
    shift
    expect 0 "$LOBASS" prepare model "$@" -o "$run" -q
    expect 0 "$LOBASS" measure "$run" model --as initial -q
    expect 0 "$LOBASS" measure "$run" other --as reference -q
}

make_model model
"$LOBASS" init --like "$fixtures/config.json" --tokenizer "$fixtures" -o other --seed 8 >/dev/null

records 300 >data.jsonl
cat >hostile.jsonl <<'END'
{"instruction": "</script><script>window.wasRun = 1</script>", "output": "<img src=x onerror='window.wasRun = 2'> hostile"}
{"instruction": "<!-- <script> hostile", "output": "<svg onload='window.wasRun = 3'></svg>"}
{"instruction": "\u202ehostile\u2028 \u0000", "output": "javascript:window.wasRun = 4 {{constructor}} `${1}`"}
{"instruction": "hostile empty", "output": ""}
END
printf '{"instruction": "hostile \377", "output": "none"}\n' >>hostile.jsonl
measured run data.jsonl hostile.jsonl
expect 0 "$LOBASS" select run -k 20 -q
mkdir run/experiment
awk 'BEGIN {
    all = "\"source\": \"<img src=x onerror=\\\"window.wasRun = 5\\\">\""
    printf "{\"held_out\": [{%s, \"rows\": 40, \"tokens\": 900, \"in_run\": 0}], \"arms\": [{\"arm\": \"base\"}], \"summaries\": [", all
    printf "{\"arm\": \"base\", \"size\": \"none\", \"amount\": \"none\", %s, \"rows\": 0, \"tokens_scored\": 0, \"n_seeds\": 1, \"mean\": 4.5, \"low\": 4.4, \"high\": 4.6}", all
    split("learnability random", arms, " ")
    for (size = 1; size <= 2; size++)
        for (arm = 1; arm <= 2; arm++)
            printf ", {\"arm\": \"%s\", \"size\": \"%d%%\", \"amount\": \"rows\", %s, \"rows\": %d, \"tokens_scored\": 100, \"n_seeds\": 3, \"mean\": %g, \"low\": 2, \"high\": 4}", arms[arm], size, all, 10 * size, 4 - size + arm / 8
    printf "], \"comparisons\": [{\"arm\": \"learnability\", \"against\": \"random\", \"size\": \"1%%\", \"amount\": \"rows\", %s, \"difference\": -0.125, \"low\": -0.2, \"high\": -0.05, \"median_difference\": -0.11, \"p\": 0.0001, \"p_holm\": 0.0002, \"n_rows\": 40}]}\n", all
}' >run/experiment/experiment.json
expect 0 "$LOBASS" report run -q
"$LOBASS" scores run >scores.jsonl

expect 0 "$LOBASS" prepare model data.jsonl -o bare -q
expect 0 "$LOBASS" report bare -q

awk 'BEGIN {
    for (i = 0; i < 100000; i++)
        printf "{\"instruction\": \"number %d of many\", \"output\": \"%s\"}\n", i, substr("one two three four five six", 1, 3 + i % 25)
}' >large.jsonl
measured large large.jsonl
expect 0 "$LOBASS" report large -q

CHROMIUM=$CHROMIUM PLAYWRIGHT=$work/package node "$browser/page.js" "$work" || fail "page.js"
