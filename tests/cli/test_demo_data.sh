#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demo's set and the facts that the base was told are these bytes: what was measured was measured on them.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

for forms in 1 2 3; do
    mkdir "$forms"
    expect 0 "$root/demo/data.py" "$forms" "$forms"
done
expect 0 "$root/demo/facts.py" .
sha256sum -c --quiet <<'END' || fail "other bytes"
be43b22f068da4681d209d1b3b5969075d8ee4a227c3269bd519c19f38081e6d  facts.jsonl
2e763c57db920850796f7a5b555f7998b0b5f1a358445a92649c277256501436  1/sft.jsonl
8a05f30b46a3956ef1699f1efafa65dcbe1acdc04749d765067f93f386fbc4d4  1/heldout_hard.jsonl
834bb9a050c69716f4fe78f939f0c571213383316a18fcdcdf376cbad7cf214d  1/heldout_known.jsonl
b7fcde92497c0f6b48d5bed32a554af26c318ddde95de441d2dcffc375bba6c9  1/heldout_learnable.jsonl
d837867abf7e5e92a20be31b3b926849e49f95a68933e45ffaf4649bbddc3718  1/heldout_noise.jsonl
3aa8ee54f44309573c98c9c745c845f22e837b426cefa9946fff267fc6ddb13d  1/heldout_wrong.jsonl
94999c3ae53ed8fd847fcd313917fdfa7ec3f0222a7189f31ad50749283fbdaf  2/sft.jsonl
59aed08bfa24dd08cffab48ebc67d551b28a1a077b3451099e605ca782e8c64b  3/sft.jsonl
a8a5d190d9106d7721f2568600a009ae143a1bc6d113e991df9377cca26fb2ee  3/heldout_learnable.jsonl
END

# A row of the set has a prompt of its own among those held out.
for kind in known learnable noise wrong hard; do
    equals "$(lines 1/heldout_$kind.jsonl)" 100 "rows held out of the kind $kind"
    cut -d'"' -f4 1/heldout_$kind.jsonl | sort -u >held
    cut -d'"' -f4 1/sft.jsonl | sort -u | comm -12 - held >common
    [ ! -s common ] || fail "prompts in the set and held out: $(head -n 1 common)"
done

refused() # MESSAGE PROGRAM ARGUMENT...
{
    message=$1
    shift
    expect 2 "$@"
    equals "$(cat err)" "$message" message
}
refused "usage: data.py FOLDER [FORMS], FORMS from 1 to 3" "$root/demo/data.py" 1 4
refused "usage: data.py FOLDER [FORMS], FORMS from 1 to 3" "$root/demo/data.py"
expect 1 "$root/demo/data.py" nowhere
equals "$(cat err)" "nowhere/heldout_known.jsonl: cannot be written: No such file or directory" message
refused "usage: facts.py FOLDER" "$root/demo/facts.py"
