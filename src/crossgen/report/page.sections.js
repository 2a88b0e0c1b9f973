/* The sections with charts: each reads its controls, draws its panels and writes the same numbers into its table. */

const unique = (names) => [...new Set(names)];
const audit = () => DATA.audit[byId("bias-subset").value];

/* ---- 2 Are the data biased? */

function redrawBias() {
  const { probes, attributes } = audit().tables;
  const subset = byId("bias-subset").value;
  byId("bias-caption").textContent = `Balanced accuracy in %, subset ${subset}. Dotted: guessing.`;
  drawProbes(probes);
  drawAttributes(attributes);
  redrawSizes();
}

function drawProbes(rows) {
  const stages = unique(rows.map(([stage]) => stage));
  const tests = inOrder(unique(rows.map(([, test]) => test)));
  const panels = unique(rows.map(([, , group]) => group)).map((group) => {
    const series = stages.map((stage, place) => ({ name: stage, place, cells: finder(rows, stage, group) }))
      .filter((one) => tests.some((test) => one.cells(test)));
    return dots(group, tests, series, true);
  });
  draw("bias-probes", panels);
  key("bias-probes-key", stages.map((stage, place) => [stage, { colour: colour(place), symbol: symbol(place) }]));
  wide("bias-probes-table", "File facts", rows, tests);
  tabled("bias-rules-table", ["Test set", "Stage", "File facts", "Rules"],
    rows.map(([stage, test, group, , rules]) => [test, stage, group, rules || GAP]));
}

/** A row what and stage, a column a test set. */
function wide(id, what, rows, tests) {
  const lines = new Map(rows.map((row) => [`${row[2]}, ${row[0]}`, row]));
  tabled(id, [what, "Stage", ...tests], [...lines.values()].map(([stage, , named]) => {
    const find = finder(rows, stage, named);
    return [named, stage, ...tests.map((test) => (find(test) ? printed(find(test)) : ""))];
  }));
}

/** Test sets in the config's order; whatever else after them. */
function inOrder(names) {
  return [...DATA.generators.filter((name) => names.includes(name)), ...names.filter((name) => !DATA.generators.includes(name))];
}

/** From a test set to its cell at one stage, of one group or attribute. */
function finder(rows, stage, what) {
  const found = new Map(rows.filter((row) => row[0] === stage && row[2] === what).map((row) => [row[1], unpacked(row[3])]));
  return (test) => found.get(test);
}

/** A mark a test set, an attribute a row: no intervals here, they stand in the table. */
function drawAttributes(rows) {
  const stages = unique(rows.map(([stage]) => stage));
  const panels = stages.map((stage, place) => {
    const mine = rows.filter((row) => row[0] === stage);
    const names = unique(mine.map((row) => row[2]));
    const known = mine.map((row) => [row, unpacked(row[3])]).filter(([, cell]) => cell.value !== null);
    const trace = { type: "scatter", mode: "markers", x: known.map(([, cell]) => cell.value / 10),
      y: known.map(([row], order) => names.indexOf(row[2]) + 0.08 * ((order % 7) - 3)), hoverinfo: "text",
      marker: { color: colour(place), size: 7, opacity: 0.7, symbol: symbol(place) },
      text: known.map(([row, cell]) => plain(`${row[2]}, ${row[1]}: ${printed(cell)}`)) };
    const shape = dots(stage, names, [], true);
    return { ...shape, traces: [trace] };
  });
  draw("bias-attributes", panels);
  wide("bias-attributes-table", "Attribute", rows, inOrder(unique(rows.map(([, test]) => test))));
}

function redrawSizes() {
  const name = byId("bias-fact").value;
  const fact = audit().sizes[name];
  const shares = Object.values(fact.stages).flatMap((stage) => Object.values(stage)).flatMap((told) => [...told.bins, told.none]);
  byId("bias-fact-caption").textContent =
    `Share of the images of each label in %, by ${name}, subset ${byId("bias-subset").value}, added up over train sets.`;
  draw("bias-sizes", Object.entries(fact.stages).map(([stage, told]) => histogram(stage, fact, told, 1.06 * Math.max(1, ...shares))));
  key("bias-sizes-key", ["real", "fake"].map((label, place) => [label, { colour: colour(place), area: true }]));
  const { heads, lines } = sizeRows(fact);
  tabled("bias-sizes-table", [name, ...heads], lines);
}

/** A row a bin that holds something, a column a stage and label. */
function sizeRows(fact) {
  const columns = Object.entries(fact.stages).flatMap(([stage, labels]) =>
    Object.entries(labels).map(([label, told]) => [`${stage}, ${label} (n ${told.n})`, [told.none, ...told.bins]]));
  const span = (i) => (Math.ceil(fact.axis[i]) === Math.floor(fact.axis[i + 1]) ? `${Math.ceil(fact.axis[i])}`
    : `${Math.ceil(fact.axis[i])} to ${Math.floor(fact.axis[i + 1])}`);
  const places = fact.numbers ? fact.axis.slice(1).map((_, i) => span(i)) : fact.axis;
  const lines = ["none", ...places].map((where, i) => [where, ...columns.map(([, shares]) => shares[i])])
    .filter(([, ...shares]) => shares.some((share) => share))
    .map(([where, ...shares]) => [where, ...shares.map((share) => share.toFixed(1))]);
  return { heads: columns.map(([words]) => words), lines };
}

