// SPDX-License-Identifier: Apache-2.0
// The page's data as the writer left it, its columns as typed arrays, and how numbers are written.

const data = JSON.parse(document.getElementById("data").textContent);
const columns = {};
const arrayTypes = { u8: Uint8Array, u32: Uint32Array, f32: Float32Array };

function decode(column) {
    const text = atob(column.data);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) {
        bytes[i] = text.charCodeAt(i);
    }
    return new arrayTypes[column.type](bytes.buffer);
}

for (const [name, column] of Object.entries(data.rows.columns)) {
    columns[name] = decode(column);
    column.data = "";
}

const isSample = data.rows.count < data.records;
const promptOf = (i) => data.rows.texts[2 * i];
const responseOf = (i) => data.rows.texts[2 * i + 1];
const sourceOf = (i) => (data.sources[columns.source[i]] ?? { name: "" }).name;
const isSelectable = (i) => data.statuses[columns.status[i]]?.selectable ?? false;

// ---- numbers

const absent = "–";
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const count = (value) => isNumber(value) ? value.toLocaleString("en-US") : absent;
const fixed = (value, digits = 3) => isNumber(value) ? value.toFixed(digits).replace(/^-(?=.*[1-9])/, "−").replace(/^-/, "") : absent;
const share = (part, whole) => !isNumber(part) || !(whole > 0) ? absent
    : part > 0 && part / whole < 0.0005 ? "< 0.1 %" : `${(100 * part / whole).toFixed(1)} %`;
// Four digits that count, for scores of any size.
function figure(value) {
    if (!isNumber(value)) {
        return absent;
    }
    const size = Math.abs(value);
    return fixed(value, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3);
}
const plural = (n, one, many = one + "s") => `${count(n)} ${n === 1 ? one : many}`;

// ---- text of records

// Controls, marks that change the direction of text, and what cannot be seen: spelt out.
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;
const spellOut = (text) => text.replace(unseen, (c) => `\\u{${c.codePointAt(0).toString(16).toUpperCase()}}`);
// On one line.
const oneLine = (text) => spellOut(text.replace(/[ \t\r\n]+/g, " ").trim());
// What the template puts behind the question says nothing in a table.
const question = (text) => text.replace(/\s*### Response:\s*$/, "");
