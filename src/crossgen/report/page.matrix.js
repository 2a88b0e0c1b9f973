/* The matrix: a grid of cells for pointer, finger and keys, with a tip, a panel of details and a table. */

const OWN_ONLY = ["own", "own_minus_off_diagonal"]; // columns that only the mean row has
const gridColumns = DATA.columns.filter((name) => !OWN_ONLY.includes(name));
const isMean = (name) => name.startsWith(MEAN);
const matrix = { row: 0, column: 0, told: null }; // selected, and the cell that the tip tells of

const viewNow = () => (byId("matrix-view").value === ANY ? anyView() : DATA.views.find((view) => view.name === byId("matrix-view").value));

/** One cell of a view, by names. */
const cellAt = (view, ...names) => (view.any ? anyCell(view, ...names) : packedCell(view, ...names));

function packedCell(view, metric, condition, row, column) {
  const place = view.rows.indexOf(row) * DATA.columns.length + DATA.columns.indexOf(column);
  return unpacked(DATA.cells[view.name][metric].conditions[condition][place]);
}

/** Colour of a value and the ink that can be read on it: the scales of the drawn heat maps. */
function colours(cell, view, limit) {
  const shades = DATA.scales[view.signed ? "signed" : "share"];
  const share = view.signed ? (cell.value / 10 / limit + 1) / 2 : cell.value / 1000;
  const paper = shades[Math.round(Math.min(1, Math.max(0, share)) * (shades.length - 1))];
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(paper.slice(at, at + 2), 16) / 255);
  return { paper, ink: 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 ? "#fff" : "#000" };
}

/** What is shown now: view, metric, condition, limit of the colours, and a function from names to cells. */
function shownNow() {
  const view = viewNow();
  const metric = byId("matrix-metric").value;
  const condition = byId("matrix-condition").value;
  const limit = view.any ? anyLimit(view, metric) : DATA.cells[view.name][metric].limit;
  return { view, metric, condition, limit, cell: (row, column) => cellAt(view, metric, condition, row, column) };
}

function redrawMatrix() {
  showPairs();
  const view = viewNow();
  choose(byId("matrix-metric"), view.metrics.map((name) => [name, title(name)]));
  const shown = shownNow();
  const unit = view.signed ? "points" : "%";
  byId("matrix-caption").textContent =
    `${title(shown.metric)} in ${unit}, ${view.name}, condition ${shown.condition}. Rows: trained on; columns: tested on. ${view.seeds}`;
  matrix.row = Math.min(matrix.row, view.rows.length - 1);
  drawGrid(shown);
  drawLegend(shown);
  drawMeans(shown);
  drawMatrixTable(shown);
  drawDetail(shown);
  redrawBehind();
}

function drawGrid(shown) {
  const groups = [["tested on", DATA.generators.length - DATA.unseen.length], ["unseen", DATA.unseen.length],
    ["means", gridColumns.filter(isMean).length]].filter(([, count]) => count);
  const over = element("tr", {}, element("td"), ...groups.map(([name, count]) =>
    element("th", { scope: "colgroup", colspan: count, class: "group" }, element("span", {}, name))));
  const heads = element("tr", {}, element("th", { scope: "col", class: "corner" }, "trained on"),
    ...gridColumns.map((name) => element("th", { scope: "col", class: `name ${gapBefore(name)}` },
      element("span", {}, title(name)))));
  const rows = shown.view.rows.map((row, y) => element("tr", row === MEAN ? { class: "mean" } : {},
    element("th", { scope: "row" }, title(row)), ...gridColumns.map((column, x) => gridCell(shown, row, column, y, x))));
  byId("matrix-grid").replaceChildren(element("thead", {}, over, heads), element("tbody", {}, ...rows));
}

/** A gap stands before the unseen generators and before the means. */
function gapBefore(name) {
  return name === DATA.unseen[0] || name === gridColumns.find(isMean) ? "gap" : "";
}

function gridCell(shown, row, column, y, x) {
  const cell = shown.cell(row, column);
  const chosen = y === matrix.row && x === matrix.column;
  const classes = ["cell", gapBefore(column)];
  if (row !== MEAN && DATA.own[row].includes(column)) classes.push("own");
  if (cell.value === null) classes.push("undefined");
  const loose = shown.view.signed && cell.value !== null && !cell.separated;
  if (loose) classes.push("loose");
  const words = `trained on ${title(row)}, tested on ${title(column)}: ${spoken(cell, shown.view.signed)}` +
    `${shown.view.signed ? `, ${verdict(cell)}` : `; ${counted(cell)}`}`;
  const text = element("span", {}, cell.value === null ? GAP : decimal(cell.value, shown.view.signed));
  const node = element("td", { role: "gridcell", class: classes.join(" "), tabindex: chosen ? 0 : -1,
    "aria-selected": chosen, "aria-label": words, "data-row": y, "data-column": x }, text);
  if (cell.sd !== null) node.append(element("small", { "aria-hidden": "true", class: "sd" }, `± ${decimal(cell.sd)}`));
  if (loose) node.append(element("small", { "aria-hidden": "true" }, "n. s."));
  if (cell.value !== null) {
    const { paper, ink } = colours(cell, shown.view, shown.limit);
    node.style.backgroundColor = paper;
    node.style.color = ink;
  }
  return node;
}

