/* What stands behind the selected cell: ROC and calibration curves, its logits, the worst classes and images. */

const hundred = (thousandths) => thousandths.map((share) => share / 10);

/** The experiments whose cell is selected: of a difference both. */
const sidesOf = (view) => (view.signed ? [view.of, view.less] : [view.name]);

function behindCells({ view, condition }, row, column) {
  const held = (name) => DATA.behind.cells[name]?.[condition]?.[row]?.[column];
  return sidesOf(view).map((name) => ({ name, place: DATA.experiments.indexOf(name), told: held(name) })).filter((one) => one.told);
}

/** Why a cell has nothing behind it. */
function nothingBehind(view, row, column) {
  if (isMean(row) || isMean(column)) return "A mean has no curves of its own: select a cell of one train set and one test set.";
  const held = Object.keys(DATA.behind.cells[sidesOf(view)[0]] ?? {});
  const away = DATA.behind.left_out.length ? ` Of ${DATA.behind.left_out.join(", ")} they are in curves.parquet: this run is large.` : "";
  return held.length ? `Curves of a cell are kept under ${held.join(", ")}: choose it as the condition.${away}` : `No curves of this cell are on this page.${away}`;
}

/** Draw it all for the cell that is selected now. */
function redrawBehind() {
  const shown = shownNow();
  const [row, column] = [shown.view.rows[matrix.row], gridColumns[matrix.column]];
  const cells = behindCells(shown, row, column);
  const where = `${title(row)} → ${title(column)}, ${shown.condition}`;
  byId("behind-caption").textContent = cells.length ? `Behind ${where}: ${cells.map(({ name }) => name).join(" and ")}.`
    : nothingBehind(shown.view, row, column);
  byId("behind-more").hidden = !cells.length;
  const curves = cells.filter(({ told }) => told.seeds);
  draw("behind-charts", curves.length ? [rocPanel(curves, shown, row, column), calibrationPanel(curves), ...curves.map(logitPanel)] : []);
  key("behind-charts-key", curves.length ? [...curves.map(({ name, place }) => [name, { colour: colour(place), dash: "solid", symbol: symbol(place) }]),
    ...["real", "fake"].map((label, place) => [`${label} images`, { colour: colour(place), area: true }])] : []);
  tabled("behind-table", ["Curve", "Experiment", "x", "y", "Images"], curves.flatMap(curveRows));
  tabled("behind-classes", ["Content class", "Experiment", "Label", "Wrong", "Share wrong"], cells.flatMap(classRows));
  byId("behind-classes").closest(".scroll").hidden = !cells.some(({ told }) => told.classes?.length);
  byId("behind-images").replaceChildren(...cells.flatMap(pictures));
}

const square = (names, more = {}) => layout(300, { xaxis: { range: [-2, 102], dtick: 25, title: { text: names[0], standoff: 4 } },
  yaxis: { range: [-2, 102], dtick: 25, title: { text: names[1], standoff: 4 } },
  shapes: [guess({ x0: 0, y0: 0, x1: 100, y1: 100 })], ...more });

function rocPanel(cells, { condition }, row, column) {
  const traces = cells.flatMap(({ name, place, told }) => told.seeds.map(({ roc: [false_, true_] }) => ({
    type: "scatter", mode: "lines", x: hundred(false_), y: hundred(true_), line: { color: colour(place), width: 1.8 }, hoverinfo: "text",
    text: false_.map((share, i) => plain(`${name}: ${(true_[i] / 10).toFixed(1)} % of fakes at ${(share / 10).toFixed(1)} % of reals called fake`)) })));
  const aucs = cells.map(({ name }) => {
    const view = DATA.views.find((one) => one.name === name);
    return view.metrics.includes("roc_auc") ? `${name} ${printed(cellAt(view, "roc_auc", condition, row, column))}` : "";
  }).filter(Boolean);
  return { title: `ROC curve${aucs.length ? `; area in %: ${aucs.join("; ")}` : ""}`, traces,
    layout: square(["reals called fake, %", "fakes called fake, %"]) };
}

