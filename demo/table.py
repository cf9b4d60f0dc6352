#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what the demo found, for a terminal of 80 columns, or writes it all to FOLDER/summary.json.

  table.py FOLDER examples|kinds|arms|sweep|summary

From the files that demo/run and demo/sweep leave in FOLDER:

  sft.jsonl                           the set; a record's "kind" is the truth about it
  run/scores.jsonl, manifest.json     the run: the selection by learnability, the recipe
  by/SCORE.scores.jsonl, .manifest.json     the same number of rows, chosen by another score
  run/experiment/experiment.json      the arms, on held-out rows of heldout_KIND.jsonl
  sweep/POINT.scores.jsonl, .manifest.json  the selection with another recipe

A file that is missing, cut or not what it should be ends the program with one line that says so. It also
fails where the learnable kind does not lead the selection. README.md has the members of summary.json.
"""
import glob
import json
import re
import sys
import textwrap

WIDTH = 80
KINDS = ["known", "learnable", "noise", "wrong", "hard"]
SCORES = ["learnability", "loss", "rho_sum", "length", "random"]  # the first is that of the run
ARMS = ["base", "learnability", "random", "full"]
CHOSEN = "learnability"  # the arm that those behind it are compared with


def die(message):
    sys.stdout.flush()
    print(f"table: {message}", file=sys.stderr)
    sys.exit(1)


# ---- reading


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        die(f"{path}: cannot be opened: {error.strerror}")


def parse(text, path, line=None):
    try:
        return json.loads(text)
    except ValueError as error:
        die(f"{path}:{line or error.lineno}: {error.msg}")


def read_object(path):
    return parse(read(path), path)


def read_lines(path):
    for number, text in enumerate(read(path).split("\n"), 1):
        record = parse(text, path, number) if text.strip() else {}
        if not isinstance(record, dict):
            die(f"{path}:{number}: expected an object")
        if record:
            yield number, record


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def member(found, name, path):
    """A member that must be there; NAME may be a way down through objects: "train/recipe"."""
    for step in name.split("/"):
        if not isinstance(found, dict) or step not in found:
            die(f'{path}: lacks "{name}"')
        found = found[step]
    return found


def figures(entry, names, path):
    """Those members of an entry, which must be numbers."""
    for name in names:
        if not is_number(member(entry, name, path)):
            die(f'{path}: "{name}" is not a number')
    return {name: entry[name] for name in names}


class Demo:
    def __init__(self, folder):
        self.folder = folder
        self.rows = []  # the kind of each, in the order of the data
        self.examples = {}  # the first record of each kind
        path = f"{folder}/sft.jsonl"
        for line, record in read_lines(path):
            kind = record.get("kind", "")
            if kind not in KINDS:
                die(f'{path}:{line}: unknown kind "{kind}"')
            self.rows.append(kind)
            self.examples.setdefault(kind, record)
        if "learnable" not in self.examples:
            die(f'{path}: no record of the kind "learnable"')
        self.kinds = [kind for kind in KINDS if kind in self.examples]

    def selection(self, score, name):
        """A file beside the selection by a score: those of learnability are the run's own."""
        return f"{self.folder}/run/{name}" if score == SCORES[0] else f"{self.folder}/by/{score}.{name}"


# ---- figures: each a member of summary.json


def means(rows, names):
    """Over the rows that have a number for each of NAMES; nothing where there is none."""
    full = [row for row in rows if all(is_number(row.get(name)) for name in names)]
    return {name: sum(row[name] for row in full) / len(full) for name in names if full}


def read_scores(demo, path):
    """{kind: rows of a scores.jsonl}, which must be the rows of the set; and the shares of its selection."""
    rows = {kind: [] for kind in demo.kinds}
    n_rows = 0
    for line, row in read_lines(path):
        place = member(row, "row", path)
        if place != n_rows or n_rows == len(demo.rows):
            die(f"{path}:{line}: row {place}, expected {n_rows} of the {len(demo.rows)} rows of the set")
        rows[demo.rows[n_rows]].append(row)
        n_rows += 1
    if n_rows != len(demo.rows):
        die(f"{path}: {n_rows} rows, the set has {len(demo.rows)}")
    selected = {kind: sum(row.get("selected") is True for row in rows[kind]) for kind in rows}
    total = sum(selected.values())
    if total == 0:
        die(f"{path}: no row is selected")
    return rows, {kind: selected[kind] / total for kind in rows}


def make_kinds(demo):
    read_all = {score: read_scores(demo, demo.selection(score, "scores.jsonl")) for score in SCORES}
    rows = read_all[SCORES[0]][0]
    made = {}
    for kind in demo.kinds:
        measured = means(rows[kind], ["n_tokens", "initial_loss", "reference_loss"])
        if measured:
            measured = {"tokens": measured.pop("n_tokens"), **measured}
        made[kind] = {"rows": len(rows[kind]), "share_in_set": len(rows[kind]) / len(demo.rows),
                      "share_in_selection": {score: read_all[score][1][kind] for score in SCORES},
                      **measured, **means(rows[kind], ["learnability"])}
    return made


