#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make_tokenizer: merges worked by hand, ties, what counts as text, plain text in blocks as in one
# piece; pieces of the base model's tokenizer.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

make=$BUILD_DIR/make_tokenizer
base=$root/demo/base/tokenizer.json

# merges_of FILE: "a b,ab c", in order.
merges_of()
{
    sed 's/.*"merges":\[\([^]]*\)\].*/\1/; s/","/,/g; s/^"//; s/"$//' "$1"
}

# texts WORD...: a record for each.
texts()
{
    printf '{"text": "%s"}\n' "$@"
}

# merged EXPECTED WHAT FILE...: the merges that the files give.
merged()
{
    expected=$1
    what=$2
    shift 2
    "$make" 4096 "$@" >made.json 2>err || fail "$what: exit $?"
    equals "$(merges_of made.json)" "$expected" "$what"
}

# 5 hug, 3 pug, 2 bun: "u g" stands 8 times, then "h ug" 5, "p ug" 3; "b u" and "u n" twice: b < u.
texts hug pug bun hug hug pug hug bun pug hug >hugs.jsonl
merged 'u g,h ug,p ug,b u,bu n' "by hand" hugs.jsonl
says made.json '"<|end|>":0,'
says made.json '"hug":258,'
expect 0 "$LOBASS" tokens made.json 'hug pun<|end|>bun'
equals "$(sed -n 's/^ *\([0-9]*\) .*/\1/p' out | paste -sd,)" '258,33,113,118,111,0,261' ids
cp made.json first.json

# The order of the texts decides nothing, nor do ties that show up the other way round.
sort -r hugs.jsonl >turned.jsonl
merged 'u g,h ug,p ug,b u,bu n' "texts turned round" turned.jsonl
same made.json first.json
texts zy ax aw cd zy ax aw cd >ties.jsonl
merged 'a w,a x,c d,z y' ties ties.jsonl

# No more than was asked for; a pair that stands once is none; pairs that overlap.
"$make" 259 hugs.jsonl >made.json
equals "$(merges_of made.json)" 'u g,h ug' "SIZE 259"
texts abc >once.jsonl
merged '' "no pair twice" once.jsonl
texts aaaaa >overlap.jsonl
merged 'a a' overlap overlap.jsonl

# Words: contractions, and digits one by one, each with the space before it.
texts "it's it's" '12 12 12' >words.jsonl
merged "Ġ 1,' s,i t" words words.jsonl

# Only what a format of records calls text counts, without the mark of its end.
cat >records.jsonl <<'END'
{"prompt": "ab", "completion": "cd<|endoftext|>", "source": "xyxyxy"}
{"instruction": "ab", "input": "ef", "output": "cd<|endoftext|>ef", "id": "xyxyxy"}
END
merged 'a b,c d,e f' records records.jsonl
gzip -c records.jsonl >records.jsonl.gz
merged 'a b,c d,e f' "compressed records" records.jsonl.gz

# Plain text: any line ends, compressed, from standard input.
printf 'ab cd\nab cd\n\n' >lf.txt
printf 'ab cd\r\nab cd\r\n\r\n' >crlf.txt
gzip -c lf.txt >lf.txt.gz
merged 'Ġ c,a b,Ġc d' "plain text" lf.txt
cp made.json first.json
for text in crlf.txt lf.txt.gz; do
    "$make" 4096 "$text" >made.json
    same made.json first.json
done
"$make" 4096 - <crlf.txt >made.json
same made.json first.json

# A text is read in blocks of 1 MiB: two of them end within "yab", two between CR and LF.
awk 'BEGIN {
    for (block = 1; block <= 4; block++) {
        printf "%s", (block == 1 ? "x\n" : block < 4 ? "b\n" : "\n\n")
        for (i = 0; i < 524286; i++) { print "x" }
        printf "%s", (block < 3 ? "ya" : "y\r")
    }
    print ""
}' >blocks.txt
equals "$(wc -c <blocks.txt)" $((4 * 1048576 + 1)) "bytes of blocks.txt"
merged 'a b,y ab' "words across blocks" blocks.txt

# What it cannot do, it says in one line.
refused()
{
    code=$1
    message=$2
    shift 2
    expect "$code" "$make" "$@"
    says err "$message"
    equals "$(lines err)" 1 "lines of stderr: $*"
    [ ! -s out ] || fail "wrote in spite of: $(cat err)"
}
refused 2 'usage: make_tokenizer SIZE FILE...' 300
refused 2 'SIZE: expected a number from 258 to 65536, found "257"' 257 hugs.jsonl
refused 2 'found "300x"' 300x hugs.jsonl
refused 1 'nowhere.txt: cannot open' 300 nowhere.txt
texts fine >bad.jsonl
echo '{"foo": 3}' >>bad.jsonl
refused 1 'bad.jsonl:2: expected instruction/output' 300 bad.jsonl

# The base model's tokenizer.
expect 0 "$LOBASS" tokens "$base" "Some text, 1234 isn't it?"
equals "$(sed 's/^ *[0-9]* *"\(.*\)"$/\1/' out | paste -sd'|')" \
    "S|ome| text|,| 1|2|3|4| isn|'t| it|?" "pieces of the base model's tokenizer"