function startBias() {
  const subsets = Object.keys(DATA.audit);
  if (!subsets.length) return () => {};
  offer("bias-subset", subsets.map((name) => [name, name]), redrawBias);
  offer("bias-fact", Object.keys(DATA.audit[subsets[0]].sizes).map((name) => [name, name]), redrawSizes);
  return redrawBias;
}

/* ---- 4 Degraded images */

function startDegraded() {
  const kinds = ["own", "mean_off_diagonal", "mean_unseen", "mean"].filter((name) => DATA.columns.includes(name));
  const metrics = DATA.views[0].metrics;
  const redraw = () => redrawDegraded(byId("degraded-metric").value, experiments(), shownKinds());
  offer("degraded-metric", metrics.map((name) => [name, title(name)]), redraw);
  const experiments = ticks("degraded-experiments", DATA.experiments.map((name) => [name, name]), redraw);
  const shownKinds = ticks("degraded-kinds", kinds.map((name) => [name, title(name)]), redraw);
  const few = DATA.experiments.length > MANY ? ["mean_off_diagonal"] : kinds.filter((kind) => kind !== MEAN); // own and others say more
  for (const box of byId("degraded-kinds").querySelectorAll("input")) box.checked = few.includes(box.value);
  return redraw;
}

function redrawDegraded(metric, experiments, kinds) {
  const series = experiments.flatMap((experiment) => kinds.map((kind) => ({
    name: `${experiment}, ${title(kind)}`, place: DATA.experiments.indexOf(experiment), kind,
    cells: (condition) => cellAt(DATA.views.find((view) => view.name === experiment), metric, condition, MEAN, kind) })));
  const lows = series.flatMap((one) => DATA.conditions.map(({ name }) => one.cells(name)))
    .filter((cell) => cell.value !== null).map((cell) => cell.low ?? cell.value);
  const floor = Math.max(0, 5 * Math.floor(Math.min(470, ...lows) / 50));
  const panels = Object.entries(DATA.families).map(([family, names]) => (family
    ? curves(family, [DATA.plain, ...names], true, series, floor)
    : curves(Object.keys(DATA.families).length > 1 ? "other conditions" : "no degradation", names, false, series, floor)));
  byId("degraded-caption").textContent = series.length
    ? `${title(metric)} in %, ${experiments.join(", ")}: ${kinds.map(title).join(", ")}. Dotted: 50 %.`
    : "Nothing is chosen: tick an experiment and a mean.";
  draw("degraded-charts", [...panels.slice(1), panels[0]]);
  key("degraded-charts-key", series.map((one) => [one.name,
    { colour: colour(one.place), symbol: symbol(one.place), dash: DASHES[one.kind], open: one.kind !== "own" }]));
  tabled("degraded-table", ["Condition", ...series.map((one) => one.name)],
    DATA.conditions.map(({ name }) => [name, ...series.map((one) => printed(one.cells(name)))]));
}

/* ---- 5 Controls */

function startControls() {
  if (!DATA.controls.length) return () => {};
  offer("controls-condition", conditionWords, redrawControls);
  byId("controls-condition").value = DATA.plain;
  return redrawControls;
}

function redrawControls() {
  const condition = byId("controls-condition").value;
  const rowsOf = (experiment) => DATA.views.find((view) => view.name === experiment).rows;
  const cell = (experiment, row, control) => {
    const place = rowsOf(experiment).indexOf(row);
    if (place < 0) return undefined;
    return unpacked(DATA.called[experiment][condition][place * DATA.controls.length + DATA.controls.indexOf(control)]);
  };
  const rows = [...unique(DATA.experiments.flatMap(rowsOf)).filter((row) => row !== MEAN), MEAN];
  byId("controls-caption").textContent = `Share of control images called fake in %, condition ${condition}. Rows: trained on.`;
  draw("controls-charts", DATA.controls.map((control) => dots(control, rows,
    DATA.experiments.map((name, place) => ({ name, place, cells: (row) => cell(name, row, control) })), false)));
  key("controls-charts-key", DATA.experiments.map((name, place) => [name, { colour: colour(place), symbol: symbol(place) }]));
  tabled("controls-table", ["Trained on", "Experiment", ...DATA.controls], DATA.experiments.flatMap((name) =>
    rowsOf(name).map((row) => [title(row), name, ...DATA.controls.map((control) => printed(cell(name, row, control)))])));
}

/* ---- 6 What it means */

/** Means of every experiment under the plain condition. */
function redrawExperiments() {
  const kinds = ["own", "mean_off_diagonal", "mean_unseen"].filter((name) => DATA.columns.includes(name));
  const metrics = ["balanced_accuracy", "roc_auc"].filter((name) => DATA.views[0].metrics.includes(name));
  const cell = (experiment, metric, kind) =>
    cellAt(DATA.views.find((view) => view.name === experiment), metric, DATA.plain, MEAN, kind);
  draw("experiments-charts", metrics.map((metric) => dots(title(metric), DATA.experiments,
    kinds.map((kind, place) => ({ name: title(kind), place, cells: (experiment) => cell(experiment, metric, kind) })), true)));
  key("experiments-charts-key", kinds.map((kind, place) => [title(kind), { colour: colour(place), symbol: symbol(place) }]));
  tabled("experiments-table", ["Experiment", ...metrics.flatMap((metric) => kinds.map((kind) => `${title(metric)}, ${title(kind)}`))],
    DATA.experiments.map((experiment) =>
      [experiment, ...metrics.flatMap((metric) => kinds.map((kind) => printed(cell(experiment, metric, kind))))]));
}
