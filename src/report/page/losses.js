// SPDX-License-Identifier: Apache-2.0
// Losses: before against after, their distributions, and what a score has to do with length.

const rowWords = (i) => `row ${count(columns.row[i])} · ${plural(columns.n_tokens[i], "token")} · initial ${fixed(columns.initial_loss?.[i])} → reference ${fixed(columns.reference_loss?.[i])}`;
const isTaken = (i) => columns.selected !== undefined && columns.selected[i] === 1;
const placesWith = (...names) => Array.from({ length: data.rows.count }, (_, i) => i)
    .filter((i) => isSelectable(i) && names.every((name) => Number.isFinite(columns[name][i])));
const sampleWords = isSample
    ? ` Drawn are ${count(data.rows.count)} rows, a random sample of all ${count(data.records)}.` : "";
const key = (rest) => element("p.key", {}, element("span.swatch.is-selected"), "selected ", element("span.swatch"), rest);
const otherWords = "the other rows that can be selected ";
const needs = (name) => missing("Needs losses under “", name, "”: ", code(`lobass measure ${data.run} MODEL --as ${name}`), ".");

function putLosses() {
    const title = "Before and after";
    const lead = "Each point is a row: its loss under the pretrained model and under the reference, which was fine-tuned on the whole set. On the dashed line nothing changed. The further below it, in proportion, the more this model can learn from the row; at the bottom left it knew the row already, at the top right the row is too hard or noise.";
    if (columns.reference_loss === undefined || columns.initial_loss === undefined) {
        section("losses", title, lead, needs(columns.initial_loss === undefined ? "initial" : "reference"));
        return;
    }
    const places = placesWith("initial_loss", "reference_loss");
    const xRange = rangeOf(columns.initial_loss, places, false);
    const ranges = { x: [Math.min(0, xRange[0]), xRange[1]], y: [0, rangeOf(columns.reference_loss, places, false)[1]] };
    const isCut = selection?.is_best && selection.score === "learnability" &&
        selection.direction === "highest" && isNumber(selection.cut);
    const far = ranges.x[1];
    section("losses", title, lead + sampleWords,
        scatter(`Scatter of initial against reference loss of ${plural(places.length, "row")}`, {
            xs: columns.initial_loss, ys: columns.reference_loss, places, ranges, selected: isTaken,
            xLabel: "initial loss, nats per token", yLabel: "reference loss, nats per token",
            lines: (plot) => {
                drawLine(plot, [0, 0], [far, far], "muted", [5, 5]);
                if (isCut) {
                    drawLine(plot, [0, 0], [far, far * (1 - selection.cut)], "selected");
                }
            },
            describe: rowWords, pick: (i) => openRow(i),
        }),
        element("p.key", {},
            element("span.swatch.is-selected"), "selected ", element("span.swatch"), otherWords,
            element("span.dash"), "no change ",
            ...isCut ? [element("span.dash.is-cut"), `the cut, learnability ${figure(selection.cut)}`] : []));
}

const quantityWords = {
    initial_loss: ["Initial loss", "nats per token"],
    reference_loss: ["Reference loss", "nats per token"],
    learnability: ["Learnability", "share of the initial loss that is gone"],
    n_tokens: ["Length", "scored tokens"],
};

function putDistributions() {
    const figureOf = (made) => {
        const [title, unit] = quantityWords[made.name] ?? [made.name, ""];
        const number = made.name === "n_tokens" ? count : fixed;
        return element("figure", {}, element("figcaption", {}, element("h3", {}, title),
            element("p.note", {}, `least ${number(made.least)}, median ${number(made.median)}, most ${number(made.most)}`)),
            histogram(`Histogram of ${title.toLowerCase()}: least ${number(made.least)}, median ${number(made.median)}, most ${number(made.most)}`, unit, made));
    };
    section("distributions", "Distributions",
        "Of all rows that can be selected (bars) and of the selected ones (line), each as a share of its own number. Where the line leaves the bars the selection is unlike the set; a selection that is all short or all long should be looked at. The outermost bars hold the few rows beyond them too.",
        element("div.figures", {}, ...data.histograms.map(figureOf)), selection === undefined ? null : key("all rows that can be selected"));
}

// ---- length

function spearmanTable() {
    const sources = data.sources.length > 1 && data.sources.length <= 8 ? data.sources : [];
    return table("Spearman’s rank correlation of each score with the number of scored tokens",
        [{ name: "score" }, { name: "all rows", className: "number" }, { name: "", className: "bar-cell" },
            ...sources.map((source) => ({ name: spellOut(source.name), className: "number" }))],
        data.scores.filter((one) => one.name !== "length").map((one) => [code(one.name), fixed(one.spearman, 2),
            bar(Math.abs(one.spearman ?? 0), 1, (one.spearman ?? 0) < 0 ? ".is-negative" : ""),
            ...sources.map((_, i) => fixed(one.by_source[data.sources.indexOf(sources[i])], 2))]));
}

function putLength() {
    const lead = "A score should not be the length in disguise. Spearman’s correlation is 1 where the longest rows always score highest, 0 where length says nothing, −1 where the shortest do. In the paper learnability follows length much less than the plain difference of losses: on Alpaca 0.30 against 0.75, on GSM8K 0.06 against 0.58 (gemma-2b).";
    const name = "learnability";
    const parts = [];
    if (columns[name] !== undefined) {
        const places = placesWith(name);
        parts.push(scatter(`Scatter of ${name} against length of ${plural(places.length, "row")}`, {
            xs: columns.n_tokens, ys: columns[name], places, selected: isTaken, isLog: true,
            xLabel: "scored tokens", yLabel: name, describe: rowWords, pick: (i) => openRow(i),
        }), key(otherWords));
    } else {
        parts.push(needs(columns.initial_loss === undefined ? "initial" : "reference"));
    }
    section("length", "Length", lead, ...parts, spearmanTable());
}
