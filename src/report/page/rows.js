// SPDX-License-Identifier: Apache-2.0
// The table of all rows: sorted and searched in memory, and only those in sight are elements, so that
// 100,000 rows move as easily as ten.

const rowHeight = 34; // pixels, as in report.css
const rowsAround = 12; // above and below those in sight

const numberColumn = (name, title, write, values = columns[name]) => ({ name, title, values, write, className: "number" });

function rowColumns() {
    const scores = data.scores.map((one) => one.name).filter((name) => columns[name] !== undefined && name !== selection?.score);
    const used = selection === undefined || columns[selection.score] === undefined ? [] : [selection.score];
    return [
        ...columns.rank === undefined ? [] : [numberColumn("rank", "rank", (v) => v > 0 ? count(v) : absent)],
        numberColumn("row", "row", count),
        { name: "text", title: "what is asked → what is learned", className: "text" },
        ...used.map((name) => numberColumn(name, name, figure)),
        ...columns.initial_loss === undefined ? [] : [numberColumn("initial_loss", "initial", (v) => fixed(v))],
        ...columns.reference_loss === undefined ? [] : [numberColumn("reference_loss", "reference", (v) => fixed(v))],
        numberColumn("n_tokens", "tokens", count),
        ...scores.map((name) => numberColumn(name, name, figure)),
        { name: "status", title: "status", values: columns.status, write: (v) => data.statuses[v]?.name ?? "" },
        ...data.sources.length < 2 ? []
            : [{ name: "source", title: "source", values: columns.source, write: (v) => spellOut(data.sources[v]?.name ?? ""), className: "name" }],
        numberColumn("record", "record", count),
    ];
}

// ---- state

const rowTable = {
    places: null, // [n shown] places in the columns, in order
    sortedBy: "", isDescending: false,
    active: -1, // place in `places`
    lowered: null, // texts for searching, made at the first search
};

const loweredTexts = () => rowTable.lowered ??=
    Array.from({ length: data.rows.count }, (_, i) => `${promptOf(i)}\n${responseOf(i)}`.toLowerCase());

const kinds = {
    "all rows": () => true,
    "selected": (i) => isTaken(i),
    "not selected": (i) => isSelectable(i) && !isTaken(i),
    "cannot be selected": (i) => !isSelectable(i),
};

function filterRows(words, kind, source) {
    const wanted = words.trim().toLowerCase();
    const texts = wanted === "" ? null : loweredTexts();
    const found = [];
    for (let i = 0; i < data.rows.count; i++) {
        if (kinds[kind](i) && (source < 0 || columns.source[i] === source) &&
            (texts === null || texts[i].includes(wanted) || String(columns.row[i]) === wanted)) {
            found.push(i);
        }
    }
    return Uint32Array.from(found);
}

// Rows without the value come last; of equals the earlier row first. A rank of 0 is none.
function sortRows(places, column, isDescending) {
    const { values, name } = column;
    const isGone = name === "rank" ? (v) => v === 0 : (v) => Number.isNaN(v);
    const sign = isDescending ? -1 : 1;
    return places.sort((a, b) => {
        const x = values[a];
        const y = values[b];
        if (isGone(x) || isGone(y)) {
            return isGone(x) - isGone(y) || a - b;
        }
        return x === y ? a - b : x < y ? -sign : sign;
    });
}

// ---- a row opened

const reasonOf = new Map(data.rows.reasons);
const readRows = new Map(Object.values(data.readings ?? {}).flat().map((row) => [row.row, row]));

