// SPDX-License-Identifier: GPL-2.0
// Sorting of tables, and the flame graphs.
"use strict";

/// What a cell of a table is sorted by: its number, or its text.
function sortKey(row, column) {
  const text = row.cells[column]?.textContent.trim() ?? "";
  const number = parseFloat(text.replaceAll(",", "").replace("±", "").replace("−", "-"));
  return Number.isNaN(number) ? text : number;
}

/// Sorts the rows by a column, the other way round if they are sorted by it already. Rows without it come last.
function sortBy(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const down = heads[column].getAttribute("aria-sort") === "ascending";
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [row.cells.length < heads.length, sortKey(row, column), row]);
  rows.sort(([shortA, a], [shortB, b]) => {
    if (shortA !== shortB) return shortA - shortB;
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
    return down ? -order : order;
  });
  rows.forEach(([, , row]) => {
    row.classList.remove("first");
    body.append(row);
  });
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (!head.classList.contains("plot")) head.addEventListener("click", () => sortBy(table, column));
  });
  const frame = table.parentElement;
  const fit = () => frame.classList.toggle("forest-fits", table.offsetWidth <= frame.offsetWidth);
  fit();
  addEventListener("resize", fit);
}

const stacks = document.getElementById("stacks");
if (stacks) showProfiles(JSON.parse(stacks.textContent), JSON.parse(document.getElementById("names").textContent));

/// Draws the flame graphs of the cell that is chosen, and shows its table.
function showProfiles(data, sides) {
  const place = document.getElementById("flames");
  const choice = document.getElementById("cell");
  const find = document.getElementById("find");
  const detail = document.getElementById("detail");
  const format = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 });
  const named = ([index, insn, children]) => ({ name: data.names[index], value: insn, children: children.map(named) });
  let charts = [];
  let marked = {};

  function own(name) {
    return sides.modules.some((module) => name.includes(`[${module}]`));
  }

  function shade(name) {
    let hash = 0;
    for (const letter of name) hash = (hash * 31 + letter.charCodeAt(0)) % 997;
    return hash / 997;
  }

  function colour(node) {
    if (node.highlight) return "#ff7b72";
    const light = shade(node.data.name);
    if (own(node.data.name)) return `hsl(${262 + 14 * light} 75% ${80 - 10 * light}%)`;
    if (node.data.name.startsWith("[")) return "hsl(40 35% 84%)"; // No function: user space, or not known.
    return `hsl(210 14% ${86 - 12 * light}%)`;
  }

  function draw() {
    const trees = data.cells[choice.value][1];
    const most = Math.max(...Object.values(trees).map(([ios, tree]) => tree[1] / ios));
    place.replaceChildren();
    marked = {};
    charts = Object.entries(trees).map(([side, [ios, tree]]) => {
      const each = tree[1] / ios;
      const title = document.createElement("h4");
      title.textContent = `${side.toUpperCase()}: ${sides[side]}, ${format(each)} ${sides.unit} per I/O`;
      const box = document.createElement("div");
      place.append(title, box);
      const chart = flamegraph.default()
        .width(Math.max(200, Math.floor((place.clientWidth * each) / most)))
        .cellHeight(18)
        .minFrameSize(1)
        .transitionDuration(0)
        .inverted(true)
        .sort(true)
        .setColorMapper(colour)
        .setDetailsElement(detail)
        .setLabelHandler((node) => `${node.data.name}: ${format(node.value / ios)} ${sides.unit} per I/O, ${format((100 * node.value) / tree[1])} %`)
        .setSearchMatch((node, term) => term !== "" && node.data.name.toLowerCase().includes(term.toLowerCase()))
        .setSearchHandler((_, sum) => { marked[side] = `${side.toUpperCase()} ${format(sum / ios)}`; });
      d3.select(box).datum(named(tree)).call(chart);
      return chart;
    });
    for (const table of document.querySelectorAll("table.symbols")) table.hidden = table.dataset.cell !== choice.value;
    mark();
  }

  function mark() {
    charts.forEach((chart) => (find.value ? chart.search(find.value) : chart.clear()));
    detail.textContent = find.value ? `marked, ${sides.unit} per I/O: ${Object.values(marked).join(", ")}` : "\u00a0";
  }

  choice.addEventListener("change", draw);
  find.addEventListener("input", mark);
  let width = 0;
  addEventListener("resize", () => {
    if (place.clientWidth !== width) {
      width = place.clientWidth;
      draw();
    }
  });
  width = place.clientWidth;
  draw();
}
