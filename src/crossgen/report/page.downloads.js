/* Every table as CSV or LaTeX, every chart and figure as SVG: made here, from what is shown. */

/** A file of the page's own making. */
function save(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: address, download: `${DATA.name}_${name}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

const slug = (words) => words.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]+/g, "_").replace(/^_|_$/g, "").slice(0, 60);

/** A table's head and rows as texts. */
function texts(table) {
  return [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim()));
}

/** RFC 4180; a minus sign is one that programs read. */
function asCsv(rows) {
  const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  return rows.map((row) => row.map((text) => quoted(text.replace(/−/g, "-"))).join(",")).join("\r\n") + "\r\n";
}

const ESCAPED = { "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", _: "\\_",
  "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "−": "$-$", "±": "$\\pm$", "–": "--", "→": "$\\to$", "·": "$\\cdot$", "×": "$\\times$" };
const escaped = (text) => text.replace(/[\\{}&%$#_~^−±–→·×]/g, (sign) => ESCAPED[sign]);

/** A tabular of the package booktabs. A row that begins with a bracket would be read as an option of the break before. */
function asLatex([head, ...rows]) {
  const line = (row) => `${row.map((text) => escaped(text).replace(/^\[/, "{[}")).join(" & ")} \\\\`;
  return ["% \\usepackage{booktabs}", `\\begin{tabular}{l${"r".repeat(Math.max(0, head.length - 1))}}`, "\\toprule", line(head), "\\midrule",
    ...rows.map(line), "\\bottomrule", "\\end{tabular}", ""].join("\n");
}

/** Beside a table or figure, before what it was made of: buttons `[words, what they do]`. */
function offerFiles(after, buttons, about) {
  const known = after.nextElementSibling?.matches(".tools") ? after.nextElementSibling : element("p", { class: "tools" });
  after.after(known);
  known.prepend(...buttons.map(([words, act]) => {
    const button = element("button", { type: "button", "aria-label": `Download ${about} as ${words}` }, words);
    button.addEventListener("click", act);
    return button;
  }));
}

/** What a table is called: its id, or the words that stand over it. */
function called(node, fallback) {
  if (node.id) return slug(node.id);
  const words = node.closest("details")?.querySelector("summary")?.textContent ?? node.closest("section")?.querySelector("h2")?.textContent;
  return slug(words ?? fallback) || fallback;
}

function offerTables() {
  const used = new Map();
  for (const table of document.querySelectorAll("main .scroll > table:not([role]):not(.detail table)")) {
    const base = called(table, "table");
    used.set(base, (used.get(base) ?? 0) + 1);
    const name = used.get(base) > 1 ? `${base}_${used.get(base)}` : base;
    const after = table.closest(".scroll");
    offerFiles(after, [["CSV", () => save(`${name}.csv`, "text/csv;charset=utf-8", `\ufeff${asCsv(texts(table))}`)],
      ["LaTeX", () => save(`${name}.tex`, "application/x-tex", asLatex(texts(table)))]], name.replace(/_/g, " "));
  }
}

/** An <svg> of this page as a file of its own. */
function standalone(svg) {
  const copy = svg.cloneNode(true);
  const [, , width, height] = svg.getAttribute("viewBox").split(/[ ,]+/);
  for (const [name, value] of [["xmlns", "http://www.w3.org/2000/svg"], ["width", width], ["height", height]]) copy.setAttribute(name, value);
  return new XMLSerializer().serializeToString(copy);
}

function offerFigures() {
  for (const svg of document.querySelectorAll("main figure > svg")) {
    const name = slug(svg.getAttribute("aria-label") ?? "figure");
    offerFiles(svg, [["SVG", () => save(`${name}.svg`, "image/svg+xml", standalone(svg))]], name.replace(/_/g, " "));
  }
}

/** Charts come and go: one pair of hands for all of them. */
function offerCharts() {
  for (const box of document.querySelectorAll("main .charts")) {
    offerFiles(box, [["SVG", () => [...box.querySelectorAll(".panel")].forEach(saveChart)]], `the charts ${box.id.replace(/-/g, " ")}`);
  }
}

async function saveChart(panel) {
  await drawn;
  const chart = panel.querySelector(".chart");
  const { data, layout: shape } = chart;
  const { width, height } = chart._fullLayout;
  const address = await Plotly.toImage({ data, layout: { ...shape, paper_bgcolor: ink("--paper") } }, { format: "svg", width, height });
  const name = slug(`${panel.parentElement.id} ${panel.querySelector("figcaption").textContent}`);
  save(`${name}.svg`, "image/svg+xml", decodeURIComponent(address.slice(address.indexOf(",") + 1)));
}

/** The matrix that is shown, as a drawing. */
function matrixSvg() {
  const grid = byId("matrix-grid");
  const rows = [...grid.querySelectorAll("tbody tr")];
  const [side, high, left, top] = [64, 34, 150, 96];
  const make = (tag, attributes, words = "") => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.textContent = words;
    return node;
  };
  const [width, height] = [left + side * gridColumns.length + 40, top + high * rows.length + 30];
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, "font-family": "sans-serif", "font-size": 12 });
  svg.append(make("rect", { width, height, fill: "#fff" }), make("text", { x: 6, y: 18 }, byId("matrix-caption").textContent));
  gridColumns.forEach((name, x) => svg.append(make("text", { transform: `translate(${left + side * x + 20} ${top - 6}) rotate(-40)` }, title(name))));
  rows.forEach((row, y) => {
    svg.append(make("text", { x: left - 8, y: top + high * y + 22, "text-anchor": "end" }, row.querySelector("th").textContent));
    row.querySelectorAll(".cell").forEach((cell, x) => {
      const paint = cell.style.backgroundColor || "#fff";
      const line = cell.classList.contains("own") ? { stroke: "#000", "stroke-width": 2.5 } : { stroke: "#fff" };
      svg.append(make("rect", { x: left + side * x + 1.5, y: top + high * y + 1.5, width: side - 3, height: high - 3, fill: paint, ...line }),
        make("text", { x: left + side * (x + 0.5), y: top + high * y + 22, "text-anchor": "middle", fill: cell.style.color || "#000" },
          cell.querySelector("span").textContent));
    });
  });
  return svg;
}

function startDownloads() {
  if (!CHARTS) return;
  offerTables();
  offerFigures();
  offerCharts();
  offerFiles(byId("matrix-legend"), [["SVG", () => save("matrix.svg", "image/svg+xml", standalone(matrixSvg()))]], "the matrix");
}
