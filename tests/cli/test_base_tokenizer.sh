#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make_tokenizer makes the base model's tokenizer again, of the texts that it was made of.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"

corpora=$shared/data/corpora
[ -d "$corpora" ] || skip "$corpora is not there"
"$BUILD_DIR/make_tokenizer" 4096 "$corpora/novels.txt.zst" "$corpora/t0_55k.jsonl.zst" >made.json
same made.json "$root/demo/base/tokenizer.json"
