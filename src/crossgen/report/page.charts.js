/* Plotly charts: small panels side by side, themed by the page's own colours, redrawn when those change. */

const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "star"];
const DASHES = { own: "solid", mean_off_diagonal: "dash", mean: "dot", mean_unseen: "dashdot" };
const CONFIG = { displayModeBar: false, displaylogo: false, responsive: false, scrollZoom: false, doubleClick: false,
  showTips: false, plotlyServerURL: "" };
const packedPlotly = byId("plotly"); // the overview has none: its tables stand open, as where nothing can unpack it
const CHARTS = packedPlotly !== null && typeof DecompressionStream !== "undefined";
const PAPER = 330; // pixels of half a printed page's width: what a chart is drawn for on paper
let printing = false;
const ROW = 26; // pixels of a row of dots

const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** Where colours begin again, the symbols are others. */
const symbol = (place) => SYMBOLS[(place + Math.floor(place / 8)) % 8];
const colour = (place) => ink(`--series-${place % 8}`);
/** Plotly reads a little markup in texts; ours hold none. */
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

const FONT = { size: 12, family: "system-ui, sans-serif" };
const pen = document.createElement("canvas").getContext("2d");
pen.font = `${FONT.size}px ${FONT.family}`;

/** Pixels to the left of a chart for its longest label. Plotly would find them by drawing each chart twice. */
function beside({ ticktext, ticksuffix = "", title: words }) {
  const labels = ticktext ?? [`100${ticksuffix}`];
  return Math.ceil(Math.max(...labels.map((label) => pen.measureText(label).width))) + (words ? 32 : 14);
}

