// SPDX-License-Identifier: Apache-2.0
// What the scores would select, and how much of it they have in common.

// Scores that lobass has and this run has not.
function absentScores() {
    const there = new Set(["ppl", ...data.scores.map((one) => one.name)]);
    const gone = data.known_scores.filter((name) => !there.has(name));
    return gone.length === 0 ? null
        : element("p.note", {}, `Not there, since what they need was not measured: ${gone.join(", ")}.`);
}

function putOverlap() {
    const title = "Would another score choose the same?";
    if (data.overlap.length < 2) {
        section("overlap", title, null, missing("There is one score only, and nothing to hold it against."));
        return;
    }
    const hasOwn = data.overlap.length > data.scores.length;
    const same = hasOwn ? data.overlap[0].findIndex((value, i) => i > 0 && value === 1) : -1;
    // The run's own selection has a line to itself unless it is what one of the scores takes.
    const overlap = same < 0 ? data.overlap : data.overlap.slice(1).map((line) => line.slice(1));
    const names = data.scores.map((one, i) => `${one.name}${one.name === "random" ? "" : `, ${one.direction}`}${i + 1 === same ? " (this selection)" : ""}`);
    if (hasOwn && same < 0) {
        names.unshift("this selection");
    }
    const random = data.scores.find((one) => one.name === "random");
    const chance = random === undefined || random.rows === 0 ? NaN
        : random.selected / (2 * random.rows - random.selected);
    const cell = (value, isSame) => {
        const made = element("span.shade", {}, isSame ? "" : fixed(value ?? NaN, 2));
        made.style.setProperty("--shade", `${isSame ? 0 : Math.round(70 * (value ?? 0))}%`);
        return made;
    };
    section("overlap", title,
        `Jaccard’s overlap of what each score would take of the best, as many rows as this selection has: rows in both, divided by rows in at least one. 1 is the same rows, 0 none in common; two random choices of this size have about ${fixed(chance, 2)}. A score whose overlap with the selection is near chance would have chosen other rows altogether.`,
        table("Jaccard overlap of selections",
            [{ name: "", className: "name" }, ...names.map((_, i) => ({ name: String(i + 1), className: "number" }))],
            names.map((name, i) => [`${i + 1}. ${name}`, ...overlap[i].map((value, j) => cell(value, i === j))])),
        element("p.note", {}, "ppl ranks as loss does and is left out."), absentScores());
}
