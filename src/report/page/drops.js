// SPDX-License-Identifier: Apache-2.0
// Whose drop learnability is: end tokens', first tokens', the rest's, along the ranking.

const dropParts = [["rest", "all other tokens", "selected"], ["first", "the response’s first token", "arm-5"], ["end", "end tokens", "arm-2"]];

// Parts beside each other; what is below 0 takes no room. WHOLE is the width of the cell.
function stackedBar(group, whole) {
    const parts = dropParts.map(([name, , hue]) => {
        const part = element("span.bar-part");
        part.style.width = `${Math.max(0, 100 * group[name] / whole)}%`;
        part.style.background = `var(--${hue})`;
        return part;
    });
    return element("span.bar.is-stacked", { "aria-hidden": "true" }, ...parts);
}

function groupName(name) {
    return { all: "all rows", selected: "the selection", 1: "first tenth of the ranking", 10: "last tenth" }[name] ?? `${name}. tenth`;
}

function putDrops() {
    const title = "Whose drop is it?";
    const groups = data.attribution?.filter((one) => one.rows > 0) ?? [];
    if (groups.length === 0) {
        section("drops", title, null, needs(columns.initial_loss === undefined ? "initial" : "reference"));
        return;
    }
    const whole = Math.max(1e-9, ...groups.map((one) => dropParts.reduce((sum, [name]) => sum + Math.max(0, one[name]), 0)));
    section("drops", title,
        "A row’s learnability is made up of what its end token, its first token and all others lost. Where end tokens hold most of it the model learned where to stop rather than what to say: short answers are prone to that, and may crowd the top of the ranking.",
        table("Mean learnability and its parts",
            [{ name: "rows" }, { name: "how many", className: "number" }, { name: "learnability", className: "number" },
                { name: "", className: "bar-cell" }, { name: "other tokens", className: "number" }, { name: "first token", className: "number" },
                { name: "end token", className: "number" }, { name: "mostly end token", className: "number" }],
            groups.map((one) => [groupName(one.group), count(one.rows), fixed(one.learnability), stackedBar(one, whole),
                fixed(one.rest), fixed(one.first), fixed(one.end), share(one.mostly_end, one.rows)])),
        element("p.key", {}, ...dropParts.flatMap(([, words, hue]) => {
            const swatch = element("span.swatch");
            swatch.style.background = `var(--${hue})`;
            return [swatch, `${words} `];
        })));
}