/** What all charts share. */
function layout(height, more) {
  const { xaxis = {}, yaxis = {}, ...rest } = more;
  const axis = { fixedrange: true, zeroline: false, gridcolor: ink("--line"), linecolor: ink("--line"), tickcolor: ink("--line") };
  return { height, margin: { l: beside(yaxis), r: 14, t: 8, b: xaxis.title ? 44 : 36, pad: 2 }, showlegend: false, dragmode: false, hovermode: "closest",
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { ...FONT, color: ink("--ink") },
    hoverlabel: { align: "left", bgcolor: ink("--wash"), bordercolor: ink("--soft"), font: { color: ink("--ink"), size: 13 } },
    xaxis: { ...axis, automargin: xaxis.ticktext !== undefined, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest };
}

/** Boxes whose charts are to be drawn once plotly.js is at hand. */
const waiting = new Map();
let drawn = Promise.resolve(); // kept when all that waited is drawn

/** Show `panels` (`{title, traces, layout}`) in a box, one chart each; all frames first, for they share the width. */
function draw(id, panels) {
  if (!CHARTS) return;
  const box = byId(id);
  while (box.children.length > panels.length) {
    if (window.Plotly) Plotly.purge(box.lastElementChild.lastElementChild);
    box.lastElementChild.remove();
  }
  while (box.children.length < panels.length) {
    box.append(element("figure", { class: "panel" }, element("figcaption"), element("div", { class: "chart", role: "img" })));
  }
  panels.forEach((panel, place) => {
    const [caption, chart] = box.children[place].children;
    caption.textContent = panel.title;
    chart.setAttribute("aria-label", `Chart: ${panel.title}`);
    if (!window.Plotly) chart.style.minHeight = `${panel.layout.height}px`; // nothing moves when it is drawn
  });
  waiting.delete(id);
  if (window.Plotly) fill(box, panels);
  else waiting.set(id, panels);
}

function fill(box, panels) {
  panels.forEach((panel, place) => {
    const chart = box.children[place].lastElementChild;
    const width = printing ? PAPER : chart.clientWidth;
    const margin = { ...panel.layout.margin, l: Math.min(panel.layout.margin.l, 0.45 * width) }; // whatever a label's length
    Plotly.react(chart, panel.traces, { ...panel.layout, width, margin }, CONFIG);
    scalable(chart);
    chart.style.minHeight = ""; // only now: a page that shrinks in between loses the section it scrolls to
  });
}

const aTurn = () => new Promise((done) => setTimeout(done));

/** Until the page has been painted and answers: a frame, which a hidden page does not get. */
const painted = () => Promise.race([new Promise((done) => setTimeout(done, 200)),
  new Promise((done) => requestAnimationFrame(() => setTimeout(done)))]);

/** Start plotly.js, then draw what waits for it, a box a turn: what is in view first, and a click comes in between. */
async function drawWaiting(plotly) {
  await painted();
  document.head.append(element("script", {}, await plotly));
  const away = (id) => {
    const { top, bottom } = byId(id).getBoundingClientRect();
    return Math.max(0, top - window.innerHeight, -bottom);
  };
  for (await aTurn(); waiting.size; await aTurn()) {
    const [id] = [...waiting.keys()].sort((one, other) => away(one) - away(other));
    const panels = waiting.get(id);
    waiting.delete(id);
    fill(byId(id), panels);
  }
}

/** plotly.js lies in the page as gzip in base64: a third of its size. Unpacked beside the rest of the start. */
async function unpack() {
  const text = atob(packedPlotly.textContent);
  packedPlotly.remove();
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) bytes[place] = text.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

/** Drawings that know their size can be fitted to the paper by the print style. */
function scalable(chart) {
  const { width, height } = chart._fullLayout;
  chart.style.setProperty("--ratio", `${width} / ${height}`);
  for (const svg of chart.querySelectorAll(".main-svg")) svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
}

/** Legend above the panels: `[words, {colour, symbol, dash, open, area}]`. */
function key(id, entries) {
  byId(id).replaceChildren(...entries.map(([words, look]) => element("span", {}, swatch(look), words)));
}

function swatch({ colour: paint, symbol = "circle", dash = "", open = false, area = false }) {
  const make = (tag, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  const svg = make("svg", { width: 30, height: 14, viewBox: "0 0 30 14", "aria-hidden": "true" });
  if (area) svg.append(make("rect", { x: 6, y: 1, width: 18, height: 12, fill: paint, "fill-opacity": 0.6, stroke: paint }));
  else {
    const stroke = { solid: "", dash: "6 4", dot: "2 3", dashdot: "7 3 2 3" }[dash];
    const line = { x1: 0, x2: 30, y1: 7, y2: 7, stroke: paint, "stroke-width": 1.6, "stroke-dasharray": stroke ?? "" };
    if (dash) svg.append(make("line", line));
    svg.append(make("path", { d: MARKS[symbol], fill: open ? "var(--paper)" : paint, stroke: paint, "stroke-width": 1.6 }));
  }
  return svg;
}

/** The first symbols as paths in a box of 30 x 14. */
const MARKS = { circle: "M11 7a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z", square: "M11 3h8v8h-8Z", diamond: "M15 2l5 5l-5 5l-5 -5Z",
  "triangle-up": "M15 2l5 9h-10Z", "triangle-down": "M15 12l5 -9h-10Z", cross: "M13 2h4v3h3v4h-3v3h-4v-3h-3v-4h3Z",
  x: "M11 5l2 -2l2 2l2 -2l2 2l-2 2l2 2l-2 2l-2 -2l-2 2l-2 -2l2 -2Z", star: "M15 1l2 4h4l-3 3l1 4l-4 -2l-4 2l1 -4l-3 -3h4Z" };

/** Bounds as plotly's error bars; none where the interval is unknown. */
function bars(cells, paint) {
  const reach = (end) => cells.map((cell) => (cell.low === null ? 0 : Math.abs(cell[end] - cell.value) / 10));
  return { type: "data", symmetric: false, array: reach("high"), arrayminus: reach("low"), color: paint, thickness: 1.4, width: 0 };
}

/** Positions beside a row or a place, so that series do not hide one another. */
const dodge = (place, count, reach) => (count < 2 ? 0 : -reach + (2 * reach * place) / (count - 1));

/** Experiments (or other series) that are too many to stand close together. */
const MANY = 4;

/** Dots with intervals: `rows` of names; series `{name, place, cells: row -> cell or undefined}`. 50 is chance. */
function dots(name, rows, series, chance) {
  const traces = series.map((one, order) => {
    const known = rows.map((row, y) => [y, row, one.cells(row)]).filter(([, , cell]) => cell && cell.value !== null);
    const paint = colour(one.place);
    return { type: "scatter", mode: "markers", x: known.map(([, , cell]) => cell.value / 10),
      y: known.map(([y]) => y + dodge(order, series.length, series.length > MANY ? 0.38 : 0.26)), error_x: bars(known.map(([, , cell]) => cell), paint),
      marker: { color: paint, size: 8, symbol: symbol(one.place) }, hoverinfo: "text",
      text: known.map(([, row, cell]) => plain(`${one.name}, ${title(row)}: ${printed(cell)}`)) };
  });
  const high = Math.max(ROW, (series.length > MANY ? 10 : 9) * series.length) * rows.length + 52;
  return { title: name, traces, layout: layout(high, {
    xaxis: { range: [-2, 102], dtick: 25, title: { text: "%", standoff: 2 } },
    yaxis: { range: [rows.length - 0.4, -0.6], tickvals: rows.map((_, y) => y), ticktext: rows.map((row) => plain(title(row))) },
    shapes: chance ? [guess({ x0: 50, x1: 50, y0: 0, y1: 1, yref: "paper" })] : [] }) };
}

const guess = (where) => ({ type: "line", layer: "below", line: { color: ink("--soft"), width: 1.2, dash: "dot" }, ...where });

/** Points along conditions, joined or not: series `{name, place, kind, cells: condition -> cell}`. */
function curves(name, names, joined, series, floor) {
  const traces = series.map((one, order) => {
    const cells = names.map(one.cells);
    const paint = colour(one.place);
    const open = one.kind !== "own";
    const reach = series.length > MANY ? 0.36 : 0.2;
    return { type: "scatter", mode: joined ? "lines+markers" : "markers", x: names.map((_, x) => x + dodge(order, series.length, reach)),
      y: cells.map((cell) => (cell.value === null ? null : cell.value / 10)), error_y: bars(cells, paint),
      line: { color: paint, width: 1.8, dash: DASHES[one.kind] },
      marker: { size: 8, symbol: symbol(one.place), color: open ? ink("--paper") : paint, line: { color: paint, width: 1.8 } },
      hoverinfo: "text", text: cells.map((cell, x) => plain(`${one.name}, ${names[x]}: ${printed(cell)}`)) };
  });
  return { title: name, traces, layout: layout(300, {
    xaxis: { range: [-0.5, names.length - 0.5], tickvals: names.map((_, x) => x), ticktext: names.map(plain), tickangle: names.length > 3 ? -35 : 0 },
    yaxis: { range: [floor, 102], ticksuffix: " " }, shapes: [guess({ x0: 0, x1: 1, xref: "paper", y0: 50, y1: 50 })] }) };
}

/** Shares along a fact, reals and fakes over each other; images without the fact stand apart as `none`. */
function histogram(name, fact, stage, top) {
  const names = fact.numbers ? null : fact.axis;
  const edges = fact.numbers ? fact.axis : [];
  const span = fact.numbers ? edges.at(-1) - edges[0] : 0;
  const apart = fact.none && fact.numbers ? edges[0] - 0.2 * span : null;
  const traces = Object.entries(stage).map(([label, told], order) => {
    const paint = colour(order);
    const middles = names ? names.map((_, x) => x + (order ? 0.2 : -0.2)) : told.bins.map((_, i) => (edges[i] + edges[i + 1]) / 2);
    const widths = names ? names.map(() => 0.38) : told.bins.map((_, i) => edges[i + 1] - edges[i]);
    const words = names ?? told.bins.map((_, i) => (widths[i] === 1 ? `${middles[i]}` : `${Math.ceil(edges[i])} to ${Math.floor(edges[i + 1])}`));
    const extra = apart === null ? [] : [[apart + (order ? 0.022 : -0.022) * span, told.none, 0.04 * span, "none"]];
    const all = [...told.bins.map((share, i) => [middles[i], share, widths[i], words[i]]), ...extra];
    return { type: "bar", x: all.map((bar) => bar[0]), y: all.map((bar) => bar[1]), width: all.map((bar) => bar[2]),
      marker: { color: paint, opacity: names ? 0.9 : 0.6, line: { color: paint, width: 1 } }, hoverinfo: "text", textposition: "none",
      text: all.map((bar) => plain(`${label}, ${bar[3]}: ${bar[1].toFixed(1)} %`)) };
  });
  const marks = apart === null ? {} : { tickvals: [apart, ...quarters(edges)], ticktext: ["none", ...quarters(edges)] };
  const across = names ? { range: [-0.6, names.length - 0.4], tickvals: names.map((_, x) => x), ticktext: names.map(plain) }
    : { range: [(apart ?? edges[0]) - 0.08 * span, edges.at(-1) + 0.05 * span], ...marks };
  return { title: name, traces, layout: layout(220, { barmode: "overlay", xaxis: across, yaxis: { range: [0, top], ticksuffix: " %" } }) };
}

/** Three round marks of a numeric axis. */
function quarters(edges) {
  const [low, high] = [Math.round(edges[0] + 0.5), Math.round(edges.at(-1) - 0.5)];
  return high - low > 4 ? [low, Math.round((low + high) / 2), high] : [high];
}
