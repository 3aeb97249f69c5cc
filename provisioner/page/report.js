"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const share = (parts) => parts / data.parts;
  const percent = (parts) => `${(share(parts) * 100).toFixed(1)} %`;

  /** An element with attributes and children; texts are never parsed as HTML. */
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  /** Calls back once, when an element is about to be seen. */
  function whenSeen(node, act) {
    const watch = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watch.disconnect();
      act();
    }, { rootMargin: "200px" });
    watch.observe(node);
    addEventListener("beforeprint", () => { watch.disconnect(); if (node.offsetParent) act(); }, { once: true });
  }

  // ---- colours -------------------------------------------------------------------------------

  function rememberTheme() {
    const choice = document.getElementById("theme");
    const apply = (theme) => { theme ? (root.dataset.theme = theme) : delete root.dataset.theme; };
    try { choice.value = localStorage.getItem("provisioner-theme") || ""; } catch { /* no storage on this page */ }
    apply(choice.value);
    choice.addEventListener("change", () => {
      apply(choice.value);
      try { localStorage.setItem("provisioner-theme", choice.value); } catch { /* as above */ }
    });
  }

  // ---- filters -------------------------------------------------------------------------------

  const FIRST_ITEMS = 12;

  function filtering(form) {
    const list = document.getElementById(form.dataset.filters);
    const items = [...list.children];
    const said = form.querySelector("output");
    const more = form.parentElement.querySelector("button.more");
    let few = more !== null && items.length > FIRST_ITEMS;
    const apply = () => {
      const words = form.elements.words.value.trim().toLowerCase();
      const severity = form.elements.severity.value;
      let fitting = 0;
      for (const item of items) {
        const fits = (!severity || item.dataset.severity === severity) && (!words || textOf(item).includes(words));
        fitting += fits;
        item.hidden = !fits || (few && fitting > FIRST_ITEMS);
      }
      const shown = few ? Math.min(fitting, FIRST_ITEMS) : fitting;
      said.textContent = `${shown} of ${items.length} shown`;
      if (more) { more.hidden = shown === fitting; more.textContent = `Show ${fitting - shown} more`; }
    };
    more?.addEventListener("click", () => { few = false; apply(); list.children[FIRST_ITEMS].querySelector("a")?.focus(); });
    addEventListener("beforeprint", () => { few = false; apply(); });
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.elements.order?.addEventListener("change", () => list.append(...ordered(items, form.elements.order.value)));
    apply();
  }

  function textOf(item) {
    const number = item.dataset.number;
    const columns = number === undefined ? [] : data.tables[number].columns.map((column) => column.name);
    item.words ??= [number === undefined ? item.textContent : item.querySelector("h3").textContent, ...columns].join(" ").toLowerCase();
    return item.words;
  }

  function ordered(items, by) {
    const value = { number: (i) => +i.dataset.number, rows: (i) => -i.dataset.rows, similar: (i) => i.dataset.similar === "" ? 2 : +i.dataset.similar };
    return [...items].sort((a, b) => value[by](a) - value[by](b));
  }

  // ---- charts --------------------------------------------------------------------------------

  const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
  const day = (moment) => new Date(moment).toISOString().slice(0, 10);

  /** The rows of a chart: a place (or the two ends of a cell) with both shares. */
  function rowsOf(chart) {
    const count = chart.real.length;
    const at = (number) => {
      if (chart.form === "labels") return { label: chart.labels[number] };
      const [low, high] = chart.ends.map((end) => (chart.form === "logarithms" ? 10 ** end : end));
      const edge = (n) => chart.form === "logarithms" ? low * (high / low) ** (n / count) : low + (high - low) * n / count;
      return { from: edge(number), to: edge(number + 1) };
    };
    return chart.real.map((real, number) => ({ ...at(number), real: share(real), made: share(chart.made[number]) }));
  }

  function placeOf(chart, row) {
    if (chart.form === "labels") return row.label;
    if (chart.form === "moments") return `${day(row.from)} to ${day(row.to)}`;
    return `${plain.format(row.from)} to ${plain.format(row.to)}`;
  }

  function drawn(chart, name) {
    const svg = chart.form === "labels" ? dots(rowsOf(chart)) : steps(chart, rowsOf(chart));
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `${name}: real against synthetic; the table below holds the figures`);
    for (const group of svg.querySelectorAll("[aria-label]")) group.removeAttribute("aria-label");
    return svg;
  }

  const short = (label) => (label.length > 20 ? `${label.slice(0, 19)}…` : label);

  function dots(rows) {
    const names = rows.map((row) => row.label);
    return Plot.plot({
      width: 320, height: 34 + 18 * rows.length, marginLeft: 118, marginRight: 14, marginTop: 4, marginBottom: 28, className: "chart",
      x: { percent: true, label: null, nice: true, ticks: 4, tickFormat: (d) => `${d} %`, domain: [0, 100 * Math.max(...rows.flatMap((r) => [r.real, r.made]), 0.001)] },
      y: { domain: names, label: null, tickFormat: short, tickSize: 0 },
      marks: [
        Plot.gridX({ ticks: 4, stroke: "var(--line)", strokeOpacity: 1 }),
        Plot.ruleY(rows, { y: "label", x1: "real", x2: "made", stroke: "var(--soft)" }),
        Plot.dot(rows, { y: "label", x: "real", r: 5, fill: "var(--real-fill)", stroke: "var(--real)", strokeWidth: 1.5 }),
        Plot.dot(rows, { y: "label", x: "made", r: 4, symbol: "times", stroke: "var(--made)", strokeWidth: 2.4 }),
      ],
    });
  }

  function steps(chart, rows) {
    const type = { numbers: "linear", logarithms: "log", moments: "utc" }[chart.form];
    const last = rows[rows.length - 1];
    const points = [...rows.map((row) => ({ at: row.from, real: row.real, made: row.made })), { at: last.to, real: last.real, made: last.made }];
    if (chart.form === "moments") for (const point of points) point.at = new Date(point.at);
    return Plot.plot({
      width: 320, height: 170, marginLeft: 44, marginRight: 14, marginTop: 8, marginBottom: 26, className: "chart",
      x: { type, label: null, ticks: chart.form === "logarithms" ? 3 : 4, ...(chart.form === "numbers" ? { tickFormat: "~s" } : {}) },
      y: { percent: true, label: null, nice: true, ticks: 4, tickFormat: (d) => `${d} %` },
      marks: [
        Plot.gridY({ ticks: 4, stroke: "var(--line)", strokeOpacity: 1 }),
        Plot.areaY(points, { x: "at", y: "real", curve: "step-after", fill: "var(--real-fill)" }),
        Plot.lineY(points, { x: "at", y: "real", curve: "step-after", stroke: "var(--real)", strokeWidth: 1.5 }),
        Plot.lineY(points, { x: "at", y: "made", curve: "step-after", stroke: "var(--made)", strokeWidth: 2 }),
        Plot.ruleY([0], { stroke: "var(--soft)" }),
      ],
    });
  }

  function figures(chart, name) {
    const rows = chart.real.map((_, number) => number);
    const told = rowsOf(chart);
    const body = element("tbody", {}, ...rows.map((n) => element("tr", {},
      element("th", { scope: "row" }, placeOf(chart, told[n])),
      element("td", { class: "right" }, percent(chart.real[n])),
      element("td", { class: "right" }, percent(chart.made[n])))));
    return figuresTable(`Share of rows, ${name}`, "Value", body);
  }

  function figure(chart, name) {
    const drawing = element("div", { class: "drawing" });
    whenSeen(drawing, () => { drawing.replaceChildren(drawn(chart, name)); drawing.style.minHeight = "0"; });
    const table = later(() => figures(chart, name));
    const nulls = chart.nulls ? [element("figcaption", {}, `Null: ${percent(chart.nulls[0])} real, ${percent(chart.nulls[1])} synthetic`)] : [];
    return element("figure", {}, drawing, ...nulls, table);
  }

  function article(column, table, heading, level = "h4") {
    const similar = column.similar === undefined ? [] : [element("p", { class: "type" }, `Similarity ${column.similar.toFixed(3)}`)];
    const marks = [];
    if (column.personal) marks.push(" ", element("span", { class: "badge" }, "personal"));
    if (column.withheld) marks.push(" ", element("span", { class: "badge" }, `${(100 * column.withheld).toFixed(1)} % withheld`));
    return element("article", { class: "column" }, element(level, {}, heading, ...marks),
      element("p", { class: "type" }, `${column.type}, ${column.made}`), ...similar,
      figure(column.chart, `${table.name}.${column.name}`));
  }

  /** Fills an opened table with its columns, those without a chart in one list. */
  function fill(details) {
    const table = data.tables[details.dataset.number];
    const place = details.querySelector(".columns");
    if (place.children.length) return;
    const charted = table.columns.filter((column) => column.chart);
    const others = table.columns.filter((column) => !column.chart);
    place.append(...charted.map((column) => article(column, table, column.name)));
    if (table.pairs.length) place.append(dependences(table, table.pairs, "Which columns go together", true));
    if (others.length) {
      place.append(element("article", { class: "column bare" }, element("h4", {}, "Columns without a distribution to compare"),
        element("ul", {}, ...others.map((c) => element("li", {}, `${c.name} (${c.type}): ${c.made.replaceAll("_", " ")}${c.personal ? ", personal, invented" : ""}`)))));
    }
  }

  // ---- dependences ---------------------------------------------------------------------------

  /** A heat map of associations, 0 to 1: one matrix with a triangle per side, or two side by side. */
  function heat(links, symmetric) {
    const cells = links.flatMap(([a, b, real, made]) => symmetric
      ? [{ x: b, y: a, value: made }, { x: a, y: b, value: real }]
      : [{ x: b, y: a, value: real, side: "real" }, { x: b, y: a, value: made, side: "synthetic" }]);
    const names = [...new Set(links.flatMap(([a, b]) => symmetric ? [a, b] : [a]))];
    const above = symmetric ? names : [...new Set(links.map((link) => link[1]))];
    const width = 150 + (symmetric ? 1 : 2) * Math.max(60, 22 * above.length) + 30;
    return Plot.plot({
      width, height: 120 + 22 * names.length + (symmetric ? 0 : 20), marginLeft: 130, marginBottom: 96, marginTop: symmetric ? 4 : 24, marginRight: 8, className: "heat",
      x: { domain: above, label: null, tickRotate: -60, tickSize: 0, tickFormat: short }, y: { domain: names, label: null, tickSize: 0, tickFormat: short },
      fx: { label: null },
      color: { type: "linear", domain: [0, 1], range: ["var(--cold)", "var(--hot)"], interpolate: (from, to) => (t) => `color-mix(in srgb, ${to} ${Math.round(100 * t)}%, ${from})` },
      marks: [Plot.cell(cells, { x: "x", y: "y", ...(symmetric ? {} : { fx: "side" }), fill: "value", inset: 0.5, title: (d) => `${d.y}, ${d.x}: ${d.value.toFixed(2)}` })],
    });
  }

  function dependences(table, links, title, symmetric) {
    const shown = [...links].sort((a, b) => b[2] - a[2]).slice(0, 150);
    const drawing = element("div", { class: "drawing scroll", tabindex: "0", role: "region", "aria-label": `${title} in ${table.name}, heat map` });
    whenSeen(drawing, () => {
      const svg = heat(shown, symmetric);
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", `${title}: the table below holds the figures`);
      for (const group of svg.querySelectorAll("[aria-label]")) group.removeAttribute("aria-label");
      drawing.replaceChildren(svg);
    });
    const body = () => element("tbody", {}, ...[...links].sort((a, b) => Math.abs(b[2] - b[3]) - Math.abs(a[2] - a[3])).map(([a, b, real, made]) => element("tr", {},
      element("th", { scope: "row" }, `${a}, ${b}`), element("td", { class: "right" }, real.toFixed(2)), element("td", { class: "right" }, made.toFixed(2)))));
    const label = symmetric ? "Below the diagonal real, above it synthetic." : "Rows are columns of the child, columns those of the parent.";
    return element("article", { class: "column wide" }, element("h4", {}, title),
      element("p", { class: "type" }, `Association from 0 (none) to 1 (one tells the other), Cramér's V. ${label}`),
      element("figure", {}, drawing, legend(), later(() => figuresTable(`${title} in ${table.name}, the least alike first`, "Columns", body()))));
  }

  /** What the colours of a heat map stand for. */
  function legend() {
    return element("figcaption", { class: "legend" }, "0, none", element("span", { class: "ramp", "aria-hidden": "true" }), "1, one tells the other. No square: not compared.");
  }

  /** A table behind a summary, made when it is opened. */
  function later(make) {
    const table = element("details", {}, element("summary", {}, "As a table"));
    table.addEventListener("toggle", () => { if (table.open && table.children.length === 1) table.append(make()); });
    return table;
  }

  function figuresTable(caption, what, body) {
    const head = element("thead", {}, element("tr", {}, element("th", { scope: "col" }, what), element("th", { scope: "col", class: "right" }, "Real"), element("th", { scope: "col", class: "right" }, "Synthetic")));
    return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, element("table", {}, element("caption", {}, caption), head, body));
  }

  /** The keys along which children were looked at, each opened on demand. */
  function families() {
    const place = document.getElementById("families");
    if (!place) return;
    for (const table of data.tables) for (const family of table.families) place.append(familyDetails(table, family));
    if (!place.children.length) place.hidden = true;
  }

  function familyDetails(table, family) {
    const details = element("details", { class: "table" }, element("summary", {}, element("h3", {}, `${table.name}: ${family.key}`)));
    const columns = element("div", { class: "columns" });
    details.append(columns);
    details.addEventListener("toggle", () => {
      if (!details.open || columns.children.length) return;
      for (const [title, chart] of Object.entries(family.charts)) {
        columns.append(element("article", { class: "column" }, element("h4", {}, title[0].toUpperCase() + title.slice(1)), figure(chart, `${table.name} (${family.key}), ${title}`)));
      }
      if (family.inherited.length) columns.append(dependences(table, family.inherited, `What rows have from the parent (${family.key})`, false));
    });
    return details;
  }

  function openTarget() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) { target.hidden = false; target.open = true; target.scrollIntoView(); }
  }

  // ---- time ----------------------------------------------------------------------------------

  function series() {
    const every = data.tables.flatMap((table) => table.columns.filter((c) => c.chart?.form === "moments").map((column) => ({ table, column })));
    every.sort((a, b) => b.table.rows - a.table.rows);
    const place = document.getElementById("series");
    const more = document.getElementById("more-series");
    const add = (some) => place.append(...some.map(({ table, column }) => article(column, table, `${table.name}.${column.name}`, "h3")));
    if (!every.length) place.append(element("p", {}, "No column holds dates with enough values to draw."));
    add(every.slice(0, 6));
    if (every.length > 6) {
      more.hidden = false;
      more.textContent = `Show the other ${every.length - 6}`;
      more.addEventListener("click", () => { add(every.slice(6)); more.hidden = true; });
    }
  }

  // ---- the graph of tables ---------------------------------------------------------------------

  const MOST_TABLES = 40;

  function graphChoice() {
    const form = document.getElementById("graph-choice");
    const choice = form.elements.around;
    const degree = data.tables.map(() => 0);
    for (const [child, parent] of data.keys) { degree[child] += 1; degree[parent] += 1; }
    const whole = data.tables.length <= MOST_TABLES;
    const order = data.tables.map((_, n) => n).sort((a, b) => data.tables[a].name.localeCompare(data.tables[b].name));
    if (whole) choice.append(element("option", { value: "" }, "all tables"));
    choice.append(...order.map((n) => element("option", { value: n }, `around ${data.tables[n].name}`)));
    if (!whole) choice.value = String(degree.indexOf(Math.max(...degree)));
    form.hidden = data.tables.length < 2;
    form.addEventListener("submit", (event) => event.preventDefault());
    choice.addEventListener("change", () => graph(choice.value));
    whenSeen(document.getElementById("graph"), () => graph(choice.value));
  }

  /** The tables to show: all, or one with its neighbours, those with most rows first. */
  function neighbours(around) {
    if (around === "") return new Set(data.tables.keys());
    const near = new Set(data.keys.flatMap(([a, b]) => (a === +around ? [b] : b === +around ? [a] : [])));
    near.delete(+around);
    const most = [...near].sort((a, b) => data.tables[b].rows - data.tables[a].rows).slice(0, MOST_TABLES);
    return new Set([+around, ...most]);
  }

  function graph(around) {
    const shown = neighbours(around);
    const laid = new dagre.graphlib.Graph({ multigraph: true });
    laid.setGraph({ rankdir: "BT", nodesep: 22, ranksep: 46, marginx: 8, marginy: 8 });
    for (const n of shown) laid.setNode(String(n), { width: Math.min(260, Math.max(24 + 7.6 * label(n).length, 18 + 6.6 * rowsLabel(n).length)), height: 44 });
    const keys = data.keys.filter(([a, b]) => a !== b && shown.has(a) && shown.has(b));
    keys.forEach(([child, parent, role], n) => laid.setEdge(String(child), String(parent), { role }, String(n)));
    dagre.layout(laid);
    const place = document.getElementById("graph");
    place.replaceChildren(picture(laid, around));
    reveal(place, laid.node(around === "" ? String(mostKeys([...shown])) : around));
  }

  /** The table among some that most keys lead from or to. */
  function mostKeys(some) {
    const count = (n) => data.keys.filter(([child, parent]) => child !== parent && (child === n || parent === n)).length;
    return some.reduce((best, n) => (count(n) > count(best) ? n : best));
  }

  /** Scrolls a graph that is larger than its place to a table, and says that there is more of it. */
  function reveal(place, node) {
    place.scrollTo(node.x - place.clientWidth / 2, node.y - place.clientHeight / 2);
    document.getElementById("graph-hint").hidden = place.scrollWidth <= place.clientWidth && place.scrollHeight <= place.clientHeight;
  }

  const label = (number) => { const name = data.tables[number].name.replace(/^public\./, ""); return name.length > 28 ? `${name.slice(0, 27)}…` : name; };

  const rowsLabel = (number) => `${data.tables[number].rows.toLocaleString("en")} rows`;

  function picture(laid, around) {
    const { width, height } = laid.graph();
    const svg = d3.create("svg").attr("width", width).attr("height", height).attr("viewBox", [0, 0, width, height]).attr("role", "group").attr("aria-label", "Tables as links to their columns");
    svg.append("defs").append("marker").attr("id", "arrow").attr("viewBox", "0 0 8 8").attr("refX", 7).attr("refY", 4).attr("markerWidth", 9).attr("markerHeight", 9).attr("markerUnits", "userSpaceOnUse").attr("orient", "auto").append("path").attr("d", "M0 0 8 4 0 8z");
    const line = d3.line((p) => p.x, (p) => p.y).curve(d3.curveBasis);
    svg.append("g").attr("aria-hidden", "true").selectAll("path").data(laid.edges().map((edge) => laid.edge(edge))).join("path")
      .attr("class", (edge) => edge.role).attr("d", (edge) => line(edge.points)).attr("marker-end", "url(#arrow)");
    for (const id of laid.nodes()) box(svg, laid.node(id), +id, id === around);
    return svg.node();
  }

  function box(svg, node, number, chosen) {
    const table = data.tables[number];
    const link = svg.append("a").attr("href", `#t${number}`).attr("class", `${table.unit ? "unit" : ""}${chosen ? " chosen" : ""}`).attr("transform", `translate(${node.x - node.width / 2},${node.y - node.height / 2})`);
    link.append("title").text(`${table.name}${table.unit ? ", whose rows are privacy units" : ""}`);
    link.append("rect").attr("width", node.width).attr("height", node.height).attr("rx", 5);
    link.append("text").attr("x", node.width / 2).attr("y", 18).attr("text-anchor", "middle").text(label(number));
    link.append("text").attr("class", "rows").attr("x", node.width / 2).attr("y", 35).attr("text-anchor", "middle").text(rowsLabel(number));
  }

  rememberTheme();
  for (const form of document.querySelectorAll("form[data-filters]")) filtering(form);
  for (const details of document.querySelectorAll("#tables-list > details")) details.addEventListener("toggle", () => { if (details.open) fill(details); });
  addEventListener("hashchange", openTarget);
  document.addEventListener("click", (event) => { if (event.target.closest?.("a[href^='#t']")) setTimeout(openTarget); });
  families();
  series();
  graphChoice();
  openTarget();
})();
