// SPDX-License-Identifier: Apache-2.0
// Opens the pages that test_report.sh made in headless Chromium and looks at them as a reader would.
// Usage: page.js FOLDER [WORDS], tests with WORDS in their names alone; with CHROMIUM and PLAYWRIGHT (playwright-core's folder) in the environment.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { chromium } = require(process.env.PLAYWRIGHT);

const folder = process.argv[2];
const scores = fs.readFileSync(path.join(folder, "scores.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
const patience = 120000; // milliseconds, for machines with other things to do

// Opens RUN's page; whatever it complains about or asks the network for ends up in `heard`.
async function open(browser, run, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
    page.heard = [];
    page.on("console", (message) => page.heard.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => page.heard.push(`error: ${error.message}`));
    page.on("dialog", (dialog) => { page.heard.push("dialog"); dialog.dismiss(); });
    page.on("request", (request) => page.heard.push(`request: ${request.url().slice(0, 100)}`));
    const address = `file://${path.join(folder, run, "report.html")}`;
    await page.goto(address);
    await page.locator("#foot p").waitFor();
    assert.equal(page.heard.shift(), `request: ${address}`);
    return page;
}

const tests = {};

// ---- what is there

tests["loads without a word, and asks for nothing"] = async (browser) => {
    for (const run of ["run", "bare"]) {
        const page = await open(browser, run);
        await page.mouse.wheel(0, 20000);
        await page.waitForTimeout(200);
        assert.deepEqual(page.heard, []);
        assert.match(await page.title(), new RegExp(`^${run} `));
    }
};

// Blue pixels of every canvas: what is selected.
const inkOf = (page) => page.evaluate(() => [...document.querySelectorAll("canvas")].map((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let n = 0;
    for (let i = 0; i < data.length; i += 4) {
        n += data[i + 3] > 100 && data[i + 2] - data[i] > 60 ? 1 : 0;
    }
    return n;
}));

tests["every chart is drawn"] = async (browser) => {
    const page = await open(browser, "run");
    const charts = await page.locator(".chart").count();
    assert.equal(charts, 7); // two scatters, four histograms and a curve
    const ink = await inkOf(page);
    assert.equal(ink.length, charts);
    ink.forEach((n, i) => assert.ok(n > 50, `canvas ${i} shows ${n} pixels of the selection`));
};

tests["a point tells of its row, and opens it"] = async (browser) => {
    const page = await open(browser, "run");
    const canvas = page.locator("#length canvas");
    await canvas.scrollIntoViewIfNeeded();
    const [x, y] = await canvas.evaluate((one) => {
        const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
        const i = data.findIndex((value, at) => at % 4 === 3 && value > 100 && data[at - 1] - data[at - 3] > 60) >> 2;
        return [i % one.width, Math.floor(i / one.width)].map((pixel) => pixel / devicePixelRatio);
    });
    const box = await canvas.boundingBox();
    await page.mouse.move(box.x + x, box.y + y);
    const [, row] = (await page.locator("#length .tip").textContent()).match(/^row ([\d,]+) · /);
    assert.ok(scores.find((one) => one.row === Number(row)).selected);
    await page.mouse.click(box.x + x, box.y + y);
    assert.match(await page.locator("#row-detail h3").textContent(), new RegExp(`^Row ${row}selected$`));
};

tests["statuses add up to the records"] = async (browser) => {
    const page = await open(browser, "run");
    const numbers = (await page.locator("#statuses tbody td:nth-child(2)").allTextContents()).map(Number);
    const sum = Number(await page.locator("#statuses tfoot td:nth-child(2)").textContent());
    assert.equal(numbers.reduce((a, b) => a + b), scores.length);
    assert.equal(sum, scores.length);
    for (const status of new Set(scores.map((one) => one.status))) {
        const line = page.locator("#statuses tbody tr", { hasText: status });
        assert.equal(Number(await line.locator("td").first().textContent()), scores.filter((one) => one.status === status).length);
    }
};

tests["what was not measured is said"] = async (browser) => {
    const page = await open(browser, "bare");
    assert.match(await page.locator("#losses").textContent(), /Needs losses under “initial”/);
    assert.match(await page.locator("#overlap").textContent(), /not measured: learnability/);
    assert.match(await page.locator("#drops").textContent(), /Needs losses under “initial”/);
    assert.match(await page.locator("#experiment").textContent(), /lobass experiment bare --held-out FILE/);
};

tests["an experiment has its table, its comparisons and its curve"] = async (browser) => {
    const page = await open(browser, "run");
    const cells = (index) => page.locator("#experiment table").nth(index).locator("tbody tr").evaluateAll(
        (lines) => lines.map((line) => [...line.children].map((one) => one.textContent)));
    const [summaries, comparisons] = [await cells(0), await cells(1)];
    assert.equal(summaries.length, 5);
    assert.deepEqual(summaries[0], ["base", "nothing", "0", "0", "4.500", "4.400 to 4.600", "1"]);
    assert.deepEqual(summaries[1].slice(0, 5), ["learnability", "1%", "10", "100", "3.125"]);
    assert.deepEqual(comparisons, [["learnability", "random", "1%", "−0.125", "−0.200 to −0.050", "−0.110", "< 0.001"]]);
    assert.match(await page.locator("#experiment .key").textContent(), /learnability random base \(4\.500\)/);
};

// ---- rows

const lines = (page) => page.locator("#rows tbody tr[data-at]");
const cell = async (page, line, head) => {
    const heads = (await page.locator("#rows thead th").allTextContents()).map((text) => text.trim());
    return (await lines(page).nth(line).locator("td").nth(heads.indexOf(head)).textContent()).trim();
};
const told = (page) => page.locator("#rows-told").textContent();

tests["rows are sorted by their scores"] = async (browser) => {
    const page = await open(browser, "run");
    const head = page.locator("#rows thead th", { hasText: /^learnability$/ });
    const button = head.locator("button");
    const ranked = scores.filter((one) => one.learnability !== undefined).sort((a, b) => b.learnability - a.learnability);
    await button.click();
    assert.equal(await head.getAttribute("aria-sort"), "descending");
    for (let i = 0; i < 3; i++) {
        assert.equal(Number(await cell(page, i, "row")), ranked[i].row);
        assert.equal(Number((await cell(page, i, "learnability")).replace("−", "-")), Number(ranked[i].learnability.toFixed(3)));
    }
    await button.click();
    assert.equal(await head.getAttribute("aria-sort"), "ascending");
    assert.equal(Number(await cell(page, 0, "row")), ranked[ranked.length - 1].row);
};

tests["rows are found by their words and their number"] = async (browser) => {
    const page = await open(browser, "run");
    const isTold = (text) => page.waitForFunction((wanted) => document.querySelector("#rows-told").textContent.startsWith(wanted), text);
    await page.fill("#row-search", "HOSTILE");
    await isTold("4 of 305 rows");
    await page.fill("#row-search", "17");
    await page.waitForFunction(() => /^\d+ of/.test(document.querySelector("#rows-told").textContent));
    await page.fill("#row-search", "no such words");
    await isTold("0 of 305 rows");
    await page.fill("#row-search", "");
    await page.selectOption("#row-kind", "selected");
    await isTold("20 of 305 rows");
    await page.selectOption("#row-kind", "cannot be selected");
    await isTold(`${scores.filter((one) => !["ok", "truncated"].includes(one.status)).length} of 305 rows`);
    await page.selectOption("#row-kind", "all rows");
    await page.selectOption("#row-source", { label: "hostile.jsonl" });
    await isTold("5 of 305 rows");
};

tests["hostile records stay text"] = async (browser) => {
    const page = await open(browser, "run");
    await page.selectOption("#row-source", { label: "hostile.jsonl" });
    assert.match(await told(page), /^5 of/);
    const text = await page.locator("#rows tbody").textContent();
    assert.ok(text.includes("</script><script>window.wasRun = 1</script>"));
    assert.ok(text.includes("<img src=x onerror='window.wasRun = 2'>"));
    assert.ok(text.includes("\\u{202E}hostile"));
    for (let i = 0; i < 5; i++) {
        await lines(page).nth(i).click();
        assert.ok(await page.locator("#row-detail").isVisible());
    }
    // Every row to read is opened, too.
    await page.evaluate(() => document.querySelectorAll("#readings summary").forEach((one) => one.click()));
    assert.ok(await page.locator("#readings .tokens").count() >= 60);
    assert.equal(await page.locator("img, svg, iframe").count(), 0);
    assert.equal(await page.locator("script").count(), 2);
    assert.equal(await page.evaluate(() => window.wasRun), undefined);
    assert.deepEqual(page.heard, []);
};

tests["tokens have the colours and losses of their drop"] = async (browser) => {
    const page = await open(browser, "run");
    const first = page.locator("#panel-top details").first();
    assert.ok(await first.locator(".token.is-context").count() > 0);
    const scored = first.locator(".token:not(.is-context)");
    assert.ok(await scored.count() > 0);
    await scored.first().hover();
    assert.match(await first.locator(".token-words").textContent(), /initial [\d.]+, reference [\d.]+, drop −?[\d.]+ nats/);
};

// ---- how it looks

// The contrast of two colours as the Web Content Accessibility Guidelines define it.
function contrast(a, b) {
    const light = (text) => {
        const [r, g, b2] = text.match(/[\d.]+/g).map((part) => Number(part) / 255)
            .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b2;
    };
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
}

tests["both colour schemes can be read"] = async (browser) => {
    const papers = [];
    for (const colorScheme of ["light", "dark"]) {
        const page = await open(browser, "run", { colorScheme });
        const colours = await page.evaluate(() => ({
            paper: getComputedStyle(document.body).backgroundColor, ink: getComputedStyle(document.body).color,
            muted: getComputedStyle(document.querySelector(".lead")).color,
        }));
        assert.ok(contrast(colours.paper, colours.ink) > 7);
        assert.ok(contrast(colours.paper, colours.muted) > 4.5);
        papers.push(colours.paper);
    }
    assert.notEqual(papers[0], papers[1]);
    const page = await open(browser, "run", { colorScheme: "light" });
    await page.locator("#theme").click();
    await page.locator("#theme").click();
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), papers[1]);
    (await inkOf(page)).forEach((n) => assert.ok(n > 50));
};