function calibrationPanel(cells) {
  const traces = cells.flatMap(({ name, place, told }) => told.seeds.map(({ calibration: [mean, share, n] }) => ({
    type: "scatter", mode: "lines+markers", x: hundred(mean), y: hundred(share), line: { color: colour(place), width: 1.4 }, hoverinfo: "text",
    marker: { color: colour(place), size: n.map((count) => 5 + 9 * Math.sqrt(count / Math.max(...n))), symbol: symbol(place) },
    text: n.map((count, i) => plain(`${name}: mean P(fake) ${(mean[i] / 10).toFixed(1)} %, fakes ${(share[i] / 10).toFixed(1)} %, ${count} images`)) })));
  return { title: "Calibration: as sure as it is right?", traces, layout: square(["mean P(fake), %", "share of fakes, %"]) };
}

/** Both labels' logits, of the first seed. */
function logitPanel({ name, told }) {
  const [[low, high], ...shares] = told.seeds[0].scores;
  const width = (high - low) / shares[0].length;
  const traces = shares.map((found, order) => ({ type: "bar", x: found.map((_, i) => low + (i + 0.5) * width), y: hundred(found), width,
    marker: { color: colour(order), opacity: 0.6, line: { color: colour(order), width: 1 } }, hoverinfo: "text", textposition: "none",
    text: found.map((share, i) => plain(`${["reals", "fakes"][order]}, logit ${(low + i * width).toFixed(1)} to ${(low + (i + 1) * width).toFixed(1)}: ${(share / 10).toFixed(1)} %`)) }));
  const seeds = told.seeds.length > 1 ? `, first of ${told.seeds.length} seeds` : "";
  return { title: `Logits of ${name}${seeds}: right of 0 is called fake`, traces, layout: layout(300, { barmode: "overlay",
    xaxis: { title: { text: "logit", standoff: 4 } }, yaxis: { rangemode: "tozero", ticksuffix: " %" },
    shapes: [guess({ x0: 0, x1: 0, y0: 0, y1: 1, yref: "paper" })] }) };
}

/** Everything that the curves show, as numbers. */
function curveRows({ name, told }) {
  return told.seeds.flatMap(({ roc, calibration: [mean, share, n], scores: [[low, high], ...labels] }, seed) => {
    const who = told.seeds.length > 1 ? `${name}, seed ${seed + 1} of ${told.seeds.length}` : name;
    const tenth = (thousandths) => (thousandths / 10).toFixed(1);
    const edge = (i) => (low + (i * (high - low)) / labels[0].length).toFixed(2);
    return [...roc[0].map((x, i) => ["ROC: reals, fakes called fake, %", who, tenth(x), tenth(roc[1][i]), GAP]),
      ...mean.map((x, i) => ["calibration: mean P(fake), share of fakes, %", who, tenth(x), tenth(share[i]), String(n[i])]),
      ...labels.flatMap((shares, label) => shares.map((y, i) => [`logits of ${["reals", "fakes"][label]}, %`, who, `${edge(i)} to ${edge(i + 1)}`, tenth(y), GAP]))];
  });
}

const classRows = ({ name, told }) => (told.classes ?? []).map(([called, label, wrong, n, low, high]) =>
  [called, name, ["real", "fake"][label], `${wrong} of ${n}`, printed({ value: Math.round((1000 * wrong) / n), low, high, sd: null })]);

function pictures({ name, told }) {
  return (told.images ?? []).map(([id, label, about, place]) => {
    const words = element("figcaption", {}, element("strong", {}, ["real", "fake"][label]), ` ${about}${DATA.experiments.length > 1 ? `; ${name}` : ""}`);
    if (place < 0) return element("figure", { class: "unseen" }, element("code", {}, id), words);
    return element("figure", {}, element("img", { src: DATA.behind.pictures[place], alt: id, title: id }), words);
  });
}
