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
