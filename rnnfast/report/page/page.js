"use strict";
(() => {
  const { panels, slider, config } = JSON.parse(document.getElementById("data").textContent);
  const views = new Map(); // name of a panel -> its view
  let threshold = slider ? slider.threshold[slider.at] : null;

  const rowsOf = ({ columns }) => {
    const names = Object.keys(columns);
    return columns[names[0]].map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  };

  // Colours are those of the style: they change with the reader's system, and are black on paper.
  const [ink, faint, line] = ["var(--ink)", "var(--faint)", "var(--line)"];
  const theme = {
    background: "transparent", font: "system-ui, sans-serif",
    axisQuantitative: { grid: true },
    axis: { labelColor: faint, titleColor: ink, gridColor: line, domainColor: faint, tickColor: faint, titleFontWeight: 500, labelFontSize: 11, titleFontSize: 12 },
    range: config.range,
    legend: { ...config.legend, labelColor: ink, titleColor: ink, titleFontWeight: 500, labelFontSize: 12 },
    view: { stroke: "transparent" }, title: { color: ink },
  };

  async function draw(place) {
    const name = place.dataset.panel, panel = panels[name];
    const spec = { ...panel.chart, datasets: { rows: rowsOf(panel) } };
    const made = await vegaEmbed(place, spec, {
      mode: "vega-lite", renderer: "svg", actions: false, config: theme,
    });
    views.set(name, made.view);
    // The place itself says what it shows; the marks would be read out one by one.
    place.querySelector("svg")?.setAttribute("aria-hidden", "true");
    mark(made.view);
  }

  function mark(view) {
    if (threshold === null) return;
    try { view.signal("threshold_now", threshold).runAsync(); } catch { /* a figure without thresholds */ }
  }

  function table(panel) {
    const names = Object.keys(panel.columns), frame = document.createElement("div"), made = document.createElement("table");
    frame.className = "scroll";
    frame.tabIndex = 0;
    const head = made.createTHead().insertRow();
    for (const name of names) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = panel.headings[name];
      head.append(cell);
    }
    const body = made.createTBody();
    for (const values of rowsOf(panel)) {
      const row = body.insertRow();
      for (const name of names) row.insertCell().textContent = values[name] ?? "–";
    }
    frame.append(made);
    return frame;
  }

  for (const details of document.querySelectorAll("details[data-panel]")) {
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) details.append(table(panels[details.dataset.panel]));
    });
  }

  function slide() {
    const range = document.getElementById("threshold"), last = slider.threshold.length - 1;
    const cost = (name) => Math.max(0, Number(document.getElementById(`cost-${name}`).value) || 0);
    const at = last - Number(range.value);
    const tp = slider.tp[at], fp = slider.fp[at], fn = slider.positives - tp, tn = slider.negatives - fp;
    const share = (part, whole) => (whole > 0 ? (part / whole).toFixed(3) : "–");
    const number = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 });
    const now = {
      threshold: String(Number(slider.threshold[at].toPrecision(9))), tp: number(tp), fp: number(fp), fn: number(fn), tn: number(tn),
      precision: share(tp, tp + fp), recall: share(tp, slider.positives), f1: share(2 * tp, tp + fp + slider.positives),
      alarms: number((1000 * slider.alarms[at]) / slider.rows), cost: number(cost("fp") * fp + cost("fn") * fn),
    };
    for (const [name, text] of Object.entries(now)) document.getElementById(`now-${name}`).textContent = text;
    range.setAttribute("aria-valuetext", `${now.threshold}: ${now.tp} right, ${now.fp} false alarms, ${now.fn} missed`);
    threshold = slider.threshold[at];
    views.forEach(mark);
  }

  if (slider) {
    const form = document.getElementById("slider"), range = document.getElementById("threshold");
    const last = slider.threshold.length - 1;
    const move = (at) => { range.value = last - at; slide(); };
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", slide);
    document.getElementById("own").addEventListener("click", () => move(slider.at));
    document.getElementById("cheapest").addEventListener("click", () => {
      const [fp, fn] = ["fp", "fn"].map((name) => Math.max(0, Number(document.getElementById(`cost-${name}`).value) || 0));
      const costs = slider.tp.map((tp, i) => fp * slider.fp[i] + fn * (slider.positives - tp));
      move(costs.indexOf(Math.min(...costs)));
    });
    slide();
  }

  // On paper figures are drawn anew: what was drawn for a wide screen would have to be read with a lens.
  const paper = { half: 300, whole: 630, height: 200 }; // pixels: a sequence with its inputs on one A4 page
  const heights = new Map(); // view -> its height on the screen
  addEventListener("beforeprint", () => {
    for (const [name, view] of views) {
      const wide = document.getElementById(`figure-${name}`).classList.contains("wide");
      heights.set(view, view.height());
      view.width(wide ? paper.whole : paper.half).height(wide ? Math.min(view.height(), paper.height) : view.height()).run();
    }
  });
  addEventListener("afterprint", () => {
    heights.forEach((height, view) => view.height(height).run());
    dispatchEvent(new Event("resize")); // which fits widths to their places
  });

  (async () => {
    for (const place of document.querySelectorAll(".chart")) await draw(place);
    document.body.dataset.drawn = "all";
  })();
})();