function rowDetail(i) {
    const facts = rowColumns().filter((column) => column.values !== undefined)
        .map((column) => element("div", {}, element("dt", {}, column.title), element("dd", {}, column.write(column.values[i]))));
    const read = readRows.get(columns.row[i]);
    return [
        element("h3", {}, `Row ${count(columns.row[i])}`, isTaken(i) ? element("span.badge", {}, "selected") : null),
        element("dl.numbers", {}, ...facts),
        ...reasonOf.has(i) ? [element("p", {}, "Why: ", spellOut(reasonOf.get(i)))] : [],
        ...read !== undefined ? [tokenView(read)] : [
            element("h4", {}, "What is asked"), element("p.excerpt", { dir: "auto" }, spellOut(question(promptOf(i))) || absent),
            element("h4", {}, "What is learned"), element("p.excerpt", { dir: "auto" }, spellOut(responseOf(i)) || absent),
            element("p.note", {}, "The beginning only; all of it, token by token: ", code(`lobass show ${data.run} ${columns.row[i]}`)),
        ],
    ];
}

// Shows the row at place I of the columns; set by putRows().
let openRow = () => {};

// ---- the table

function rowElement(i, at, shown) {
    const cells = shown.map((column) => {
        const cell = element("td");
        cell.className = column.className ?? "";
        if (column.name === "text") {
            cell.append(element("bdi", {}, oneLine(question(promptOf(i)))), element("span.arrow", {}, " → "),
                element("bdi", {}, oneLine(responseOf(i)) || (statusWords[data.statuses[columns.status[i]]?.name] ?? "")));
        } else {
            cell.append(column.write(column.values[i]));
        }
        return cell;
    });
    const made = element("tr", { id: `line-${at}`, "aria-rowindex": String(at + 2) }, ...cells);
    made.classList.toggle("is-taken", isTaken(i));
    made.classList.toggle("is-active", at === rowTable.active);
    made.classList.toggle("is-odd", at % 2 === 1);
    made.dataset.at = String(at);
    return made;
}

// The grid of the columns SHOWN, and what moves it: {scroller, grid, activate, mark}.
function rowGrid(shown, sortBy) {
    const body = element("tbody");
    const heads = shown.map((column) => {
        const head = element("th", { scope: "col" }, column.values === undefined ? column.title
            : element("button.sort", { type: "button", click: () => sortBy(column) }, column.title));
        head.className = column.className ?? "";
        return head;
    });
    const grid = element("table.rows", { role: "grid", tabindex: "0", "aria-label": "All rows" },
        element("thead", {}, element("tr", { "aria-rowindex": "1" }, ...heads)), body);
    const scroller = element("div.rows-scroll", {}, grid);

    function spacer(n) {
        const made = element("tr.spacer", { "aria-hidden": "true" }, element("td", { colspan: String(shown.length) }));
        made.firstChild.style.height = `${n * rowHeight}px`;
        return made;
    }

    function render() {
        const n = rowTable.places.length;
        const first = Math.max(0, Math.floor(scroller.scrollTop / rowHeight) - rowsAround);
        const end = Math.min(n, first + Math.ceil(scroller.clientHeight / rowHeight) + 2 * rowsAround);
        const lines = [];
        for (let at = first; at < end; at++) {
            lines.push(rowElement(rowTable.places[at], at, shown));
        }
        body.replaceChildren(spacer(first), ...lines, spacer(n - end));
        grid.setAttribute("aria-rowcount", String(n + 1));
    }

    function activate(at) {
        rowTable.active = Math.max(0, Math.min(rowTable.places.length - 1, at));
        const top = rowTable.active * rowHeight;
        const inSight = scroller.clientHeight - grid.tHead.offsetHeight - rowHeight;
        if (top < scroller.scrollTop) {
            scroller.scrollTop = top;
        } else if (top > scroller.scrollTop + inSight) {
            scroller.scrollTop = top - inSight;
        }
        render();
        grid.setAttribute("aria-activedescendant", `line-${rowTable.active}`);
    }

    // Says by which column the rows are sorted, and begins at the top.
    function mark(sorted) {
        heads.forEach((head, i) => head.setAttribute("aria-sort",
            shown[i] !== sorted ? "none" : rowTable.isDescending ? "descending" : "ascending"));
        rowTable.active = -1;
        grid.removeAttribute("aria-activedescendant");
        scroller.scrollTop = 0;
        render();
    }

    let isWaiting = false;
    scroller.addEventListener("scroll", () => {
        if (!isWaiting) {
            isWaiting = true;
            requestAnimationFrame(() => { isWaiting = false; render(); });
        }
    });
    return { scroller, grid, activate, mark };
}

