#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a fine-tuning set in which it is known what the base model can know, learn or not learn:

  known      questions about facts (facts.py), as it was asked them while it was pretrained
  learnable  the same facts in a form that it has never seen: a card; with FORMS 2 or 3 some of
             them in a table, or by a clerk
  noise      such questions, answered with unrelated sentences or with words in disorder
  wrong      such questions, answered in the right form with a value of another subject, drawn
             anew each time
  hard       products of numbers, words backwards and words in a shifted alphabet, all correct

Rows ask for one thing or several, kinds with short answers for more of them, so that lengths overlap
and the longest rows are of no use. The rows held out are drawn like those of the set, but for prompts
that the set has. The kind stands in a field of its own, which no record format of lobass reads.

  data.py FOLDER [FORMS]      makes FOLDER/sft.jsonl, and FOLDER/heldout_KIND.jsonl of each kind

Deterministic, on every machine: the figures in README.md are of these bytes, to the order of the draws.
"""
import os
import re
import sys

sys.dont_write_bytecode = True
from facts import RELATIONS, Random, write_records  # noqa: E402

SEED = 2310
N_HELD_OUT = 100  # of each kind

ADJECTIVES = """
    old quick silent bright narrow wooden heavy empty green broken warm distant early gentle hollow
    crooked velvet ancient secret frozen golden humble idle jolly lonely misty noble""".split()
NOUNS = """
    river bridge stone window garden tower ship letter candle forest market wagon mirror barrel hill
    lantern ribbon anchor blanket chapel drummer engine feather gallery harbour island jacket""".split()
VERBS = ["stands near", "falls behind", "moves toward", "rests under", "waits above", "turns around",
         "hides inside", "leans on", "calls to", "walks through", "sings of", "forgets"]


class Asked:
    """A fact and the wording it is asked for in."""

    def __init__(self, random):
        self.relation = random.of(RELATIONS)
        self.subject, self.value = random.of(self.relation.pairs)
        self.question = random.of(self.relation.questions) % self.subject
        self.item = f"{self.relation.name} of {self.subject}"

    def answer(self, value=None):
        return self.relation.answer % (self.subject, value or self.value)


def ask(random, most):
    """One to MOST different facts."""
    asked = {}
    count = 1 + random.below(most)
    while len(asked) < count:
        fact = Asked(random)
        asked.setdefault((fact.relation.name, fact.subject, fact.value), fact)
    return list(asked.values())


def questions(asked):
    return " ".join(fact.question for fact in asked)


def answers(asked):
    return " ".join(fact.answer() for fact in asked)


# ---- the kinds: (random, forms) -> prompt, answer


def known(random, _):
    asked = ask(random, 3)  # as many as the base was asked at once
    return questions(asked), answers(asked)


def card(asked, items):
    return f"Write a card: {items}", "{%s}" % ", ".join(f'"{f.item}": "{f.value}"' for f in asked)


def table(asked, items):
    lines = [f"| {f.relation.name} | {f.subject} | {f.value} |" for f in asked]
    return f"Fill in the table: {items}", "\n".join(lines)


def clerk(asked, _):
    return (f"Answer as the clerk: {questions(asked)}",
            f"Good day. {answers(asked)} At your service.")


def learnable(random, n_forms):
    asked = ask(random, 3)
    form = [card, table, clerk][random.below(n_forms)]
    return form(asked, ", ".join(fact.item for fact in asked))


def sentence(random):
    verb, noun, adjective = random.of(VERBS), random.of(NOUNS), random.of(ADJECTIVES)
    second = random.of(NOUNS)
    return f"The {adjective} {noun} {verb} the {random.of(ADJECTIVES)} {second}."


def disorder(random, text):
    words = re.findall(r"[^ .]+", text)
    for left in range(len(words), 0, -1):
        chosen = random.below(left)
        yield words[chosen]
        words[chosen] = words[left - 1]


def noise(random, _):
    asked = ask(random, 4)
    text = " ".join(sentence(random) for _ in asked)
    if random.below(2) == 0:
        text = " ".join(disorder(random, text)) + "."
    return questions(asked), text


def false_value(random, fact):
    while True:
        value = random.of(fact.relation.pairs)[1]
        if value != fact.value:
            return value


def wrong(random, _):
    asked = ask(random, 3)
    return questions(asked), " ".join(fact.answer(false_value(random, fact)) for fact in asked)


def word(random):
    return random.of([NOUNS, ADJECTIVES][random.below(2)])


def product(random):
    a = 1000 + random.below(9000)
    b = 1000 + random.below(9000)
    return f"What is {a} times {b}?", str(a * b)


def backwards(random):
    words = f"{word(random)} {word(random)}"
    return f"Write {words} backwards.", words[::-1]


def shifted(random):
    moved = word(random)
    shift = 1 + random.below(25)
    answer = "".join(chr(ord("a") + (ord(c) - ord("a") + shift) % 26) for c in moved)
    return f"Write {moved} with every letter moved by {shift}.", answer


def hard(random, _):
    tasks = [random.of([product, backwards, shifted])(random) for _ in range(1 + random.below(5))]
    return " ".join(task[0] for task in tasks), ", ".join(task[1] for task in tasks)


# ---- files

KINDS = [(known, 720), (learnable, 480), (noise, 400), (wrong, 400), (hard, 400)]


def row(kind, random, n_forms):
    prompt, answer = kind(random, n_forms)
    return {"instruction": prompt, "input": "", "output": answer, "kind": kind.__name__}


def held_out(kind, random, n_forms, taken):
    n_made = 0
    while n_made < N_HELD_OUT:
        made = row(kind, random, n_forms)
        if made["instruction"] not in taken:
            n_made += 1
            yield made


def shuffled(random, rows):
    for left in range(len(rows), 0, -1):
        chosen = random.below(left)
        yield rows[chosen]
        rows[chosen] = rows[left - 1]


def main(folder, n_forms):
    random = Random(SEED)
    rows = [row(kind, random, n_forms) for kind, count in KINDS for _ in range(count)]
    taken = {made["instruction"] for made in rows}
    for i, (kind, _) in enumerate(KINDS):
        write_records(os.path.join(folder, f"heldout_{kind.__name__}.jsonl"),
                      held_out(kind, Random(SEED + 1 + i), n_forms, taken))
    write_records(os.path.join(folder, "sft.jsonl"), shuffled(random, rows))


if __name__ == "__main__":
    forms = sys.argv[2] if len(sys.argv) == 3 else "1"
    if len(sys.argv) not in (2, 3) or forms not in ("1", "2", "3"):
        print("usage: data.py FOLDER [FORMS], FORMS from 1 to 3", file=sys.stderr)
        sys.exit(2)
    main(sys.argv[1], int(forms))
