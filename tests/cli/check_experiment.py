# SPDX-License-Identifier: Apache-2.0
"""Holds an experiment.json against itself: every mean is that of its cells, every interval holds
its mean, every difference is that of two means, p is that of Wilcoxon's test on the stored losses, Holm's p
is what his procedure makes of the p, and table.csv says the same. Usage: check_experiment.py FOLDER"""
import csv
import json
import math
import sqlite3
import statistics
import struct
import sys

folder = sys.argv[1]
with open(folder + "/experiment.json", encoding="utf-8") as file:
    made = json.load(file)


def check(is_true, *words):
    if not is_true:
        sys.exit("check_experiment: " + " ".join(str(word) for word in words))


def near(a, b):
    return math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)


def group_of(item):
    return item["arm"], item["size"], item["amount"]


cells = {}
for cell in made["cells"]:
    cells.setdefault(group_of(cell), []).append(cell)
learned = {c["size"]: c["tokens_scored"] for c in made["cells"] if c["arm"] == "learnability"}
summaries = {}
for summary in made["summaries"]:
    arm, size, amount = group_of(summary)
    summaries[arm, size, amount, summary["source"]] = summary
    # The selection by learnability is its own equal in tokens.
    own = cells.get((arm, size, amount)) or cells[arm, size, "rows"]
    losses = [loss["loss"] for cell in own for loss in cell["losses"] if loss["source"] == summary["source"]]
    check(summary["n_seeds"] == len(losses), "seeds", summary)
    check(near(summary["mean"], sum(losses) / len(losses)), "mean", summary)
    check(summary["low"] <= summary["mean"] <= summary["high"], "interval", summary)
    answers = [loss for cell in own for loss in cell["losses"] if loss["source"] == summary["source"]]
    n_answers = sum(answer.get("n_answers", 0) for answer in answers) / len(answers)
    check(("accuracy" in summary) == (n_answers > 0), "accuracy is there", summary)
    if n_answers > 0:
        share = sum(answer["n_correct"] for answer in answers) / len(answers) / n_answers
        check(near(summary["accuracy"], share), "accuracy", summary)
        # Wilson's bounds are where the share is 1.96 standard deviations away.
        for bound in (summary["accuracy_low"], summary["accuracy_high"]):
            distance = abs(bound - share)
            allowed = 1.959963984540054 * math.sqrt(bound * (1 - bound) / n_answers)
            check(abs(distance - allowed) < 1e-9, "Wilson", summary)
    for key in ("rows", "tokens_scored", "steps"):
        check(near(summary[key], sum(cell[key] for cell in own) / len(own)), key, summary)
    if (arm, size, amount) not in cells:
        check(all(summary[key] == summaries[arm, size, "rows", summary["source"]][key] for key in ("low", "high")),
              "one selection, two intervals", summary)
    if amount == "tokens":
        check(all(cell["tokens_scored"] <= learned[size] for cell in own), "budget", summary)

# The losses of the cells and the medians of the rows' differences, once more from the stored losses.
store = sqlite3.connect("file:" + folder + "/held_out/run.db?mode=ro", uri=True)
names = [name for (name,) in store.execute("select name from sources order by source")]
rows = {}
for cell in made["cells"]:
    found = store.execute(
        "select row, source, nll from losses join measurements using (measurement) join rows using (row)"
        " where name = ? and status < 2",
        (cell["name"],),
    )
    rows[cell["name"]] = {
        row: (names[source], struct.unpack("<%df" % (len(nll) // 4), nll)) for row, source, nll in found
    }
    for loss in cell["losses"]:
        tokens = [nll for name, nlls in rows[cell["name"]].values() if loss["source"] in (name, "all") for nll in nlls]
        check(abs(loss["loss"] - math.fsum(tokens) / len(tokens)) < 1e-9, "loss", cell["name"], loss)


def row_losses(group, source):
    """{row: the mean over the cells of a group of the row's loss per token}"""
    own = cells.get(group) or cells[group[0], group[1], "rows"]
    tables = [rows[cell["name"]] for cell in own]
    return {
        row: math.fsum(math.fsum(table[row][1]) for table in tables) / len(tables) / len(nlls)
        for row, (name, nlls) in tables[0].items()
        if source in (name, "all")
    }


def signed_rank(differences):
    """-> p, differences that are not 0. The chance of a sum of ranks as far out, counted over all signs up to 50
    without ties, else normal, corrected for the continuity."""
    used = [d for d in differences if d != 0]
    n = len(used)
    sizes = sorted(abs(d) for d in used)
    ranks = {size: sizes.index(size) + (sizes.count(size) + 1) / 2 for size in sizes}
    positive = math.fsum(ranks[abs(d)] for d in used if d > 0)
    if n <= 50 and len(ranks) == n:
        ways = {0: 1}
        for rank in range(1, n + 1):
            more = dict(ways)
            for total, count in ways.items():
                more[total + rank] = more.get(total + rank, 0) + count
            ways = more
        far = min(positive, n * (n + 1) / 2 - positive)
        return min(1, 2 * sum(count for total, count in ways.items() if total <= far) / 2**n), n
    variance = math.fsum(ranks[size] ** 2 for size in sizes) / 4
    distance = max(0, abs(positive - n * (n + 1) / 4) - 0.5)
    return (math.erfc(distance / math.sqrt(2 * variance)) if n > 0 else 1), n


by_source = {}
for pair in made["comparisons"]:
    key = pair["size"], pair["amount"], pair["source"]
    first = summaries[(pair["arm"],) + key]
    second = summaries.get((pair["against"],) + key) or summaries[pair["against"], "all", "all", pair["source"]]
    check(near(pair["difference"], first["mean"] - second["mean"]), "difference", pair)
    check(pair["low"] <= pair["difference"] <= pair["high"], "interval", pair)
    against = group_of(pair) if pair["against"] != "full" else ("full", "all", "all")
    one, two = row_losses(group_of(pair), pair["source"]), row_losses((pair["against"],) + against[1:], pair["source"])
    differences = [one[row] - two[row] for row in one]
    median = statistics.median(differences)
    check(abs(pair["median_difference"] - median) < 1e-9, "median", pair, median)
    p, n_used = signed_rank(differences)
    check(pair["n_rows"] == n_used and math.isclose(pair["p"], p, rel_tol=1e-9), "signed ranks", pair, p, n_used)
    by_source.setdefault(pair["source"], []).append(pair)
for pairs in by_source.values():
    least = 0
    ordered = sorted(pairs, key=lambda pair: pair["p"])
    for place, pair in enumerate(ordered):
        least = max(least, min(1, (len(ordered) - place) * pair["p"]))
        check(near(pair["p_holm"], least), "Holm", pair)

with open(folder + "/table.csv", encoding="utf-8", newline="") as file:
    lines = list(csv.DictReader(file))
check(len(lines) == len(made["summaries"]), "table has", len(lines), "lines")
for line, summary in zip(lines, made["summaries"]):
    for key, text in line.items():
        value = summary.get(key, "")
        check(text == value if isinstance(value, str) else float(text) == value, key, line, summary)
print(len(made["cells"]), len(made["summaries"]), len(made["comparisons"]))
