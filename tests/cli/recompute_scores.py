# SPDX-License-Identifier: Apache-2.0
"""Recomputes every score of a run from the stored per-token losses, from the definitions in docs/ alone, and
compares them with what `lobass scores` says: recompute_scores.py RUN SCORES.jsonl SCORES.csv. Standard library only.
Prints how many numbers were compared, by column; a difference ends it with 1."""
import collections
import csv
import json
import math
import sqlite3
import struct
import sys

STATUSES = ["ok", "truncated", "empty_response", "no_scored_token", "duplicate", "bad_record"]
SCORED, FIRST, END = 1, 8, 16
TOLERANCE = 1e-9
MASK = (1 << 64) - 1


# ---- XXH3-128 of 16 bytes, after its specification (inputs of 9 to 16 bytes); the upper half ----------------------

def avalanche(h):
    h ^= h >> 37
    h = h * 0x165667919E3779F9 & MASK
    return h ^ h >> 32


def xxh3_128_upper(data, seed):
    assert len(data) == 16
    secret = struct.unpack("<4Q", bytes.fromhex(
        "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"))
    low, high = struct.unpack("<2Q", data)
    product = (low ^ high ^ ((secret[0] ^ secret[1]) - seed & MASK)) * 0x9E3779B185EBCA87
    product_low, product_high = (product & MASK) + ((len(data) - 1) << 54) & MASK, product >> 64
    high ^= (secret[2] ^ secret[3]) + seed & MASK
    product_high = product_high + high + (high & 0xFFFFFFFF) * (0x85EBCA77 - 1) & MASK
    product_low ^= int.from_bytes(product_high.to_bytes(8, "little"), "big")
    upper = (product_low * 0xC2B2AE3D27D4EB4F >> 64) + product_high * 0xC2B2AE3D27D4EB4F
    return avalanche(upper & MASK)


# ---- what is stored -------------------------------------------------------------------------------------------------

class Run:
    def __init__(self, folder):
        self.base = sqlite3.connect(f"file:{folder}/run.db?mode=ro", uri=True)
        self.facts = dict(self.base.execute("select name, value from facts"))
        self.rules = json.loads(self.facts.get("selection", "{}"))
        self.sources = dict(self.base.execute("select source, name from sources"))
        self.models = {name: (measurement, dtype, fingerprint) for measurement, name, dtype, fingerprint in
                       self.base.execute("select measurement, name, dtype, fingerprint from measurements")}
        columns = [entry[1] for entry in self.base.execute("pragma table_info(losses)")]
        self.has_el2n = "el2n" in columns

    def rows(self):
        return self.base.execute('select "row", source, record, hash, status, n_scored, flags '
                                 'from rows order by "row"').fetchall()

    def values(self, name, row, column="nll"):
        """float32 of every scored token, or None."""
        if name not in self.models:
            return None
        found = self.base.execute(f'select {column} from losses where measurement = ? and "row" = ?',
                                  (self.models[name][0], row)).fetchone()
        if found is None or found[0] is None:
            return None
        return struct.unpack(f"<{len(found[0]) // 4}f", found[0])

    def is_alike(self, name, is_one_model=False):
        """Whether the losses NAME may be compared with those of the initial model."""
        first, second = self.models["initial"], self.models[name]
        return first[1] == second[1] and (first[2] == second[2] or not is_one_model)


def mean(values):
    return math.fsum(values) / len(values)


# ---- scores, as docs/CLI.md and docs/FORMATS.md define them -----------------------------------------------------------