function drawLegend({ view, limit }) {
  const shades = DATA.scales[view.signed ? "signed" : "share"];
  const bar = element("div", { class: "bar" });
  bar.style.background = `linear-gradient(to right, ${shades.join(", ")})`;
  const ends = view.signed ? [`−${limit}`, "0", `+${limit} points`] : ["0", "50", "100 %"];
  const marks = ["outlined: trained on that generator", "hatched, –: undefined"];
  if (view.signed) marks.push(`italic, n. s.: not separated, the ${DATA.level} % interval includes 0`);
  byId("matrix-legend").replaceChildren(
    element("div", { class: "scale" }, bar, element("div", { class: "ends" }, ...ends.map((end) => element("span", {}, end)))),
    element("ul", {}, ...marks.map((mark) => element("li", {}, mark))));
}

/** Own, off-diagonal and their difference, over the train sets. */
function drawMeans(shown) {
  const names = ["own", "mean_off_diagonal", "mean_unseen", "own_minus_off_diagonal"].filter((n) => DATA.columns.includes(n));
  const parts = names.map((name) => {
    const isGap = name === "own_minus_off_diagonal";
    const cell = shown.cell(MEAN, name);
    const text = `${title(name)} ${printed(cell, isGap || shown.view.signed)}`;
    return element("span", {}, isGap || shown.view.signed ? `${text} (${verdict(cell)})` : text);
  });
  byId("matrix-means").replaceChildren(element("strong", {}, "Over the train sets: "), ...parts);
}

function drawMatrixTable(shown) {
  const rows = shown.view.rows.map((row) =>
    [title(row), ...gridColumns.map((column) => printed(shown.cell(row, column), shown.view.signed))]);
  tabled("matrix-table", ["Trained on", ...gridColumns.map(title)], rows);
}

/** The selected cell under every condition. */
function drawDetail({ view, metric, condition }) {
  const [row, column] = [view.rows[matrix.row], gridColumns[matrix.column]];
  const now = cellAt(view, metric, condition, row, column);
  const told = facts(view, metric, condition, row, column);
  const lines = DATA.conditions.map(({ name }) => {
    const cell = cellAt(view, metric, name, row, column);
    const tags = name === condition ? { "aria-current": "true" } : {};
    const sides = cell.value === null ? [cell.reason] : view.signed ? [verdict(cell).replace(" from 0", "")]
      : [`${cell.real} / ${cell.fake}`, covered(cell)];
    const told = [printed(cell, view.signed), ...sides].map((text) =>
      element("td", text.length > 24 ? { class: "reason" } : {}, text));
    return element("tr", tags, element("th", { scope: "row" }, name), ...told);
  });
  const heads = ["Condition", ...(view.signed ? ["Points", "Verdict"] : ["%", "Reals / fakes", "Coverage"])];
  byId("matrix-detail").replaceChildren(
    element("h3", {}, `${title(row)} → ${title(column)}`),
    element("p", { class: "big" }, printed(now, view.signed)),
    element("p", {}, told),
    ...sourcesOf(view, row, column),
    element("div", { class: "scroll" }, element("table", {},
      element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {}, ...lines))));
}

/** What a number was computed from: its row of the metrics, the scores of its detectors, and their place on the card. */
function sourcesOf(view, row, column) {
  const rows = row === MEAN ? view.rows.filter((name) => name !== MEAN) : [row];
  const held = sidesOf(view).flatMap((name) => rows.flatMap((train) => (DATA.sources[name]?.[train] ?? []).map((path) => [name, train, path])));
  if (!held.length) return [];
  const links = held.slice(0, 6).flatMap(([name, train, path]) => {
    const seed = path.split("/").at(-1).replace(".parquet", "");
    return [element("br"), element("a", { href: encodeURI(path) }, `${name}, ${train}, ${seed}`), " · ",
      element("a", { href: `card.html#${encodeURIComponent(`from-${name}-${train}-${seed}`)}` }, "card")];
  });
  const more = held.length > 6 ? [element("br"), element("a", { href: "card.html#numbers" }, `and ${held.length - 6} more`)] : [];
  const kind = view.signed ? "differences.parquet" : "metrics.parquet";
  return [element("p", { class: "notes from" }, "From rows ", element("a", { href: kind }, kind), ` of train set ${title(row)} on ${title(column)}; scores: `, ...links, ...more)];
}