def find_entry(experiment, path, name, kind, wanted):
    """What a list of the experiment has of WANTED on held-out rows of a kind; of several sizes the first."""
    wanted = {**wanted, "source": f"heldout_{kind}.jsonl"}
    for entry in member(experiment, name, path):
        if isinstance(entry, dict) and all(entry.get(key) == value for key, value in wanted.items()):
            return entry
    against = f" against {wanted['against']}" if "against" in wanted else ""
    return die(f'{path}: "{name}" has nothing of {wanted["arm"]}{against} on {wanted["source"]}')


def by_kind(demo, experiment, path, name, wanted, names):
    return {kind: figures(find_entry(experiment, path, name, kind, wanted), names, path)
            for kind in demo.kinds}


def make_arms(demo):
    path = f"{demo.folder}/run/experiment/experiment.json"
    experiment = read_object(path)
    made = {}
    for arm in ARMS:
        any_kind = find_entry(experiment, path, "summaries", "learnable", {"arm": arm})
        made[arm] = figures(any_kind, ["rows", "tokens_scored", "steps", "n_seeds"], path)
        made[arm]["losses"] = by_kind(demo, experiment, path, "summaries", {"arm": arm},
                                      ["mean", "low", "high"])
    return made


def make_comparisons(demo):
    path = f"{demo.folder}/run/experiment/experiment.json"
    experiment = read_object(path)
    names = ["difference", "low", "high", "median_difference", "p", "p_holm", "n_rows"]
    return {arm: by_kind(demo, experiment, path, "comparisons", {"arm": CHOSEN, "against": arm}, names)
            for arm in ARMS[ARMS.index(CHOSEN) + 1:]}


def make_settings(demo):
    path = demo.selection(SCORES[0], "manifest.json")
    manifest = read_object(path)
    names = {"records": "records", "amount": "selection/amount", "floor": "selection/floor",
             "format": "format", "recipe": "train/recipe"}
    directions = {}
    for score in SCORES:
        of = demo.selection(score, "manifest.json")
        directions[score] = member(read_object(of), "selection/direction", of)
    return {**{name: member(manifest, way, path) for name, way in names.items()}, "directions": directions}


def make_sweep(demo):
    """The selections that other recipes led to and the run's own, one a recipe."""
    end = ".scores.jsonl"
    paths = [(demo.selection(SCORES[0], "manifest.json"), demo.selection(SCORES[0], "scores.jsonl"))]
    paths += [(found[:-len(end)] + ".manifest.json", found)
              for found in sorted(glob.glob(f"{glob.escape(demo.folder)}/sweep/*{end}"))]
    points = {}
    for manifest_path, scores_path in paths:
        manifest = read_object(manifest_path)
        rows, shares = read_scores(demo, scores_path)
        point = {name: member(manifest, way, manifest_path) for name, way in
                 [("learning_rate", "train/recipe/learning_rate"), ("epochs", "train/recipe/epochs"),
                  ("steps", "train/steps")]}
        losses = {kind: means(rows[kind], ["initial_loss", "reference_loss"]) for kind in demo.kinds}
        point["share_in_selection"] = shares
        point["reference_loss"] = {kind: mean["reference_loss"] for kind, mean in losses.items() if mean}
        points.setdefault((point["learning_rate"], point["epochs"]), point)
    return [points[recipe] for recipe in sorted(points)]


# ---- tables


def print_wrapped(label, indent, text):
    """TEXT in lines of INDENT spaces; LABEL stands in those of the first."""
    for paragraph in text.split("\n"):
        for line in textwrap.wrap(paragraph, WIDTH - indent, break_on_hyphens=False) or [""]:
            print(f"{label:<{indent}}{line}")
            label = ""


def print_paragraph(text):
    print()
    print_wrapped("", 0, text)


def print_examples(demo):
    for kind in demo.kinds:
        record = demo.examples[kind]
        print()
        print_wrapped(kind, 11, member(record, "instruction", kind))
        print_wrapped("        ->", 11, member(record, "output", kind))


def print_kinds(demo):
    kinds = make_kinds(demo)
    directions = make_settings(demo)["directions"]
    widths = [12, 9, 9, 9, 9]
    print("\n%-10s %6s %7s%s" % ("", "", "of the", " of the selection by"))
    print("%-10s %6s %7s" % ("kind", "rows", "set"), *("%*s" % of for of in zip(widths, SCORES)))
    print(" " * 25, *("%*s" % (width, directions[score]) for width, score in zip(widths, SCORES)))
    for kind, of in kinds.items():
        print("%-10s %6d %6.1f%%" % (kind, of["rows"], 100 * of["share_in_set"]),
              *("%*.1f%%" % (width - 1, 100 * of["share_in_selection"][score])
                for width, score in zip(widths, SCORES)))
    row = "%-10s %10s %15s %15s %15s"
    print("\n" + row % ("mean of", "scored", "initial loss", "reference loss", "learnability"))
    print(row % ("the kind", "tokens", "nats a token", "nats a token", "drop / initial"))
    for kind, of in kinds.items():
        cells = [f"{of[name]:.{digits}f}" if name in of else "-" for name, digits in
                 [("tokens", 1), ("initial_loss", 3), ("reference_loss", 3), ("learnability", 3)]]
        print(row % (kind, *cells))

    share = {kind: 100 * of["share_in_selection"][SCORES[0]] for kind, of in kinds.items()}
    in_set = {kind: 100 * of["share_in_set"] for kind, of in kinds.items()}
    useless = [sum(of.get(kind, 0) for kind in ("noise", "wrong")) for of in (share, in_set)]
    print_paragraph(
        f"Of the rows chosen by {SCORES[0]} {share['learnable']:.1f}% are learnable, and {useless[0]:.1f}% "
        f"are noise or wrong; drawn at random it would be {in_set['learnable']:.1f}% and {useless[1]:.1f}%.")
    if any(share[kind] >= share["learnable"] for kind in kinds if kind != "learnable"):
        die('the kind "learnable" does not lead the selection')


