"use strict";
// Sorting, filtering, choosing columns and marking rows. All of it is in the address after #, so that a link shows the
// same view and the back button undoes it: #TABLE?sort=3d&filter=mobile&hide=4.5&row=2 (columns and rows from 0).
(() => {
  const tables = [...document.querySelectorAll("table.sortable")];
  const views = new Map();

  function state() {
    const [name, query] = location.hash.slice(1).split("?");
    const words = new URLSearchParams(query || "");
    let id = name;
    try {
      id = decodeURIComponent(name);
    } catch {
      // Somebody cut the address in the middle of a letter: it names no table.
    }
    return { id, sort: words.get("sort") || "", filter: words.get("filter") || "", hide: words.get("hide") || "", row: words.get("row") || "" };
  }

  function go(id, change) {
    const now = state();
    const next = { sort: "", filter: "", hide: "", row: "", ...(now.id === id ? now : {}), ...change };
    const words = ["sort", "filter", "hide", "row"].filter((name) => next[name] !== "").map((name) => name + "=" + encodeURIComponent(next[name]));
    location.hash = words.length ? id + "?" + words.join("&") : id + "-caption";
  }

  // The number that a field begins with, without the notes below it; nothing for a dash. Minus signs are typographic,
  // thousands have commas.
  function number(cell) {
    const found = /^\s*[+\u2212-]?[\d,]*\.?\d+/.exec((cell.firstChild || cell).textContent);
    return found ? Number(found[0].replace(/,/g, "").replace("\u2212", "-")) : null;
  }

  const words = new Intl.Collator("en", { numeric: true });

  // The rows in the order of a column; what has no number stands last either way, equals as they were.
  function sorted(rows, at, numeric, sign) {
    const keys = new Map(rows.map((row) => [row, numeric ? number(row.cells[at]) : row.cells[at].textContent.trim()]));
    return [...rows].sort((one, other) => {
      const [a, b] = [keys.get(one), keys.get(other)];
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (numeric ? a - b : words.compare(a, b));
    });
  }

  // A browser lays out the rows of a long table as they come into view, and shows the others to screen readers without
  // their cells. So those are laid out too, a few at a time, whenever a second has passed and nothing else is to be done.
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 50));

  function fill(view) {
    view.rows.forEach((row) => row.classList.remove("whole"));
    const waiting = [...view.table.tBodies[0].rows];
    const ticket = (view.ticket = {});
    const some = () => {
      if (view.ticket !== ticket) return;
      waiting.splice(0, 10).forEach((row) => row.classList.add("whole"));
      if (waiting.length) idle(some);
    };
    setTimeout(() => idle(some), 1000);
  }

  function prepare(table) {
    const heads = [...table.tHead.querySelectorAll("th")].filter((head) => head.querySelector("button"));
    // Headers of two rows: those that span both stand in their own column, the others fill the gaps from the left.
    const columns = [];
    const first = [...table.tHead.rows[0].cells];
    const second = table.tHead.rows[1] ? [...table.tHead.rows[1].cells] : [];
    for (const head of first) {
      if (head.scope === "colgroup") columns.push(...second.splice(0, head.colSpan));
      else columns.push(head);
    }
    const widths = table.style.getPropertyValue("--columns").split(" ");
    const view = { table, columns, widths, long: widths.length > 1, rows: [...table.tBodies[0].rows] };
    views.set(table.id, view);
    heads.forEach((head) => {
      const at = columns.indexOf(head);
      head.querySelector("button").addEventListener("click", () => {
        const now = state();
        const was = now.id === table.id ? now.sort : "";
        const better = head.dataset.better === "up" ? "d" : "a";
        const other = better === "d" ? "a" : "d";
        go(table.id, { sort: was === at + better ? at + other : was === at + other ? "" : at + better });
      });
    });
    table.tBodies[0].addEventListener("click", (event) => {
      if (event.target.closest("a, button") || String(getSelection())) return;
      const at = String(view.rows.indexOf(event.target.closest("tr")));
      go(table.id, { row: state().row === at ? "" : at });
    });
    tools(view);
    if (view.long) fill(view);
  }

  function tools(view) {
    const place = document.querySelector('[data-tools="' + view.table.id + '"]');
    if (!place) return;
    const label = document.createElement("label");
    view.search = document.createElement("input");
    view.search.type = "search";
    view.search.dataset.filterFor = view.table.id;
    label.append("Show rows with ", view.search);
    view.status = document.createElement("span");
    view.status.setAttribute("role", "status");
    let waiting = 0;
    view.search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        waiting = 0;
        go(view.table.id, { filter: view.search.value.trim() });
      }, 150);
    });
    view.typing = () => waiting !== 0;
    place.append(label, " ", view.status, chooser(view));
  }

  function chooser(view) {
    const box = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = "Columns";
    const list = document.createElement("div");
    view.boxes = view.columns.map((head, at) => {
      const label = document.createElement("label");
      const tick = document.createElement("input");
      tick.type = "checkbox";
      tick.addEventListener("change", () => {
        const hidden = view.boxes.flatMap((one, index) => (one.checked ? [] : [index]));
        go(view.table.id, { hide: hidden.join(".") });
      });
      label.append(tick, " ", head.querySelector("button").textContent);
      list.append(label);
      return tick;
    });
    box.append(summary, list);
    return box;
  }

  function apply(view, wanted) {
    const { table, columns, rows } = view;
    const sort = /^(\d+)([ad])$/.exec(wanted.sort);
    const at = sort ? Number(sort[1]) : -1;
    columns.forEach((head, index) => {
      if (index === at) head.setAttribute("aria-sort", sort[2] === "a" ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    if ((view.order || "") !== wanted.sort) {
      view.order = wanted.sort;
      const numeric = columns[at] && columns[at].classList.contains("n");
      table.tBodies[0].append(...(columns[at] ? sorted(rows, at, numeric, sort[2] === "a" ? 1 : -1) : rows));
      if (view.long) fill(view);
    }
    const asked = wanted.filter.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, index) => {
      const text = asked.length ? row.textContent.toLowerCase() : "";
      row.hidden = !asked.every((word) => text.includes(word));
      row.classList.toggle("marked", wanted.row === String(index));
      shown += row.hidden ? 0 : 1;
    });
    hide(view, new Set(wanted.hide.split(".").filter(Boolean).map(Number)));
    if (view.status) view.status.textContent = asked.length ? shown + " of " + rows.length + " rows" : rows.length + " rows";
    if (view.search && !view.typing() && view.search.value.trim() !== wanted.filter) view.search.value = wanted.filter;
  }

  function hide(view, hidden) {
    const key = [...hidden].join(".");
    if (view.boxes) view.boxes.forEach((box, at) => (box.checked = !hidden.has(at)));
    if (view.hidden === key || (view.hidden === undefined && !hidden.size)) return;
    view.hidden = key;
    view.columns.forEach((head, at) => (head.hidden = hidden.has(at)));
    view.rows.forEach((row) => [...row.cells].forEach((cell, at) => (cell.hidden = hidden.has(at))));
    if (view.long) view.table.style.setProperty("--columns", view.widths.filter((_, at) => !hidden.has(at)).join(" "));
    let at = 0;
    for (const head of view.table.tHead.rows[0].cells) {
      const span = head.scope === "colgroup" ? Number(head.dataset.span || (head.dataset.span = head.colSpan)) : 1;
      const left = Array.from({ length: span }, (_, index) => at + index).filter((index) => !hidden.has(index)).length;
      if (head.scope === "colgroup") {
        head.hidden = !left;
        head.colSpan = Math.max(1, left);
        head.style.gridColumn = "span " + head.colSpan;
      }
      at += span;
    }
  }

  function show() {
    const wanted = state();
    const none = { sort: "", filter: "", hide: "", row: "" };
    views.forEach((view, id) => apply(view, id === wanted.id ? wanted : none));
  }

  tables.forEach(prepare);
  addEventListener("hashchange", show);
  show();
})();
