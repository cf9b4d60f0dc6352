// SPDX-License-Identifier: Apache-2.0
// What an experiment found: the loss on held-out rows of models trained on each arm's rows, as a
// table and as a curve over the amount, and the paired comparisons.

const armColours = ["selected", "arm-2", "arm-3", "arm-4", "arm-5", "arm-6", "arm-7", "arm-8"];
const interval = (one) => `${fixed(one.low)} to ${fixed(one.high)}`;
const atAmount = (one) => one.size === "all" ? "all rows" : one.size === "none" ? "nothing" : one.amount === "tokens" ? `${one.size}, equal tokens` : String(one.size);

function summaryTable(source) {
    const list = data.experiment.summaries.filter((one) => one.source === source);
    const hasAnswers = list.some((one) => isNumber(one.accuracy));
    return table(`Loss on ${source} by arm`,
        [{ name: "trained on" }, { name: "amount", className: "words" }, { name: "rows", className: "number" },
            { name: "scored tokens", className: "number" }, { name: "loss", className: "number" },
            { name: "95 % interval", className: "number" }, { name: "seeds", className: "number" },
            ...hasAnswers ? [{ name: "right answers", className: "number" }, { name: "95 % interval", className: "number" }] : []],
        list.map((one) => [code(one.arm), atAmount(one), count(Math.round(one.rows)), count(Math.round(one.tokens_scored)),
            fixed(one.mean), interval(one), count(one.n_seeds),
            ...hasAnswers ? [share(one.accuracy, 1), `${share(one.accuracy_low, 1)} to ${share(one.accuracy_high, 1)}`] : []]));
}

function comparisonTable(source) {
    const list = data.experiment.comparisons.filter((one) => one.source === source);
    return list.length === 0 ? null : table(`Paired comparisons on ${source}`,
        [{ name: "arm" }, { name: "against" }, { name: "amount", className: "words" }, { name: "difference", className: "number" },
            { name: "95 % interval", className: "number" }, { name: "median of rows", className: "number" }, { name: "p, Holm", className: "number" }],
        list.map((one) => [code(one.arm), code(one.against), atAmount(one), fixed(one.difference), interval(one), fixed(one.median_difference),
            isNumber(one.p_holm) ? one.p_holm < 0.001 ? "< 0.001" : fixed(one.p_holm) : absent]));
}

// The interval of each point as an upright bar behind it.
function intervalBars(plot, points, strokeOf) {
    const ink = plot.ctx;
    ink.save();
    ink.lineWidth = devicePixelRatio;
    for (const one of points) {
        const x = Math.round(plot.valToPos(one.rows, "x", true));
        ink.strokeStyle = strokeOf(one.arm);
        ink.beginPath();
        ink.moveTo(x, plot.valToPos(one.low, "y", true));
        ink.lineTo(x, plot.valToPos(one.high, "y", true));
        ink.stroke();
    }
    ink.restore();
}

// One line an arm over the rows it was trained on; arms without an amount are level lines.
function curve(source) {
    const list = data.experiment.summaries.filter((one) => one.source === source && one.amount !== "tokens" && isNumber(one.mean));
    const curved = list.filter((one) => one.amount === "rows" && one.rows > 0);
    const arms = [...new Set(curved.map((one) => one.arm))];
    const xs = [...new Set(curved.map((one) => one.rows))].sort((a, b) => a - b);
    if (xs.length < 2) {
        return null;
    }
    const level = list.filter((one) => one.amount !== "rows");
    const meanAt = (arm, x) => curved.find((one) => one.arm === arm && one.rows === x)?.mean ?? null;
    const name = (i) => armColours[i % armColours.length];
    const bounded = curved.filter((one) => isNumber(one.low) && isNumber(one.high));
    const heights = [...list.map((one) => one.mean), ...bounded.flatMap((one) => [one.low, one.high])];
    const [lowest, highest] = [Math.min(...heights), Math.max(...heights)];
    const room = (highest - lowest) / 20 || 0.1;
    return element("figure", {},
        chart(`Loss on ${source} over the number of rows, a line for each of ${arms.length} arms`, 320, () => ({
            options: {
                scales: { x: { time: false, distr: 3, range: () => [xs[0] / 1.1, xs[xs.length - 1] * 1.1] }, y: { range: () => [lowest - room, highest + room] } },
                hooks: { drawAxes: [(plot) => intervalBars(plot, bounded, (arm) => colour(name(arms.indexOf(arm))))] },
                axes: [logAxis("rows trained on", [xs[0] / 1.1, xs[xs.length - 1] * 1.1]), axis("held-out loss, nats per token", { size: 44 })],
                series: [{}, ...arms.map((_, i) => ({ stroke: colour(name(i)), width: 2, spanGaps: true, points: { show: true, size: 7, fill: colour(name(i)) } })),
                    ...level.map(() => ({ stroke: colour("muted"), width: 1, dash: [5, 5], points: { show: false } }))],
                cursor: { show: false },
            },
            values: [xs, ...arms.map((arm) => xs.map((x) => meanAt(arm, x))), ...level.map((one) => xs.map(() => one.mean))],
        })),
        element("figcaption.key", {},
            ...arms.flatMap((arm, i) => { const swatch = element("span.swatch"); swatch.style.background = `var(--${name(i)})`; return [swatch, `${arm} `]; }),
            ...level.flatMap((one) => [element("span.dash"), `${one.arm} (${fixed(one.mean)}) `]),
            "bars: 95 % intervals"));
}

function putExperiment() {
    const title = "Does it help?";
    const experiment = data.experiment;
    if (experiment?.summaries === undefined || experiment.comparisons === undefined || experiment.held_out === undefined) {
        section("experiment", title, null, missing("Nobody has tried it yet. ", code(`lobass experiment ${data.run} --held-out FILE`),
            " fine-tunes the base on what different arms select, and compares their losses on rows that no training saw; this page then shows its table and its curve."));
        return;
    }
    const sources = experiment.held_out.map((one) => one.source);
    const shown = sources[sources.length - 1];
    const held = experiment.held_out[experiment.held_out.length - 1];
    section("experiment", title,
        `The same base model, fine-tuned with one recipe on the rows that each arm takes, and measured on ${plural(held?.rows ?? 0, "row")} that no training saw. Lower is better. In the comparisons negative is better; an interval that spans 0 is no evidence of a difference. The p is that of the rows’ differences, whose median stands beside it.`,
        curve(shown), summaryTable(shown), comparisonTable(shown),
        ...sources.slice(0, -1).map((source) => element("details", {}, element("summary", {}, `On ${source} alone`), summaryTable(source), comparisonTable(source))));
}
