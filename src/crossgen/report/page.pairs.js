/* Differences of any two experiments: the paired ones that the run computed, or else what their two intervals tell. */

const ANY = "any two";
const hasPairs = DATA.experiments.length > 1;

/** The computed difference of two experiments, and whether it has to be turned round. */
function pairedView(first, second) {
  const is = (of, less) => DATA.views.find((view) => view.signed && view.of === of && view.less === less);
  return is(first, second) ? { view: is(first, second), turn: false } : { view: is(second, first), turn: true };
}

/** The view of the two chosen experiments; `any` tells where its cells come from. */
function anyView() {
  const [first, second] = [byId("matrix-first").value, byId("matrix-second").value];
  const [one, other] = [first, second].map((name) => DATA.views.find((view) => view.name === name));
  const known = pairedView(first, second);
  const held = (name) => !known.view || known.view.metrics.includes(name);
  const words = known.view ? known.view.seeds : "Not paired: their two intervals are joined as those of independent samples (MOVER), " +
    "which is usually wider than a paired test; name the two under comparisons for that.";
  return { name: `${first} − ${second}`, of: first, less: second, signed: true, any: known, seeds: words,
    rows: one.rows.filter((row) => other.rows.includes(row)), metrics: one.metrics.filter(held) };
}

/** A cell of such a view, in tenths of a point. */
function anyCell(view, metric, condition, row, column) {
  const { view: known, turn } = view.any;
  if (known) return turned(packedCell(known, metric, condition, row, column), turn);
  const [one, other] = [view.of, view.less].map((name) =>
    packedCell(DATA.views.find((each) => each.name === name), metric, condition, row, column));
  const missing = [one, other].find((cell) => cell.value === null);
  if (missing) return { ...missing, separated: false, sd: null };
  const value = one.value - other.value;
  const bounded = one.low !== null && other.low !== null;
  const low = bounded ? Math.round(value - Math.hypot(one.value - one.low, other.high - other.value)) : null;
  const high = bounded ? Math.round(value + Math.hypot(one.high - one.value, other.value - other.low)) : null;
  const reason = bounded ? null : one.reason || other.reason || "an interval is missing";
  return { ...one, value, low, high, reason, sd: null, separated: bounded && (low > 0 || high < 0) };
}

/** The same difference the other way round. */
function turned(cell, turn) {
  if (!turn || cell.value === null) return cell;
  const minus = (tenths) => (tenths === null ? null : 0 - tenths);
  return { ...cell, value: minus(cell.value), low: minus(cell.high), high: minus(cell.low) };
}

/** Points at the ends of the colours, the same under every condition. */
function anyLimit(view, metric) {
  const values = DATA.conditions.flatMap(({ name }) => view.rows.flatMap((row) => DATA.columns.map((column) =>
    Math.abs(anyCell(view, metric, name, row, column).value ?? 0))));
  return 5 * Math.ceil(Math.max(50, ...values) / 50);
}

/** Show the two selects only while they are asked for; `first` and `second` are never the same. */
function showPairs() {
  const asked = byId("matrix-view").value === ANY;
  for (const id of ["matrix-first", "matrix-second"]) byId(id).closest("label").hidden = !asked;
  const [first, second] = [byId("matrix-first"), byId("matrix-second")];
  if (first.value === second.value) second.value = DATA.experiments.find((name) => name !== first.value) ?? first.value;
}

function startPairs(changed) {
  const names = DATA.experiments.map((name) => [name, name]);
  for (const id of ["matrix-first", "matrix-second"]) offer(id, names, changed);
  if (hasPairs) byId("matrix-first").value = DATA.experiments[1];
  showPairs();
}
