# SPDX-License-Identifier: Apache-2.0
"""Holds rows as `lobass show --json` has them, one a line, against PyTorch's numbers: check_ifd.py SHOWN ifd.json"""
import json
import sys

TOLERANCE = 1e-5

with open(sys.argv[1], encoding="utf-8") as file:
    shown = [json.loads(line) for line in file]
with open(sys.argv[2], encoding="utf-8") as file:
    golden = json.load(file)["rows"]


def check(row, what, found, expected, least=0.0):
    if not abs(found - expected) <= TOLERANCE * max(abs(expected), least):
        sys.exit(f"row {row}: {what}: found {found!r}, expected {expected!r}")


assert len(shown) == len(golden), (len(shown), len(golden))
for number, (found, expected) in enumerate(zip(shown, golden)):
    assert [token["id"] for token in found["tokens"]] == expected["ids"], f"row {number}: other tokens"
    scored = [token for token in found["tokens"] if token["scored"]]
    for name in ("initial", "unconditional"):
        assert len(scored) == len(expected[name]), f"row {number}: {len(scored)} scored tokens"
        for token, loss in zip(scored, expected[name]):
            check(number, f"{name} of \"{token['piece']}\"", token["losses"][name], loss, least=1.0)
    for name in ("ifd_loss", "ifd_ppl"):
        check(number, name, found["scores"][name], expected[name])
print(f"{len(shown)} rows, {sum(row['status'] == 'truncated' for row in shown)} truncated")
