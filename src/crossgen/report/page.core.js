"use strict";
/* The data and how they are printed. Numbers come in whole tenths of a percent, rounded as the tables round them. */

const DATA = JSON.parse(document.getElementById("payload").textContent);
const GAP = "–";
const MEAN = "mean";
const byId = (id) => document.getElementById(id);
const title = (name) => DATA.titles[name] ?? name;

/** A new element; children are nodes or texts, never markup. */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A cell as an object; null bounds where no interval is known. */
function unpacked(cell) {
  if (!cell) return { value: null, low: null, high: null, real: 0, fake: 0, coverage: null, reason: "not computed", seeds: 0,
    separated: false, sd: null };
  const [value, low, high, place, separated = 0, sd = null] = cell;
  const [real, fake, coverage, reason, seeds] = DATA.about[place];
  return { value, low, high, real, fake, coverage, reason, seeds, separated: separated === 1, sd };
}

/** `92.2`, `−3.1`; with `signed` also `+3.1`. Zero has no sign. */
function decimal(tenths, signed = false) {
  const digits = (Math.abs(tenths) / 10).toFixed(1);
  if (tenths === 0) return digits;
  return (tenths < 0 ? "−" : signed ? "+" : "") + digits;
}

/** `92.2 [85.0, 99.4]`, over several seeds `92.2 ± 1.3 [85.0, 99.4]`, as the tables print it. */
function printed(cell, signed = false) {
  if (cell.value === null) return GAP;
  const value = decimal(cell.value, signed) + (cell.sd === null ? "" : ` ± ${decimal(cell.sd)}`);
  return cell.low === null ? value : `${value} [${decimal(cell.low)}, ${decimal(cell.high)}]`;
}

/** For ears: `92.2 percent, 95 % interval 85.0 to 99.4`. */
function spoken(cell, signed = false) {
  if (cell.value === null) return `undefined: ${cell.reason}`;
  const spread = cell.sd === null ? "" : `, standard deviation ${decimal(cell.sd)} over ${cell.seeds} seeds`;
  const value = `${decimal(cell.value, signed)} ${signed ? "points" : "percent"}${spread}`;
  if (cell.low === null) return `${value}, no interval${cell.reason ? `: ${cell.reason}` : ""}`;
  return `${value}, ${DATA.level} % interval ${decimal(cell.low)} to ${decimal(cell.high)}`;
}

/** What a difference says, by its interval. */
function verdict(cell) {
  if (cell.value === null) return "undefined";
  if (cell.low === null) return "no interval";
  return cell.separated ? "separated from 0" : "not separated from 0";
}

/** `100 %`, `97.3 %`: a whole share without its zeros, so that less than all stands out. */
const covered = (cell) => (cell.coverage === null ? GAP : cell.coverage === 1 ? "100 %" : `${(100 * cell.coverage).toFixed(1)} %`);

/** `172 reals, 60 fakes, coverage 100 %, 3 seeds`. */
function counted(cell) {
  const parts = [];
  if (cell.real || cell.fake) parts.push(`${cell.real} reals, ${cell.fake} fakes`);
  if (cell.coverage !== null) parts.push(`coverage ${covered(cell)}`);
  if (cell.seeds > 1) parts.push(`${cell.seeds} seeds`);
  return parts.join(", ");
}

/** Fill a select and call `changed` whenever another option is chosen. */
function offer(id, names, changed) {
  const select = byId(id);
  choose(select, names);
  select.addEventListener("change", changed);
}

/** New options (`[value, words]`); what was chosen stays chosen where it still exists. */
function choose(select, names) {
  const before = select.value;
  select.replaceChildren(...names.map(([value, words]) => element("option", { value }, words)));
  if (names.some(([value]) => value === before)) select.value = before;
}

/** Boxes to tick, all ticked; returns the function that tells which are. */
function ticks(id, names, changed) {
  const boxes = names.map(([value, words]) => {
    const box = element("input", { type: "checkbox", value });
    box.checked = true;
    box.addEventListener("change", changed);
    byId(id).append(element("label", { class: "tick" }, box, words));
    return box;
  });
  return () => boxes.filter((box) => box.checked).map((box) => box.value);
}

/** A table: the first column heads the rows. */
function tabled(id, head, rows) {
  const heads = element("tr", {}, ...head.map((words) => element("th", { scope: "col" }, words)));
  const body = rows.map((row) => element("tr", {}, ...row.map((text, place) => {
    if (place === 0) return element("th", { scope: "row" }, text);
    return element("td", text.length > 40 ? { class: "long" } : {}, text);
  })));
  byId(id).replaceChildren(element("thead", {}, heads), element("tbody", {}, ...body));
}

const conditionWords = DATA.conditions.map(({ name, about }) => [name, `${name}: ${about}`]);
