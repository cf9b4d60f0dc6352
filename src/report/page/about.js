// SPDX-License-Identifier: Apache-2.0
// The head of the page, what was run, how the records ended, and what came of each source.

const statusWords = {
    ok: "can be selected",
    truncated: "cut at the greatest length; can be selected",
    empty_response: "no text to learn",
    no_scored_token: "the prompt fills the window",
    duplicate: "the same tokens as an earlier row",
    bad_record: "could not be read",
    nonfinite: "a model gave a loss that is not a number",
    initial_loss_below_floor: "known already: its initial loss is too small to divide by",
    initial_loss_below_minimum: "below the smallest initial loss that was asked for",
    reference_loss_above_maximum: "above the largest reference loss that was asked for",
};

const selection = data.selection;
const nSelectable = data.statuses.reduce((sum, one) => sum + (one.selectable ? one.records : 0), 0);
const modelNamed = (name) => data.models.find((one) => one.name === name);
const nTokensOf = (field) => data.sources.reduce((sum, source) => sum + source[field], 0);

function tile(value, label) {
    return element("div.tile", {}, element("dd", {}, value), element("dt", {}, label));
}

// ---- head

function sentence() {
    if (selection === undefined) {
        return `${plural(data.records, "record")}. Nothing was selected, and no losses are there to rank them by.`;
    }
    const what = `${count(selection.selected)} of ${plural(data.records, "record")} (${share(selection.selected, data.records)})`;
    const how = `${selection.score}, ${selection.direction} first${selection.is_best ? "" : ", within the quotas or strata that were asked for"}`;
    const cut = isNumber(selection.cut) ? ` The last one taken has ${figure(selection.cut)}.` : "";
    return selection.is_recorded
        ? `${what} were selected by ${how}.${cut}`
        : `Nothing was selected yet. Shown is what the defaults would take: ${what} by ${how}.${cut}`;
}

function themeSwitch() {
    const names = ["system", "light", "dark"];
    const root = document.documentElement;
    const button = element("button.quiet", { type: "button", id: "theme" });
    let chosen = 0;
    const show = () => {
        if (chosen === 0) {
            delete root.dataset.theme;
        } else {
            root.dataset.theme = names[chosen];
        }
        button.textContent = `Colours: ${names[chosen]}`;
        redrawCharts();
    };
    button.addEventListener("click", () => {
        chosen = (chosen + 1) % names.length;
        show();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
    show();
    return button;
}

function putHead() {
    document.title = `${data.run} – lobass report`;
    const losses = data.histograms.find((one) => one.name === "initial_loss");
    const drop = data.histograms.find((one) => one.name === "learnability");
    document.getElementById("head").append(
        element("div.head-line", {}, element("p.kind", {}, "lobass report"), themeSwitch()),
        element("h1", {}, data.run),
        element("p.sentence", {}, sentence()),
        element("dl.tiles", {},
            tile(count(data.records), "records"),
            tile(count(nSelectable), "can be selected"),
            ...selection === undefined ? [] : [
                tile(count(selection.selected), "selected"),
                tile(count(selection.selected_tokens), "scored tokens in them"),
            ],
            ...losses === undefined ? [] : [tile(fixed(losses.median), "median initial loss, nats a token")],
            ...drop === undefined ? [] : [tile(fixed(drop.median), "median learnability")]));
}

// ---- what was run

const recorded = (object) => Object.entries(object ?? {})
    .map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ");

function putRun() {
    const facts = [];
    const fact = (name, ...value) => facts.push(element("dt", {}, name), element("dd", {}, ...value));
    if (data.command !== undefined) {
        fact("Command", element("pre.command", { tabindex: "0" }, spellOut(data.command)));
    }
    fact("Model", code(spellOut(data.model ?? "")));
    for (const model of data.models) {
        fact(`Losses “${model.name}”`, code(spellOut(model.path)), ` in ${model.dtype}${model.rows < model.rows_due ? `, so far of ${count(model.rows)} of ${plural(model.rows_due, "row")}` : ""}`,
            ...model.adapter === undefined ? [] : [", with the adapter ", code(spellOut(model.adapter))],
            element("br"), element("span.hash", {}, `fingerprint ${model.fingerprint}`));
    }
    if (data.training !== undefined) {
        const { recipe, steps, rows, first_loss: first, last_loss: last } = data.training;
        fact("Reference’s recipe", recorded(recipe));
        fact("Its training", `${count(steps)} steps on ${plural(rows, "row")}; loss of the first batch ${fixed(first)}, of the last ${fixed(last)}`);
    }
    fact("Format", recorded(data.format));
    if (selection !== undefined) {
        fact("Score", `${selection.score} = ${selection.formula}; ${selection.direction} first`);
        fact("Floor and seed", `rows below ${selection.floor} nats are not ranked; seed ${selection.seed}`);
        if (selection.recorded !== undefined) {
            const { output, ...rest } = selection.recorded;
            fact("Selection", recorded(rest));
            fact("Written to", code(spellOut(output)));
        }
    }
    fact("Tokenisation", element("span.hash", {}, data.tokenization_hash ?? absent));
    fact("Tokenizer", element("span.hash", {}, data.tokenizer_hash ?? absent));
    fact("Version", `lobass ${data.lobass}`);
    section("run", "What was run", null, element("dl.facts", {}, ...facts));
}

// ---- statuses

function putStatuses() {
    const present = data.statuses.filter((one) => one.records > 0);
    const sum = data.statuses.reduce((total, one) => total + one.records, 0);
    section("statuses", "Where the records went",
        "Every record ends in exactly one status. Look at whatever is not ok: rows that cannot be read, or have nothing to score, are lost before any model sees them.",
        table("Records by status",
            [{ name: "status" }, { name: "records", className: "number" }, { name: "share", className: "number" },
                { name: "", className: "bar-cell" }, { name: "what it means", className: "words" }],
            present.map((one) => [code(one.name), count(one.records), share(one.records, data.records),
                bar(one.records, data.records, one.selectable ? "" : ".is-lost"), statusWords[one.name] ?? ""]),
            ["all records", count(sum), share(sum, data.records), "", ""]));
}

// ---- sources

function putSources() {
    const columnsOf = [
        { name: "source", text: (one) => spellOut(one.name) },
        { name: "records", text: (one) => count(one.records) },
        { name: "of all", text: (one) => share(one.records, data.records) },
        { name: "selected", text: (one) => count(one.selected) },
        { name: "of the selection", text: (one) => share(one.selected, selection?.selected) },
        { name: "of its rows", text: (one) => share(one.selected, one.records) },
        { name: "initial loss", text: (one) => fixed(one.initial_loss) },
        { name: "reference loss", text: (one) => fixed(one.reference_loss) },
        { name: "mean learnability", text: (one) => fixed(one.learnability) },
    ];
    const shown = selection === undefined ? columnsOf.filter((one) => !/select|of its/.test(one.name)) : columnsOf;
    const total = {
        source: "all", records: count(data.records), "of all": share(data.records, data.records),
        selected: count(selection?.selected), "of the selection": share(selection?.selected, selection?.selected),
        "of its rows": share(selection?.selected, data.records),
    };
    section("sources", "Shares by source",
        "A source whose part of the selection is far from its part of the records is one that this model can learn from more, or less, than the others. Losses are nats per scored token of the rows that can be selected.",
        table("Records and selected rows by source",
            shown.map((one, i) => ({ name: one.name, className: i === 0 ? "name" : "number" })),
            data.sources.map((source) => shown.map((one) => one.text(source))),
            shown.map((one) => total[one.name] ?? "")));
}
