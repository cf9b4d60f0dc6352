#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Some hundred true facts of everyday knowledge, each a subject and a value in a relation, and how each
relation is asked about and answered. Answers of all relations have one shape, so that what tells a true
one from a false one is its last words. The base model saw the facts while it was pretrained; the demo's
set is made of them (data.py).

    facts.py FOLDER     makes FOLDER/facts.jsonl, what the base was told: records of one to three
                        questions and their answers, every fact in every wording, N_ROUNDS times

Deterministic, on every machine.
"""
import json
import os
import sys

SEED = 1728
N_ROUNDS = 45
N_ASKED_MOST = 3


class Relation:
    def __init__(self, name, questions, answer, pairs):
        self.name = name  # "capital": what a card calls it
        self.questions = questions  # one %s: the subject
        self.answer = answer  # two %s: subject and value
        self.pairs = [tuple(pair.split(": ")) for pair in " ".join(pairs.split()).split(", ")]


RELATIONS = [
    Relation(
        "capital",
        ["What is the capital of %s?", "Which city is the capital of %s?", "Name the capital of %s."],
        "The capital of %s is %s.",
        """
        France: Paris, Italy: Rome, Spain: Madrid, Portugal: Lisbon, Germany: Berlin, Austria: Vienna,
        Poland: Warsaw, Hungary: Budapest, Greece: Athens, Turkey: Ankara, Russia: Moscow, Sweden:
        Stockholm, Norway: Oslo, Denmark: Copenhagen, Finland: Helsinki, Ireland: Dublin, England:
        London, Scotland: Edinburgh, Belgium: Brussels, Romania: Bucharest, Bulgaria: Sofia, Egypt:
        Cairo, Kenya: Nairobi, Iran: Tehran, Iraq: Baghdad, India: New Delhi, Japan: Tokyo, China:
        Beijing, Thailand: Bangkok, Cuba: Havana, Peru: Lima, Canada: Ottawa, Australia: Canberra,
        Mexico: Mexico City""",
    ),
    Relation(
        "opposite",
        ["What is the opposite of %s?", "Which word means the opposite of %s?", "Name the opposite of %s."],
        "The opposite of %s is %s.",
        """
        hot: cold, big: small, old: young, fast: slow, high: low, light: dark, rich: poor, strong: weak,
        hard: soft, wet: dry, full: empty, open: closed, early: late, good: bad, happy: sad, long:
        short, near: far, thick: thin, wide: narrow, clean: dirty, deep: shallow, loud: quiet, brave:
        afraid, sharp: blunt, heavy: weightless, true: false, right: wrong, first: last, above: below,
        inside: outside, left: right, day: night, summer: winter, war: peace, love: hate, begin: end,
        buy: sell, win: lose, push: pull, laugh: cry""",
    ),
    Relation(
        "plural",
        ["What is the plural of %s?", "How do you write more than one %s?", "Name the plural of %s."],
        "The plural of %s is %s.",
        """
        child: children, man: men, woman: women, foot: feet, tooth: teeth, mouse: mice, goose: geese,
        ox: oxen, knife: knives, wife: wives, leaf: leaves, wolf: wolves, life: lives, loaf: loaves,
        half: halves, thief: thieves, box: boxes, church: churches, city: cities, lady: ladies, baby:
        babies, story: stories, fly: flies, party: parties, dog: dogs, book: books, tree: trees, hero:
        heroes, potato: potatoes, bus: buses""",
    ),
    Relation(
        "past tense",
        ["What is the past tense of %s?", "How do you say %s in the past tense?", "Name the past tense of %s."],
        "The past tense of %s is %s.",
        """
        go: went, see: saw, take: took, give: gave, come: came, eat: ate, drink: drank, write: wrote,
        speak: spoke, break: broke, run: ran, sing: sang, swim: swam, begin: began, find: found, think:
        thought, bring: brought, buy: bought, teach: taught, catch: caught, fight: fought, keep: kept,
        sleep: slept, leave: left, feel: felt, know: knew, grow: grew, throw: threw, fly: flew, draw:
        drew, drive: drove, ride: rode, rise: rose, choose: chose, steal: stole, stand: stood, sell:
        sold, tell: told, make: made, sit: sat""",
    ),
    Relation(
        "young",
        ["What is a young %s called?", "What do you call a young %s?", "Name the young of a %s."],
        "A young %s is called a %s.",
        """
        cat: kitten, dog: puppy, cow: calf, horse: foal, sheep: lamb, goat: kid, pig: piglet, hen:
        chick, duck: duckling, goose: gosling, swan: cygnet, bear: cub, deer: fawn, frog: tadpole,
        kangaroo: joey, hare: leveret, owl: owlet, eagle: eaglet""",
    ),
    Relation(
        "colour",
        ["What is the colour of %s?", "Which colour has %s?", "Name the colour of %s."],
        "The colour of %s is %s.",
        """
        grass: green, the sky: blue, snow: white, blood: red, coal: black, a lemon: yellow, chocolate:
        brown, ash: grey, an orange: orange, a plum: purple, milk: white, gold: yellow, the sun: yellow,
        a crow: black, a flamingo: pink, a carrot: orange, an emerald: green, a ruby: red, a sapphire:
        blue, a mouse: grey""",
    ),
    Relation(
        "kind",
        ["What kind of thing is %s?", "To which kind does %s belong?", "Name the kind of %s."],
        "The kind of %s is %s.",
        """
        a robin: bird, a sparrow: bird, an eagle: bird, a salmon: fish, a shark: fish, a trout: fish, an
        oak: tree, a pine: tree, a birch: tree, a rose: flower, a tulip: flower, a daisy: flower, a
        violin: instrument, a piano: instrument, a flute: instrument, an apple: fruit, a pear: fruit, a
        cherry: fruit, a carrot: vegetable, an onion: vegetable, a cabbage: vegetable, a bee: insect, an
        ant: insect, a beetle: insect, iron: metal, copper: metal, silver: metal, a hammer: tool, a saw:
        tool, a spade: tool, a chair: furniture, a table: furniture, a coat: clothing, a shirt:
        clothing, bread: food, cheese: food, tea: drink, beer: drink, chess: game, football: game""",
    ),
    Relation(
        "successor",
        ["What comes after %s?", "What follows %s?", "Name what comes after %s."],
        "What comes after %s is %s.",
        """
        Monday: Tuesday, Tuesday: Wednesday, Wednesday: Thursday, Thursday: Friday, Friday: Saturday,
        Saturday: Sunday, Sunday: Monday, January: February, February: March, March: April, April: May,
        May: June, June: July, July: August, August: September, September: October, October: November,
        November: December, December: January, spring: summer, summer: autumn, autumn: winter, winter:
        spring, one: two, two: three, three: four, four: five, five: six, six: seven, seven: eight,
        eight: nine, nine: ten, ten: eleven, morning: noon""",
    ),
    Relation(
        "use",
        ["What is %s used for?", "What do people do with %s?", "Name the use of %s."],
        "The use of %s is %s.",
        """
        a knife: cutting, a pen: writing, a broom: sweeping, a needle: sewing, a spoon: eating, a cup:
        drinking, a key: opening doors, a bed: sleeping, a stove: cooking, a clock: telling time, a
        boat: sailing, a gun: shooting, a net: catching fish, an oven: baking, a comb: combing hair,
        soap: washing, a brush: painting, an axe: chopping wood, a lamp: giving light, a ladder:
        climbing, a purse: carrying money, an umbrella: keeping dry, a plough: turning soil, a scale:
        weighing""",
    ),
    Relation(
        "work",
        ["What does %s do?", "What is the work of %s?", "Name the work of %s."],
        "The work of %s is %s.",
        """
        a baker: baking bread, a farmer: growing crops, a sailor: sailing ships, a teacher: teaching
        children, a doctor: healing the sick, a tailor: making clothes, a butcher: cutting meat, a
        smith: forging iron, a mason: building walls, a hunter: hunting game, a fisherman: catching
        fish, a painter: painting pictures, a judge: judging cases, a soldier: fighting wars, a cook:
        cooking meals, a barber: cutting hair, a miller: grinding corn, a gardener: tending plants, a
        postman: bringing letters, a miner: digging coal, a carpenter: working wood, a poet: writing
        verses, a shepherd: keeping sheep, a pilot: flying planes""",
    ),
]


class Random:
    """splitmix64 (Steele, Lea and Flood)."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        """0 to BOUND - 1; the bias of a remainder is far below what a demo could show."""
        mask = (1 << 64) - 1
        self.state = z = (self.state + 0x9E3779B97F4A7C15) & mask
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        return (z ^ (z >> 31)) % bound

    def of(self, things):
        return things[self.below(len(things))]


def write_records(path, records):
    try:
        with open(path, "w", encoding="utf-8") as file:
            for record in records:
                file.write(json.dumps(record) + "\n")
    except OSError as error:
        sys.exit(f"{path}: cannot be written: {error.strerror}")


def make_records():
    random = Random(SEED)
    for _ in range(N_ROUNDS):
        asked = [(r, pair, q) for r in RELATIONS for pair in r.pairs for q in r.questions]
        for i in range(len(asked), 1, -1):
            j = random.below(i)
            asked[i - 1], asked[j] = asked[j], asked[i - 1]
        while asked:
            count = 1 + random.below(N_ASKED_MOST)
            part, asked = asked[:count], asked[count:]
            yield {"prompt": " ".join(q % subject for _, (subject, _), q in part),
                   "completion": " ".join(r.answer % pair for r, pair, _ in part)}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("usage: facts.py FOLDER", file=sys.stderr)
        sys.exit(2)
    write_records(os.path.join(sys.argv[1], "facts.jsonl"), make_records())
