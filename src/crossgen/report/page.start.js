/* Start: draw everything once, and again when colours or the paper change. */

const redrawers = [startBias(), startDegraded(), startControls(), redrawExperiments, redrawBehind];
const redrawCharts = () => redrawers.forEach((redraw) => redraw());

/** Mark the section being read in the navigation. */
function followReading() {
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(target.querySelector("h2").id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-30% 0px -65% 0px" });
  document.querySelectorAll("main > section").forEach((section) => seen.observe(section));
}

/** Copy where the browser lets us; else select, so that the keys for copying work. */
async function copy() {
  const text = byId("bibtex");
  try {
    await navigator.clipboard.writeText(text.textContent);
    byId("copied").textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(text);
    byId("copied").textContent = "Selected: copy it with Ctrl+C.";
  }
}

/** Paper is light and has no closed drawers. */
function forPaper(prints) {
  printing = prints;
  for (const drawer of document.querySelectorAll("details")) {
    if (prints) drawer.dataset.was = drawer.open ? "open" : "";
    drawer.open = prints || drawer.dataset.was === "open";
  }
  redrawCharts();
  standIn(prints && CHARTS && !window.Plotly);
}

/** Whoever prints before plotly.js has started, as programs do, gets the drawn figures that pages without scripts show. */
function standIn(early) {
  document.documentElement.classList.toggle("early", early);
  document.querySelectorAll(".stand-in").forEach((node) => node.remove());
  for (const told of early ? document.querySelectorAll("main noscript") : []) {
    if (told.closest("section").querySelector("[role=grid]")) continue; // the matrix needs no plotly.js
    const held = element("div", { class: "stand-in" });
    held.innerHTML = told.textContent; // of this page's own making
    held.replaceChildren(...held.querySelectorAll("figure"));
    told.after(held);
  }
}

if (!CHARTS) {
  document.documentElement.classList.add("light");
  document.querySelectorAll(".numbers").forEach((drawer) => { drawer.open = true; });
}
/** Charts are as wide as their place: drawn again once the window has found its new width. */
function followWidth() {
  let width = window.innerWidth;
  let waiting = 0;
  window.addEventListener("resize", () => {
    if (printing || window.innerWidth === width) return; // a phone's address bar changes the height alone
    width = window.innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(redrawCharts, 120);
  });
}

/** For those who wait for the page, and for those who time it. */
function mark(name) {
  document.documentElement.dataset[name] = "true";
  performance.mark(name);
}

/** Controls, tables and the matrix at once; charts a moment later, for plotly.js starts slower than all the rest. */
async function start() {
  const plotly = CHARTS ? unpack() : null;
  startMatrix();
  redrawCharts();
  startDownloads();
  followWidth();
  followReading();
  byId("copy").addEventListener("click", copy);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawCharts);
  window.matchMedia("print").addEventListener("change", (event) => forPaper(event.matches));
  mark("ready");
  if (CHARTS) drawn = drawWaiting(plotly);
  await drawn;
  standIn(false);
  mark("drawn");
}

start();