def score_row(run, row, hash_bytes, status, flags):
    """-> status, numbers by column."""
    scored = [flag for flag in flags if flag & SCORED]
    out = {}
    if STATUSES[status] != "duplicate":
        out["n_tokens"] = len(scored)
    if not scored:
        return STATUSES[status], out
    out["random"] = (xxh3_128_upper(hash_bytes, int(run.rules.get("seed", "0"))) >> 11) * 2.0 ** -53
    losses = {name: run.values(name, row) for name in ("initial", "reference", "unconditional")}
    for nll in losses.values():
        assert nll is None or len(nll) == len(scored), f"row {row}: another number of losses"
    ini, ref, alone = losses["initial"], losses["reference"], losses["unconditional"]
    is_bad = any(nll is not None and not math.isfinite(sum(nll)) for nll in (ini, ref))
    ini = ini if ini is not None and math.isfinite(sum(ini)) else None
    ref = ref if ref is not None and math.isfinite(sum(ref)) else None
    loss_ini = mean(ini) if ini else None
    loss_ref = mean(ref) if ref else None
    floor = run.rules.get("floor", 1e-3)
    if ref:
        out["reference_loss"] = loss_ref
    if ini:
        out["initial_loss"] = loss_ini
        if loss_ini < 709:
            out["ppl"] = math.exp(loss_ini)
        el2n = run.values("initial", row, "el2n") if run.has_el2n else None
        if el2n is not None:
            out["el2n"] = mean(el2n)
    if ini and ref and run.is_alike("reference"):
        drops = [a - b for a, b in zip(ini, ref)]
        out["rho_sum"] = math.fsum(drops)
        out["rho_mean"] = mean(drops)
        if loss_ini >= floor:
            out["learnability"] = (loss_ini - loss_ref) / loss_ini
            total = math.fsum(ini)
            parts = collections.defaultdict(list)
            for drop, flag in zip(drops, scored):
                parts["end" if flag & END else "first" if flag & FIRST else "rest"].append(drop)
            for part in ("end", "first", "rest"):
                out["drop_" + part] = math.fsum(parts[part]) / total
    if ini and alone and run.is_alike("unconditional", True):
        with_prompt = [a for a, flag in zip(ini, scored) if not flag & END]
        without = [a for a, flag in zip(alone, scored) if not flag & END]
        if without and math.isfinite(sum(without)) and sum(without) > 0:
            out["ifd_loss"] = mean(with_prompt) / mean(without)
            out["ifd_ppl"] = math.exp(mean(with_prompt)) / math.exp(mean(without))
    name = STATUSES[status]
    if name in ("ok", "truncated"):
        if is_bad:
            name = "nonfinite"
        elif ini and loss_ini < floor:
            name = "initial_loss_below_floor"
        elif ini and loss_ini < run.rules.get("min_initial", 0):
            name = "initial_loss_below_minimum"
        elif ref and loss_ref > run.rules.get("max_reference", math.inf):
            name = "reference_loss_above_maximum"
    return name, out


def rank_rows(run, found):
    """Adds the ranks of the latest selection, highest or lowest first; ties: the order of the data."""
    by = run.rules.get("score")
    if by is None:
        return
    column = {"loss": "initial_loss", "ppl": "initial_loss", "length": "n_tokens"}.get(by, by)
    sign = {"highest": -1, "lowest": 1}[run.rules["direction"]]
    ranked = [row for row, (status, values) in enumerate(found)
              if status in ("ok", "truncated") and column in values
              and not (by.startswith("ifd_") and values[column] > 1)]
    for rank, row in enumerate(sorted(ranked, key=lambda row: (sign * found[row][1][column], row))):
        found[row][1]["rank"] = rank + 1


# ---- the comparison ---------------------------------------------------------------------------------------------------

def differ(a, b):
    return abs(a - b) > TOLERANCE * max(1.0, abs(a), abs(b))


def compare(run, lines, table):
    rows = run.rows()
    found = [score_row(run, row, hash_bytes, status, flags)
             for row, _, _, hash_bytes, status, _, flags in rows]
    rank_rows(run, found)
    wrong, counts = [], collections.Counter()
    if not len(rows) == len(lines) == len(table):
        return [f"{len(rows)} rows, {len(lines)} lines, {len(table)} lines of the table"], counts
    columns = [name for name in table[0] if name not in ("row", "source", "record", "status", "selected", "reason")]
    for (row, source, record, _, _, n_scored, _), (status, values), line, cells in zip(rows, found, lines, table):
        here = {"row": row, "source": run.sources[source], "record": record, "status": status}
        if values.get("n_tokens", n_scored) != n_scored:
            wrong.append(f"row {row}: {n_scored} scored tokens, its flags say {values['n_tokens']}")
        for name, value in here.items():
            if line[name] != value or cells[name] != str(value):
                wrong.append(f"row {row}, {name}: {line[name]!r}, {cells[name]!r}, expected {value!r}")
        for name in columns:
            expected, said, cell = values.get(name), line.get(name), cells[name]
            if expected is None or said is None:
                if expected is not None or said is not None or cell != "":
                    wrong.append(f"row {row}, {name}: {said}, '{cell}', expected {expected}")
                continue
            counts[name] += 1
            if differ(expected, said) or float(cell) != said:
                wrong.append(f"row {row}, {name}: {said}, '{cell}', expected {expected!r}")
        unknown = set(line) - set(here) - set(columns) - {"selected", "reason"}
        if unknown:
            wrong.append(f"row {row}: {sorted(unknown)} are not in the table")
    return wrong, counts


def main():
    folder, jsonl, table = sys.argv[1:]
    with open(jsonl, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    with open(table, encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    wrong, counts = compare(Run(folder), lines, cells)
    for line in wrong[:10]:
        print(line, file=sys.stderr)
    print(" ".join(f"{name}:{count}" for name, count in sorted(counts.items())))
    sys.exit(1 if wrong else 0)


main()