tests["fits a phone"] = async (browser) => {
    for (const run of ["run", "bare"]) {
        const page = await open(browser, run, { viewport: { width: 360, height: 740 } });
        const widest = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(widest <= 360, `${run}: ${widest} pixels wide`);
    }
};

tests["can be used without a mouse"] = async (browser) => {
    const page = await open(browser, "run");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    const reached = new Set();
    for (let i = 0; i < 120; i++) {
        await page.keyboard.press("Tab");
        reached.add(await page.evaluate(() => {
            const { id, className, tagName } = document.activeElement;
            return id || className || tagName;
        }));
    }
    for (const name of ["theme", "tab-top", "tokens", "row-search", "row-kind", "sort", "rows"]) {
        assert.ok(reached.has(name), `${name} is not reached: ${[...reached].join(" ")}`);
    }
    await page.locator("#tab-top").focus();
    await page.keyboard.press("ArrowRight");
    assert.ok(await page.locator("#panel-cut").isVisible());
    await page.locator("table.rows").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    const active = await page.locator("table.rows").getAttribute("aria-activedescendant");
    assert.equal(active, "line-1");
    await page.keyboard.press("Enter");
    assert.match(await page.locator("#row-detail h3").textContent(), /^Row \d+/);
    await page.locator("table.rows").focus();
    await page.keyboard.press("End");
    assert.equal(await page.locator("table.rows").getAttribute("aria-activedescendant"), "line-304");
    assert.ok(await page.locator("#line-304").isVisible());
};

