// SPDX-License-Identifier: Apache-2.0
// Charts over uPlot, drawn anew when the colours or the width change. Each has a name for those who
// do not see it, and the numbers stand in tables beside it.

const chartList = [];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// MAKE(width) gives {options, values, ready}; it is called again for other colours.
function chart(label, height, make) {
    const box = element("div.chart", { role: "img", "aria-label": label });
    const holder = { box, plot: null, width: 0 };
    holder.draw = () => {
        const width = Math.floor(box.clientWidth);
        if (width === 0) {
            return;
        }
        holder.plot?.destroy();
        box.replaceChildren();
        const { options, values, ready } = make(width);
        holder.width = width;
        holder.plot = new uPlot({ width, height, legend: { show: false }, padding: [8, 12, 0, 0], ...options }, values, box);
        ready?.(holder.plot, box);
    };
    chartList.push(holder);
    return box;
}

function drawCharts() {
    const observer = new ResizeObserver((entries) => {
        for (const entry of entries) {
            const holder = chartList.find((one) => one.box === entry.target);
            if (Math.abs(holder.width - Math.floor(holder.box.clientWidth)) > 1) {
                holder.draw();
            }
        }
    });
    for (const holder of chartList) {
        observer.observe(holder.box);
    }
}
const redrawCharts = () => chartList.forEach((holder) => holder.draw());

function axis(label, extra = {}) {
    return {
        label, labelSize: label ? 20 : 0, labelFont: "12px system-ui, sans-serif", font: "11px system-ui, sans-serif",
        size: 26, stroke: colour("muted"), grid: { stroke: colour("rule"), width: 1 }, ticks: { show: false }, gap: 4,
        ...extra,
    };
}

// 1, 2 and 5 of each power of ten.
function logTicks(low, high) {
    const ticks = [];
    for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
        ticks.push(...[power, 2 * power, 5 * power].filter((tick) => tick >= low && tick <= high));
    }
    return ticks;
}
const logAxis = (label, [low, high]) => axis(label, {
    splits: () => logTicks(low, high), filter: (plot, ticks) => ticks, values: (plot, ticks) => ticks.map(count),
});

// ---- points

// Squares of SIZE pixels at every point of a series; fast for 100,000 of them.
function pointPaths(size) {
    return (plot, index) => {
        uPlot.orient(plot, index, (series, xs, ys, scaleX, scaleY, toX, toY, left, top, width, height) => {
            const [px, py] = plot.data[index];
            const side = size * devicePixelRatio;
            plot.ctx.save();
            plot.ctx.beginPath();
            plot.ctx.rect(left, top, width, height);
            plot.ctx.clip();
            plot.ctx.fillStyle = series.fill();
            for (let i = 0; i < px.length; i++) {
                const x = toX(px[i], scaleX, width, left);
                const y = toY(py[i], scaleY, height, top);
                plot.ctx.fillRect(x - side / 2, y - side / 2, side, side);
            }
            plot.ctx.restore();
        });
        return null;
    };
}

// The nearest of the points PLACES (indices of rows) to the mouse, within 12 pixels; -1: none.
function nearest(plot, places, xs, ys) {
    const { left, top } = plot.cursor;
    let best = -1;
    let least = 12 * 12;
    for (const i of places) {
        const dx = plot.valToPos(xs[i], "x") - left;
        const dy = plot.valToPos(ys[i], "y") - top;
        const distance = dx * dx + dy * dy;
        if (distance < least) {
            least = distance;
            best = i;
        }
    }
    return best;
}

// The middle 99.8 % of the values, a little wider.
function rangeOf(values, places, isLog) {
    const sorted = Float64Array.from(places, (i) => values[i]).sort();
    const beyond = Math.floor(sorted.length / 1000);
    const low = sorted[beyond] ?? 0;
    const high = sorted[sorted.length - 1 - beyond] ?? 1;
    if (isLog) {
        return [Math.max(0.8, low / 1.2), high * 1.2];
    }
    const room = (high - low || 1) * 0.03;
    return [low - room, high + room];
}

