// SPDX-License-Identifier: Apache-2.0
// Elements. Text only ever becomes a text node: nothing in the data can become an element.

// element("p.note", {title: "..."}, "text", other element, ...); attributes that are undefined or
// false are left out; a function is a listener.
function element(kind, attributes = {}, ...children) {
    const [tag, ...classes] = kind.split(".");
    const made = document.createElement(tag);
    if (classes.length > 0) {
        made.className = classes.join(" ");
    }
    for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === "function") {
            made.addEventListener(name, value);
        } else if (value !== undefined && value !== false) {
            made.setAttribute(name, value === true ? "" : value);
        }
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
}

const code = (text) => element("code", {}, text);

// A table of {name, text(row), class, head} columns; the first is the head of its row.
function table(caption, heads, rows, foot) {
    const line = (values, tag) => element("tr", {}, ...values.map((value, i) => {
        const { className = "", ...rest } = heads[i];
        const isHead = tag === "th" || (i === 0 && !rest.isPlain);
        const cell = element(isHead ? "th" : "td", { scope: tag === "th" ? "col" : isHead ? "row" : undefined });
        cell.className = className;
        cell.append(value);
        return cell;
    }));
    return element("div.scroll", { tabindex: "0", role: "region", "aria-label": caption },
        element("table", {},
            element("caption.unseen", {}, caption),
            element("thead", {}, line(heads.map((head) => head.name), "th")),
            element("tbody", {}, ...rows.map((row) => line(row, "td"))),
            foot === undefined ? null : element("tfoot", {}, line(foot, "td"))));
}

// A thin bar beside a number; decoration.
function bar(part, whole, className = "") {
    const inner = element(`span.bar-inner${className}`);
    inner.style.width = `${whole > 0 ? Math.min(100, 100 * part / whole) : 0}%`;
    return element("span.bar", { "aria-hidden": "true" }, inner);
}

const sections = [];

// A section of the page; those without anything to show say why.
function section(id, title, lead, ...children) {
    sections.push({ id, title });
    document.getElementById("main").append(
        element("section", { id, "aria-labelledby": `${id}-title` },
            element("h2", { id: `${id}-title` }, title),
            lead === null ? null : element("p.lead", {}, ...[lead].flat()),
            ...children));
}
const missing = (...text) => element("p.missing", {}, ...text);