/** A cell in words: what it is, what it rests on, why it is undefined. */
function facts(view, metric, condition, row, column) {
  const cell = cellAt(view, metric, condition, row, column);
  const model = DATA.views.find((other) => other.name === view.of);
  const images = view.signed ? cellAt(model, metric, condition, row, column) : cell;
  const parts = [`${title(metric)}, ${view.name}, ${condition}`];
  if (view.signed) parts.push(verdict(cell));
  if (counted(images)) parts.push(counted(images));
  if (cell.reason) parts.push(cell.reason);
  return parts.join("; ");
}

function showTip(node) {
  const shown = shownNow();
  const [row, column] = [shown.view.rows[node.dataset.row], gridColumns[node.dataset.column]];
  const tip = byId("tip");
  tip.replaceChildren(element("strong", {}, `${title(row)} → ${title(column)}`),
    element("span", {}, printed(shown.cell(row, column), shown.view.signed)),
    element("span", {}, facts(shown.view, shown.metric, shown.condition, row, column)));
  tip.hidden = false;
  matrix.told = node;
  placeTip();
}

/** Beside its cell, also while the page scrolls: a key that moves to a cell may move the page. */
function placeTip() {
  const tip = byId("tip");
  if (tip.hidden) return;
  const box = matrix.told.getBoundingClientRect();
  const left = Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
  const below = box.bottom + 6 + tip.offsetHeight < window.innerHeight;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${below ? box.bottom + 6 : box.top - tip.offsetHeight - 6}px`;
}

const hideTip = () => { byId("tip").hidden = true; };

/** Move the one cell that Tab reaches; `select` also shows its details. */
function goTo(y, x, select) {
  const grid = byId("matrix-grid");
  const at = (row, column) => grid.querySelector(`[data-row="${row}"][data-column="${column}"]`);
  const node = at(y, x);
  if (!node) return;
  grid.querySelectorAll('[tabindex="0"]').forEach((old) => { old.tabIndex = -1; });
  node.tabIndex = 0;
  if (select) {
    grid.querySelectorAll('[aria-selected="true"]').forEach((old) => old.setAttribute("aria-selected", "false"));
    node.setAttribute("aria-selected", "true");
    Object.assign(matrix, { row: y, column: x });
    drawDetail(shownNow());
    redrawBehind();
  }
  node.focus();
}

function matrixKey(event) {
  const node = event.target.closest(".cell");
  if (!node) return;
  const [y, x] = [Number(node.dataset.row), Number(node.dataset.column)];
  const moves = { ArrowUp: [y - 1, x], ArrowDown: [y + 1, x], ArrowLeft: [y, x - 1], ArrowRight: [y, x + 1],
    Home: [y, 0], End: [y, gridColumns.length - 1] };
  if (event.key === "Escape") hideTip();
  if (!moves[event.key] && event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  if (moves[event.key]) goTo(...moves[event.key], false);
  else goTo(y, x, true);
}

/** Views of the chosen kind of detector: experiments, computed differences of two, any two. */
function offerViews() {
  const kind = byId("matrix-detector").value;
  const is = (name) => !kind || DATA.detectors[kind].includes(name);
  const views = DATA.views.filter((view) => sidesOf(view).every(is));
  const names = views.map((view) => [view.name, view.signed ? `difference: ${view.name}` : view.name]);
  choose(byId("matrix-view"), hasPairs ? [...names, [ANY, "difference of any two"]] : names);
}

/** A select of detectors where there are several kinds. */
function startDetectors() {
  const kinds = Object.keys(DATA.detectors);
  offer("matrix-detector", [["", "all"], ...kinds.map((name) => [name, name])], () => { offerViews(); redrawMatrix(); });
  byId("matrix-detector").closest("label").hidden = kinds.length < 2;
}

function startMatrix() {
  startDetectors();
  offer("matrix-view", [], redrawMatrix);
  offerViews();
  startPairs(redrawMatrix);
  offer("matrix-condition", conditionWords, redrawMatrix);
  offer("matrix-metric", viewNow().metrics.map((name) => [name, title(name)]), redrawMatrix);
  byId("matrix-condition").value = DATA.plain;
  const grid = byId("matrix-grid");
  const over = (event) => event.target.closest(".cell");
  grid.addEventListener("keydown", matrixKey);
  grid.addEventListener("click", (event) => {
    const node = over(event);
    if (node) goTo(Number(node.dataset.row), Number(node.dataset.column), true);
  });
  for (const kind of ["pointerover", "focusin"]) grid.addEventListener(kind, (event) => over(event) && showTip(over(event)));
  for (const kind of ["pointerleave", "focusout"]) grid.addEventListener(kind, hideTip);
  document.addEventListener("scroll", placeTip, { passive: true, capture: true });
  redrawMatrix();
}