// Rows as points: PLACES are drawn faint, those of them that are SELECTED above them. LINES(plot,
// ctx) draws below. PICK(i) is called for a click.
function scatter(label, { xs, ys, xLabel, yLabel, isLog, places, selected, ranges, lines, pick, describe }) {
    const pair = (list) => [Float32Array.from(list, (i) => xs[i]), Float32Array.from(list, (i) => ys[i])];
    const rest = pair(places.filter((i) => !selected(i)));
    const chosen = pair(places.filter(selected));
    const size = places.length > 30000 ? 2 : 3;
    const xRange = ranges?.x ?? rangeOf(xs, places, isLog);
    const yRange = ranges?.y ?? rangeOf(ys, places, false);
    const series = (name) => ({
        fill: () => colour(name), paths: pointPaths(size),
        facets: [{ scale: "x", auto: false }, { scale: "y", auto: false }],
    });
    return chart(label, 420, () => ({
        options: {
            mode: 2,
            scales: {
                x: { time: false, distr: isLog ? 3 : 1, range: () => xRange },
                y: { range: () => yRange },
            },
            axes: [isLog ? logAxis(xLabel, xRange) : axis(xLabel), axis(yLabel, { size: 44 })],
            series: [{}, series("point"), series("selected-point")],
            cursor: { drag: { setScale: false, x: false, y: false }, points: { show: false }, x: false, y: false },
            hooks: { drawAxes: [(plot) => lines?.(plot, plot.ctx)] },
        },
        values: [null, rest, chosen],
        ready: (plot, box) => {
            const tip = element("div.tip", { hidden: true });
            box.append(tip);
            plot.over.addEventListener("mousemove", () => {
                const i = nearest(plot, places, xs, ys);
                tip.hidden = i < 0;
                if (i >= 0) {
                    tip.textContent = describe(i);
                    const left = plot.valToPos(xs[i], "x") + plot.over.offsetLeft;
                    tip.style.left = `${Math.min(left + 10, box.clientWidth - tip.offsetWidth - 4)}px`;
                    tip.style.top = `${plot.valToPos(ys[i], "y") + plot.over.offsetTop + 10}px`;
                }
            });
            plot.over.addEventListener("mouseleave", () => { tip.hidden = true; });
            plot.over.addEventListener("click", () => {
                const i = nearest(plot, places, xs, ys);
                if (i >= 0) {
                    pick(i);
                }
            });
        },
    }));
}

// A straight line between two points of the data.
function drawLine(plot, from, to, name, dash = []) {
    const { ctx } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
    ctx.clip();
    ctx.strokeStyle = colour(name);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
    ctx.beginPath();
    ctx.moveTo(plot.valToPos(from[0], "x", true), plot.valToPos(from[1], "y", true));
    ctx.lineTo(plot.valToPos(to[0], "x", true), plot.valToPos(to[1], "y", true));
    ctx.stroke();
    ctx.restore();
}

// ---- histograms

// All rows as bars, the selected ones as a line, each as a share of its own number.
function histogram(label, xLabel, made) {
    const total = (list) => list.reduce((sum, n) => sum + n, 0);
    const shares = (list) => {
        const whole = total(list);
        return [...list.map((n) => whole > 0 ? 100 * n / whole : 0), 0];
    };
    const edges = [...made.all.map((_, i) => made.low + i * made.width), made.low + made.all.length * made.width];
    const hasSelected = total(made.selected) > 0;
    return chart(label, 200, () => ({
        options: {
            scales: {
                x: { time: false, range: () => [edges[0], edges[edges.length - 1]] },
                y: { range: (plot, low, high) => [0, high * 1.08 || 1] },
            },
            axes: [axis(xLabel), axis("", { size: 40, values: (plot, values) => values.map((v) => `${v}%`) })],
            series: [{}, {
                stroke: colour("point-line"), fill: colour("point-line"), width: 0, points: { show: false },
                paths: uPlot.paths.bars({ size: [1, Infinity], align: 1, gap: 1 }),
            }, ...hasSelected ? [{
                stroke: colour("selected"), width: 2, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }),
            }] : []],
            cursor: { show: false },
        },
        values: [edges, shares(made.all), ...hasSelected ? [shares(made.selected)] : []],
    }));
}