// ---- size

tests["100,000 rows load, sort and are found"] = async (browser) => {
    const page = await open(browser, "large");
    assert.match(await told(page), /^100,000 of 100,000 rows/);
    assert.ok(await page.locator("#rows tbody tr").count() < 100, "only rows in sight are elements");
    await page.locator("#rows thead button", { hasText: /^initial$/ }).click();
    const values = [];
    for (let i = 0; i < 10; i++) {
        values.push(Number(await cell(page, i, "initial")));
    }
    assert.deepEqual(values, [...values].sort((a, b) => b - a));
    await page.fill("#row-search", "number 98765 of");
    await page.waitForFunction(() => document.querySelector("#rows-told").textContent.startsWith("1 of"));
    assert.equal(await cell(page, 0, "row"), "98,765");
    assert.ok(fs.statSync(path.join(folder, "large", "report.html")).size < 60e6);
    assert.deepEqual(page.heard, []);
};

(async () => {
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"], timeout: patience });
    let failures = 0;
    for (const [name, test] of Object.entries(tests).filter(([one]) => one.includes(process.argv[3] ?? ""))) {
        try {
            await test(browser);
            console.log(`ok      ${name}`);
        } catch (error) {
            failures++;
            console.log(`FAILED  ${name}\n${error.stack}`);
        }
        await Promise.all(browser.contexts().map((context) => context.close()));
    }
    await browser.close();
    process.exit(failures > 0 ? 1 : 0);
})();