// Arrow keys and clicks choose a row of the grid, Enter and clicks open it.
function listenToRows({ scroller, grid, activate }) {
    const page = () => Math.max(1, Math.floor(scroller.clientHeight / rowHeight) - 2);
    const moves = {
        ArrowDown: () => rowTable.active + 1, ArrowUp: () => rowTable.active - 1,
        PageDown: () => rowTable.active + page(), PageUp: () => rowTable.active - page(),
        Home: () => 0, End: () => rowTable.places.length - 1,
    };
    grid.addEventListener("keydown", (event) => {
        if (event.target !== grid || rowTable.places.length === 0) {
            return;
        }
        if (moves[event.key] !== undefined) {
            event.preventDefault();
            activate(moves[event.key]());
        } else if (event.key === "Enter" && rowTable.active >= 0) {
            openRow(rowTable.places[rowTable.active]);
        }
    });
    grid.addEventListener("click", (event) => {
        const line = event.target.closest("tr[data-at]");
        if (line !== null) {
            activate(Number(line.dataset.at));
            openRow(rowTable.places[rowTable.active]);
        }
    });
}

// What the rows are chosen by; CHANGED is called whenever that is.
function rowFilters(changed) {
    const search = element("input", { type: "search", id: "row-search", placeholder: "words, or a row’s number", autocomplete: "off" });
    const kind = element("select", { id: "row-kind", change: changed }, ...Object.keys(kinds).map((name) => element("option", {}, name)));
    const source = element("select", { id: "row-source", change: changed }, element("option", { value: "-1" }, "all sources"),
        ...data.sources.map((one, i) => element("option", { value: String(i) }, spellOut(one.name))));
    let timer = 0;
    search.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(changed, 150);
    });
    return {
        places: () => filterRows(search.value, kind.value, Number(source.value)),
        box: element("div.filters", {},
            element("label", {}, "Search ", search), element("label", {}, "Show ", kind),
            data.sources.length < 2 ? null : element("label", {}, "From ", source)),
    };
}

function putRows() {
    const shown = rowColumns();
    const told = element("p.note", { "aria-live": "polite", id: "rows-told" });
    const detail = element("div.detail", { id: "row-detail", tabindex: "-1", hidden: true });
    const filters = rowFilters(update);
    const view = rowGrid(shown, sortBy);

    function update() {
        const column = shown.find((one) => one.name === rowTable.sortedBy);
        rowTable.places = sortRows(filters.places(), column, rowTable.isDescending);
        told.textContent = `${count(rowTable.places.length)} of ${plural(data.rows.count, "row")}` +
            (isSample ? `, which are a random sample of all ${count(data.records)}` : "");
        view.mark(column);
    }

    // Scores are wanted highest first, numbers of rows from the first on.
    function sortBy(column) {
        const isSame = rowTable.sortedBy === column.name;
        const isScore = column.className === "number" && !["rank", "row", "record"].includes(column.name);
        rowTable.isDescending = isSame ? !rowTable.isDescending : isScore;
        rowTable.sortedBy = column.name;
        update();
    }

    const close = () => {
        detail.hidden = true;
        view.grid.focus();
    };
    openRow = (i) => {
        detail.replaceChildren(element("button.quiet.close", { type: "button", click: close }, "Close"), ...rowDetail(i));
        detail.hidden = false;
        detail.focus();
        detail.scrollIntoView({ block: "nearest" });
    };
    listenToRows(view);
    section("rows", "All rows",
        ["Sort by a column’s head; a row opens with a click, or with the arrow keys and Enter. Searched are the beginnings of prompt and response, as they stand here. Numbers are in single precision; ", code(`lobass scores ${data.run}`), " has all digits."],
        filters.box, told, view.scroller, detail);
    rowTable.sortedBy = columns.rank !== undefined ? "rank" : "row";
    update();
}
