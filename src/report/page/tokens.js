// SPDX-License-Identifier: Apache-2.0
// Rows to read: at the top, at the cut and at the bottom, every token coloured by its drop in loss.

const flag = { scored: 1, bos: 2, response: 4, first: 8, end: 16 };
const fullDrop = 3; // nats at which the colour is full

// A row's tokens with what is known of each.
function tokensOf(row) {
    const flags = decode(row.flags);
    const initial = row.initial === undefined ? null : decode(row.initial);
    const reference = row.reference === undefined ? null : decode(row.reference);
    let at = 0;
    return row.pieces.map((piece, i) => {
        const token = { piece, flags: flags[i] };
        if ((flags[i] & flag.scored) !== 0) {
            token.initial = initial?.[at];
            token.reference = reference?.[at];
            token.drop = initial === null || reference === null ? undefined : initial[at] - reference[at];
            at++;
        }
        return token;
    });
}

const visibleSpace = (text) => spellOut(text.replace(/ /g, "·").replace(/\r?\n/g, "⏎\n").replace(/\t/g, "⇥"));

function tokenElement(token, i, id) {
    const made = element("span.token", { id: `${id}-${i}` }, visibleSpace(token.piece));
    if ((token.flags & flag.scored) === 0) {
        made.classList.add("is-context");
    } else if (isNumber(token.drop)) {
        made.classList.add(token.drop < 0 ? "is-rise" : "is-drop");
        made.style.setProperty("--strength", `${Math.round(75 * Math.min(1, Math.abs(token.drop) / fullDrop))}%`);
    }
    return made;
}

function tokenWords(token) {
    const text = `“${visibleSpace(token.piece).replace(/\n/g, "")}”`;
    if ((token.flags & flag.scored) === 0) {
        return `${text}  not scored`;
    }
    return `${text}  initial ${fixed(token.initial)}, reference ${fixed(token.reference)}, drop ${fixed(token.drop)} nats`;
}

let readerNumber = 0;

// All tokens of a row; the mouse, or the arrow keys within it, tell of one of them.
function tokenView(row) {
    const id = `reader${readerNumber++}`;
    const tokens = tokensOf(row);
    const words = element("p.token-words", { "aria-live": "polite" }, "Point at a token, or use the arrow keys, for its losses.");
    const box = element("div.tokens", { tabindex: "0", role: "group", "aria-label": `Tokens of row ${row.row}`, dir: "auto" },
        ...tokens.map((token, i) => tokenElement(token, i, id)));
    let active = -1;
    const show = (i) => {
        box.children[active]?.classList.remove("is-active");
        active = i;
        box.children[i].classList.add("is-active");
        words.textContent = tokenWords(tokens[i]);
    };
    box.addEventListener("mouseover", (event) => {
        const i = [...box.children].indexOf(event.target);
        if (i >= 0) {
            show(i);
        }
    });
    box.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step !== undefined && tokens.length > 0) {
            event.preventDefault();
            const first = tokens.findIndex((token) => (token.flags & flag.scored) !== 0);
            show(active < 0 ? Math.max(0, first) : Math.max(0, Math.min(tokens.length - 1, active + step)));
            box.children[active].scrollIntoView({ block: "nearest" });
        }
    });
    return element("div.reader", {}, box, words);
}

// ---- the three lists

const readingWords = [
    ["top", "Top", "What is taken first. Are these rows what the model should learn?"],
    ["cut", "At the cut", "The last rows that are taken and the first that are not. If they look alike, the amount could as well be another."],
    ["bottom", "Bottom", "The last rows of all: known already, too hard, or wrong."],
];

function beginning(row) {
    const flags = decode(row.flags);
    let text = "";
    for (let i = 0; i < row.pieces.length && text.length < 90; i++) {
        if ((flags[i] & flag.response) !== 0 && (flags[i] & flag.end) === 0) {
            text += row.pieces[i];
        }
    }
    return oneLine(text) || absent;
}

// Where a row stands in the columns; a sample may not have it.
const placeOf = isSample ? (row) => columns.row.indexOf(row) : (row) => row;

function asked(row) {
    const place = placeOf(row.row);
    return place < 0 ? "" : oneLine(question(promptOf(place)));
}

function readingCard(row) {
    const body = element("div.card-body");
    const summary = element("summary", {},
        element("span.rank", {}, `${count(row.rank)}.`),
        element("span.card-text", {}, element("bdi.asked", {}, asked(row)), element("bdi.learned", {}, beginning(row))),
        element("span.card-numbers", {}, `${selection.score} ${figure(row.score)} · ${fixed(row.initial_loss, 2)} → ${fixed(row.reference_loss, 2)} · ${plural(row.n_tokens, "token")}`,
            row.selected ? element("span.badge", {}, "selected") : null));
    const card = element("details.card", {}, summary, body);
    card.addEventListener("toggle", () => {
        if (card.open && body.childElementCount === 0) {
            body.append(element("p.note", {}, `row ${count(row.row)}, record ${count(row.record)} of ${spellOut(data.sources[row.source]?.name ?? "")}, ${row.status}`), tokenView(row));
        }
    });
    return card;
}

function putReadings() {
    const title = "Rows to read";
    if (data.readings === undefined) {
        section("readings", title, null, missing("No row is ranked yet: there are no losses, or nothing was selected."));
        return;
    }
    const tabs = [];
    const panels = [];
    const choose = (chosen, hasFocus) => {
        tabs.forEach((tab, i) => {
            tab.setAttribute("aria-selected", String(i === chosen));
            tab.tabIndex = i === chosen ? 0 : -1;
            panels[i].hidden = i !== chosen;
        });
        if (hasFocus) {
            tabs[chosen].focus();
        }
    };
    readingWords.forEach(([name, label, words], i) => {
        tabs.push(element("button.tab", {
            type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`,
            click: () => choose(i, false),
            keydown: (event) => {
                const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
                if (step !== undefined) {
                    event.preventDefault();
                    choose((i + step + readingWords.length) % readingWords.length, true);
                }
            },
        }, label));
        panels.push(element("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}` },
            element("p.note", {}, words), ...data.readings[name].map(readingCard)));
    });
    section("readings", title,
        "No number replaces reading. Open a row to see its tokens: blue tokens lost loss on the way to the reference, orange and underlined ones gained, grey ones are not scored. The stronger the colour, the larger the change; it is full at 3 nats.",
        element("div.tabs", { role: "tablist", "aria-label": title }, ...tabs), ...panels);
    choose(0, false);
    panels[0].querySelector("details")?.setAttribute("open", "");
}