def print_losses(label, losses, figure):
    print("%-30s" % label, *("%9.3f" % of[figure] for of in losses.values()))


def loss_text(arms, name):
    """Like "random 1.918 (1.792 to 2.041)": on held-out rows of the learnable kind."""
    loss = arms[name]["losses"]["learnable"]
    return "%s %.3f (%.3f to %.3f)" % (name, loss["mean"], loss["low"], loss["high"])


def print_comparison(arms, against, comparison):
    """The chosen rows against another arm."""
    p = comparison["p_holm"]
    print(f"  {loss_text(arms, CHOSEN)}, {loss_text(arms, against)}:")
    print("    difference %+.3f (%+.3f to %+.3f); median row %+.3f, p %s %.4f" %
          (comparison["difference"], comparison["low"], comparison["high"],
           comparison["median_difference"], "<" if p < 0.0001 else "=", max(p, 0.0001)))


def print_arms(demo):
    arms = make_arms(demo)
    comparisons = make_comparisons(demo)
    settings = make_settings(demo)
    recipe = settings["recipe"]
    print("\n%-30s %s" % ("", " held-out loss, nats per scored token"))
    print("%-12s %4s %5s %6s" % ("arm", "rows", "steps", "tokens"), *("%9s" % kind for kind in demo.kinds))
    for name, arm in arms.items():
        counts = (name, arm["rows"], arm["steps"], arm["tokens_scored"])
        print_losses("%-12s %4.0f %5.0f %6.0f" % counts, arm["losses"], "mean")
        print_losses("  95 % from", arm["losses"], "low")
        print_losses("       to", arm["losses"], "high")
    print_paragraph(
        f"learnability: the {100 * settings['amount']:.3g}% that were chosen. random: as many rows, drawn "
        "anew for each seed. full: all rows. tokens: the scored ones of the rows. Every arm begins at the "
        f"base, has the recipe of the reference ({recipe['epochs']:.0f} epochs, batches of "
        f"{recipe['batch_size']:.0f} rows, a learning rate of {recipe['learning_rate']:g}) and is trained "
        f"with {arms[CHOSEN]['n_seeds']:.0f} seeds. So a small arm sees each of its rows as often as full "
        "does, and takes fewer steps. Losses are means over the seeds; the 95 % intervals are of a "
        "bootstrap over held-out rows and seeds; p is that of Wilcoxon's signed-rank test over single "
        "held-out rows, corrected after Holm.")
    print('\nHeld-out rows of the kind "learnable"; below 0 learnability is better:')
    for name, of in comparisons.items():
        print_comparison(arms, name, of["learnable"])


def print_sweep(demo):
    print("\n%-29s %s" % ("reference", "of the selection"))
    print("%13s %7s %7s" % ("learning rate", "epochs", "steps"), *("%9s" % kind for kind in demo.kinds))
    for point in make_sweep(demo):
        print("%13g %7.0f %7.0f" % (point["learning_rate"], point["epochs"], point["steps"]),
              *("%8.1f%%" % (100 * share) for share in point["share_in_selection"].values()))


# ---- summary


def rounded(value):
    """Reals to nine digits."""
    if isinstance(value, dict):
        return {name: rounded(of) for name, of in value.items()}
    if isinstance(value, list):
        return [rounded(of) for of in value]
    return float("%.9g" % value) if isinstance(value, float) else value


def write_summary(demo):
    summary = {"settings": make_settings(demo), "kinds": make_kinds(demo), "arms": make_arms(demo),
               "comparisons": make_comparisons(demo), "sweep": make_sweep(demo)}
    text = json.dumps(rounded(summary), indent=2, ensure_ascii=False)
    path = f"{demo.folder}/summary.json"
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub(r"e-0(\d,?)$", r"e-\1", text, flags=re.MULTILINE))  # 1e-7, not 1e-07
    except OSError as error:
        die(f"{path}: cannot be written: {error.strerror}")


SECTIONS = {"examples": print_examples, "kinds": print_kinds, "arms": print_arms, "sweep": print_sweep,
            "summary": write_summary}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[2] not in SECTIONS:
        print(f"usage: table.py FOLDER {'|'.join(SECTIONS)}", file=sys.stderr)
        sys.exit(2)
    SECTIONS[sys.argv[2]](Demo(sys.argv[1]))
