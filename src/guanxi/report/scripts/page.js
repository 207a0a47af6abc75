"use strict";
// The page works without this script: it adds theme, folding, charts to hover, and the table of customers.
// Text from the data enters the page as text nodes only.
(() => {
  const ROWS = 25;
  const $ = (id) => document.getElementById(id);

  // Make an element: attributes whose value is null are left out, children are elements or texts.
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "onclick" || name === "oninput" || name === "onchange") element.addEventListener(name.slice(2), value);
      else if (value !== null) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  };

  const unpack = async (id) => {
    const bytes = Uint8Array.from(atob($(id).textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };

  const start = (data) => {
    const t = data.texts;
    const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
    const format = (value, decimals = 0) =>
      value === null
        ? "–"
        : new Intl.NumberFormat("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
            .format(Math.abs(value) < 0.5 * 10 ** -decimals ? 0 : value).replace("-", "−");
    const percent = (share) => {
      if (share === null) return "–";
      if (share > 0 && share <= 0.005) return "< 1\u00a0%";
      if (share < 1 && share >= 0.995) return "> 99\u00a0%";
      return `${format(100 * share)}\u00a0%`;
    };
    const silent = (days) => (days === 1 ? t.silence_day : fill(t.silence_days, { days: format(days) }));
    const money = (value) => (value === null ? "–" : format(value) + (data.currency ? ` ${data.currency}` : ""));

    // ---- theme ----
    const root = document.documentElement;
    const isDark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    const theme = $("theme");
    const named = () => { theme.textContent = isDark() ? t.light : t.dark; };
    theme.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      named();
      redraw();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { named(); redraw(); });
    named();
    theme.hidden = false;

    // ---- folding ----
    const folds = [];
    const fold = (section, folded) => {
      section.classList.toggle("folded", folded);
      section.querySelector(":scope > h2 > button").setAttribute("aria-expanded", String(!folded));
    };
    for (const section of document.querySelectorAll("main > section")) {
      const heading = section.querySelector(":scope > h2");
      const button = make("button", { type: "button", class: "fold", "aria-expanded": "true" });
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => fold(section, !section.classList.contains("folded")));
      folds.push(section);
    }
    // A telephone shows the answer and who is slipping away first, and the headings of the rest.
    if (innerWidth < 600 && !location.hash) for (const section of folds.slice(2)) fold(section, true);
    const every = $("fold-all");
    every.textContent = folds.some((section) => section.matches(".folded")) ? t.unfold_all : t.fold_all;
    every.hidden = false;
    every.addEventListener("click", () => {
      const folded = !folds.some((section) => section.matches(".folded"));
      for (const section of folds) fold(section, folded);
      every.textContent = folded ? t.unfold_all : t.fold_all;
    });
    for (const link of document.querySelectorAll("nav a[href^='#']")) {
      link.addEventListener("click", () => {
        const section = $(link.getAttribute("href").slice(1));
        if (section?.matches(".folded")) fold(section, false);
      });
    }

    // ---- download ----
    const cell = (value) => {
      let text = value === null || value === undefined ? "" : String(value);
      if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`; // no formula in a spreadsheet
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const download = (name, columns) => {
      const names = Object.keys(columns);
      const rows = columns[names[0]].map((_, row) => names.map((each) => cell(columns[each][row])).join(","));
      const blob = new Blob(["\ufeff", [names.map(cell).join(","), ...rows].join("\r\n"), "\r\n"], { type: "text/csv" });
      const link = make("a", { href: URL.createObjectURL(blob), download: `${name}.csv` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    };

    // ---- charts ----
    let library = null;
    const vega = () => (library ??= unpack("page-library").then((code) => {
      // Its hash is in the page's policy.
      document.body.append(make("script", {}, code));
      return vegaCharts;
    }));
    const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
    const palette = () => ({
      $ink: colour("ink"), $muted: colour("muted"), $teal: colour("teal"), $rust: colour("rust"),
      $low: isDark() ? "#6ea8e6" : "#2a6fbb", $middle: isDark() ? "#8d8899" : "#c9c5d3", $high: isDark() ? "#f08a4b" : "#c2410c",
    });
    const coloured = (spec, colours) => JSON.parse(JSON.stringify(spec), (_, value) => colours[value] ?? value);
    const config = () => ({
      background: "transparent", font: getComputedStyle(document.body).fontFamily,
      view: { stroke: null },
      axis: {
        labelColor: colour("ink"), titleColor: colour("ink"), gridColor: colour("line"), domainColor: colour("muted"),
        tickColor: colour("muted"), labelFontSize: 12, titleFontSize: 12.5, titleFontWeight: "normal", titlePadding: 8, labelSeparation: 8,
      },
      legend: { labelColor: colour("ink"), titleColor: colour("ink"), labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
      text: { color: colour("ink"), fontSize: 12 },
    });
    const tip = make("div", { class: "tip", hidden: "", "aria-hidden": "true" });
    document.body.append(tip);
    const showTip = (_, event, __, value) => {
      tip.hidden = value === null || value === undefined || value === "";
      if (tip.hidden) return;
      const shown = typeof value === "object" ? Object.entries(value) : [["", value]];
      tip.replaceChildren(...shown.map(([name, each]) => make("div", {}, make("span", {}, name), make("strong", {}, String(each)))));
      (event.target.closest?.("dialog") ?? document.body).append(tip); // above an open dialog
      const x = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
      const y = event.clientY + 16 + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 12 : event.clientY + 16;
      tip.style.left = `${Math.max(8, x)}px`;
      tip.style.top = `${Math.max(8, y)}px`;
    };
    const drawn = new Map(); // element: how to draw it, and its view
    const draw = async (element, spec) => {
      drawn.set(element, { ...drawn.get(element), spec });
      const { View, Warn, parse, compile, expressionInterpreter } = await vega();
      const { spec: compiled } = compile(
        { ...coloured(spec, palette()), autosize: { type: "fit", contains: "padding" } }, { config: config(), logger: quiet },
      );
      drawn.get(element).view?.finalize();
      element.replaceChildren();
      const view = new View(parse(compiled, null, { ast: true }), {
        renderer: "canvas", container: element, hover: true, expr: expressionInterpreter, logLevel: Warn, logger: quiet, tooltip: showTip,
      });
      drawn.set(element, { spec, view });
      await view.runAsync();
    };
    const quiet = { level() { return this; }, error() { return this; }, warn() { return this; }, info() { return this; }, debug() { return this; } };
    const redraw = () => {
      for (const [element, { spec }] of drawn) {
        if (element.isConnected) draw(element, spec);
        else { drawn.get(element).view?.finalize(); drawn.delete(element); }
      }
    };
    const rowsOf = (columns) => {
      const names = Object.keys(columns);
      return columns[names[0]].map((_, row) => Object.fromEntries(names.map((name) => [name, columns[name][row]])));
    };
    const watch = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        watch.unobserve(target);
        const chart = data.charts[target.dataset.chart];
        const image = target.querySelector("img");
        const place = make("div", { class: "chart", role: "img", "aria-label": image?.alt ?? target.querySelector("h3").textContent });
        (image ?? target.querySelector("p")).before(place);
        if (image) image.hidden = true;
        draw(place, { ...chart.spec, data: { values: rowsOf(chart.columns) } }).catch((error) => {
          place.remove(); // the still picture remains
          if (image) image.hidden = false;
          console.error(error);
        });
      }
    }, { rootMargin: "300px" });
    for (const figure of document.querySelectorAll("figure[data-chart]")) {
      const name = figure.dataset.chart;
      if (!data.charts[name]) continue;
      watch.observe(figure);
      const label = `${t.download}: ${figure.querySelector("h3").textContent}`;
      figure.append(make("p", { class: "tools" }, make("button", {
        type: "button", "aria-label": label, onclick: () => download(name, data.charts[name].columns),
      }, t.download)));
    }
    let size = innerWidth;
    addEventListener("resize", () => { if (innerWidth !== size) { size = innerWidth; redraw(); } });

    // ---- customers ----
    const c = data.customers;
    const total = c.id.length;
    const label = (group, row) => (c[group] && c[group].codes[row] >= 0 ? c[group].labels[c[group].codes[row]] : "");
    const columns = [
      { key: "id", name: t.customer, text: true },
      { key: "past", name: t.past_value, note: t.past_value_note },
      { key: "value", name: t.expected_value, note: t.interval },
      { key: "total", name: t.total_value_column },
      { key: "risk", name: t.at_risk_column },
      { key: "silence", name: t.silence, note: t.rhythm },
      { key: "churn", name: t.churn_probability },
      ...(c.segment ? [{ key: "segment", name: t.segment, text: true }] : []),
      ...(c.action ? [{ key: "action", name: t.action, text: true }] : []),
    ];
    const state = { sort: "total", falling: true, search: "", filter: "", page: 0 };
    const largest = c.total.reduce((most, each) => Math.max(most, each ?? 0), 0);
    const decimals = largest >= 1000 ? 0 : 2;
    const rhythm = (row) => c.gap[row] === null ? t.orders_once
      : fill(t.orders_every, { purchases: format(c.purchases[row]), gap: format(c.gap[row]) });
    const value = (key, row) => (c[key].codes ? label(key, row) : c[key][row]);
    const collator = new Intl.Collator(data.language, { numeric: true });
    const matches = (row) => {
      if (state.search && !c.id[row].toLowerCase().includes(state.search)) return false;
      if (!state.filter) return true;
      const [group, code] = state.filter.split(":");
      return group === "list" ? c.list[row] === Number(code) : c[group].codes[row] === Number(code);
    };
    const chosen = () => {
      const rows = [];
      for (let row = 0; row < total; row += 1) if (matches(row)) rows.push(row);
      const text = columns.find(({ key }) => key === state.sort).text;
      const way = state.falling ? -1 : 1;
      const known = (each) => each !== null && each !== "";
      return rows.sort((a, b) => {
        const x = value(state.sort, a), y = value(state.sort, b);
        if (!known(x) || !known(y)) return known(y) - known(x); // unknown ones last
        return way * (text ? collator.compare(x, y) : x - y) || a - b;
      });
    };
    const bar = (share) => {
      const element = make("span", { class: "meter", "aria-hidden": "true" }, make("span"));
      element.firstChild.style.width = `${Math.round(100 * (share ?? 0))}%`;
      return element;
    };
    const tableRow = (row) => {
      const open = make("button", { type: "button", class: "open", onclick: () => tell(row) }, make("bdi", {}, c.id[row]));
      open.setAttribute("aria-haspopup", "dialog");
      const cells = {
        past: [format(c.past[row], decimals)],
        value: [make("strong", {}, format(c.value[row], decimals)),
          make("span", { class: "small" }, `${format(c.lower[row], decimals)} – ${format(c.upper[row], decimals)}`)],
        total: [format(c.total[row], decimals)],
        risk: [format(c.risk[row], decimals)],
        silence: [silent(c.silence[row]), make("span", { class: "small" }, rhythm(row))],
        churn: [percent(c.churn[row]), bar(c.churn[row])],
        segment: [make("bdi", {}, label("segment", row) || "–")],
        action: [make("bdi", {}, label("action", row) || "–")],
      };
      return make("tr", {}, make("th", { scope: "row", class: "id" }, open), ...columns.slice(1).map(({ key, name, text }) =>
        make("td", { class: text ? key : key === "silence" ? "n rhythm" : "n", "data-label": name }, ...cells[key])));
    };
    const headers = columns.map(({ key, name, note, text }) => {
      const button = make("button", { type: "button", onclick: () => sortBy(key, state.sort === key ? !state.falling : !text) },
        name, ...(note ? [make("span", { class: "small" }, note)] : []));
      return { key, element: make("th", { scope: "col", class: text ? null : "n" }, button) };
    });
    const sortBy = (key, falling) => {
      Object.assign(state, { sort: key, falling, page: 0 });
      show();
    };
    const show = () => {
      const rows = chosen();
      const pages = Math.max(1, Math.ceil(rows.length / ROWS));
      state.page = Math.min(state.page, pages - 1);
      for (const { key, element } of headers) {
        if (key === state.sort) element.setAttribute("aria-sort", state.falling ? "descending" : "ascending");
        else element.removeAttribute("aria-sort");
      }
      $("sort").value = `${state.sort}:${state.falling ? "falling" : "rising"}`;
      $("rows").replaceChildren(...rows.slice(state.page * ROWS, (state.page + 1) * ROWS).map(tableRow));
      $("found").textContent = fill(t.found_customers, { count: format(rows.length), all: format(total) });
      $("pages").textContent = fill(t.page_of, { page: format(state.page + 1), pages: format(pages) });
      $("previous").disabled = state.page === 0;
      $("next").disabled = state.page === pages - 1;
    };
    const option = (text, key) => make("option", { value: key }, text);
    const groups = [
      [t.lists, [[t.slipping, "list:1"], [t.protect, "list:2"]]],
      ...["stage", "segment"].filter((name) => c[name]?.labels.length).map((name) =>
        [t[name], c[name].labels.map((each, code) => [each, `${name}:${code}`]).sort((a, b) => collator.compare(a[0], b[0]))]),
    ];
    $("filter").append(option(t.everyone, ""), ...groups.map(([name, options]) =>
      make("optgroup", { label: name }, ...options.map(([text, key]) => option(text, key)))));
    $("sort").append(...columns.flatMap(({ key, name }) => [option(`${name} ↓`, `${key}:falling`), option(`${name} ↑`, `${key}:rising`)]));
    $("heads").append(...headers.map(({ element }) => element));
    $("search").addEventListener("input", (event) => {
      Object.assign(state, { search: event.target.value.trim().toLowerCase(), page: 0 });
      show();
    });
    $("filter").addEventListener("change", (event) => {
      Object.assign(state, { filter: event.target.value, page: 0 });
      show();
    });
    $("sort").addEventListener("change", (event) => {
      const [key, way] = event.target.value.split(":");
      sortBy(key, way === "falling");
    });
    const turn = (by) => { state.page += by; show(); };
    $("previous").addEventListener("click", () => turn(-1));
    $("next").addEventListener("click", () => turn(1));
    $("table-csv").addEventListener("click", () => {
      const rows = chosen();
      const names = ["id", "spent", "past", "value", "lower", "upper", "total", "risk", "churn", "alive", "purchases", "gap", "silence", "expected", "next"];
      const all = Object.fromEntries(names.map((name) => [name, rows.map((row) => c[name][row])]));
      for (const name of ["stage", "segment", "action", "channel"]) if (c[name]) all[name] = rows.map((row) => label(name, row));
      download("customers", all);
    });
    $("customer-table").hidden = false;
    show();
    for (const item of document.querySelectorAll("#slipping .id, #protect .id")) {
      const row = c.id.indexOf(item.textContent.trim());
      if (row < 0) continue;
      const button = make("button", { type: "button", class: "open", "aria-haspopup": "dialog", onclick: () => tell(row) });
      button.append(...item.childNodes);
      item.append(button);
    }

    // ---- a customer's story ----
    const dialog = $("story");
    const dated = (first, day) => {
      const date = new Date(`${first}T00:00:00Z`);
      date.setUTCDate(date.getUTCDate() + day);
      return date.toISOString().slice(0, 10);
    };
    const fact = (name, ...shown) => make("div", { class: "tile" }, make("dt", {}, name), make("dd", { class: "figure" }, shown[0]),
      ...shown.slice(1).filter(Boolean).map((text) => make("dd", { class: "note" }, text)));
    const tell = (row) => {
      const range = c.lower[row] === null ? "" : fill(t.ends, { lower: format(c.lower[row], decimals), upper: format(c.upper[row], decimals) });
      const action = label("action", row), channel = label("channel", row);
      const close = make("button", { type: "button", class: "close", onclick: () => dialog.close() }, t.close);
      const parts = [
        make("header", {}, make("h2", { id: "story-title" }, fill(t.story_of, { id: c.id[row] })), close),
        make("dl", { class: "tiles" },
          fact(t.past_value, money(c.past[row]), rhythm(row)),
          fact(t.expected_value, money(c.value[row]), range),
          fact(t.total_value_column, money(c.total[row])),
          fact(t.churn_probability, percent(c.churn[row]), `${t.alive_now}: ${percent(c.alive[row])}`),
          fact(t.silence, silent(c.silence[row]), c.next[row] ? `${t.next_purchase} (${t.next_purchase_note}): ${c.next[row]}` : ""),
          fact(t.segment, label("segment", row) || "–", label("stage", row))),
        make("h3", {}, t.action),
        make("p", {}, make("bdi", {}, action ? action + (channel ? ` (${channel})` : "") : t.no_action)),
      ];
      dialog.replaceChildren(...parts);
      dialog.showModal(); // its width is that of the charts
      const story = data.stories;
      if (story) dialog.append(...timeline(row, story), ...why(row, story));
      else dialog.append(make("p", {}, t.no_story));
      dialog.scrollTop = 0;
      close.focus();
    };
    const inside = () => Math.floor($("story-title").parentElement.getBoundingClientRect().width);
    const block = (title, text, element) => [make("h3", {}, title), make("p", {}, text), element];
    const timeline = (row, story) => {
      const first = story.first[row];
      const bought = story.days[row].map((day, place) => ({ date: dated(first, day), amount: story.amounts[row][place] }));
      const span = (Date.parse(data.asOf) - Date.parse(first)) / 86400000;
      const steps = story.alive[row].length - 1;
      const alive = story.alive[row].map((share, step) => ({ date: dated(first, Math.round((span * step) / steps)), alive: share }));
      const date = { field: "date", type: "temporal", title: null, scale: { domain: [first, data.asOf] }, axis: { format: "%Y-%m" } };
      const shown = { field: "date", type: "temporal", format: "%Y-%m-%d", title: t.purchase_day };
      const known = bought.some(({ amount }) => amount !== null);
      const element = make("div", { class: "chart", role: "img", "aria-label": `${t.timeline}: ${t.timeline_text}` });
      draw(element, {
        spacing: 12, data: { values: [] },
        vconcat: [
          {
            width: "container", height: 110, data: { values: alive },
            mark: { type: "area", color: "$teal", opacity: 0.35, line: { color: "$teal", strokeWidth: 2 } },
            encoding: {
              x: { ...date, axis: { ...date.axis, labels: false } },
              y: { field: "alive", type: "quantitative", title: t.y_alive, scale: { domain: [0, 100] }, axis: { tickCount: 3 } },
              tooltip: [shown, { field: "alive", type: "quantitative", title: t.y_alive }],
            },
          },
          {
            width: "container", height: 110, data: { values: bought },
            mark: { type: "rule", strokeWidth: 2, color: "$ink" },
            encoding: {
              x: date,
              y: known ? { field: "amount", type: "quantitative", title: t.y_amount, axis: { tickCount: 3 } } : { value: 20 },
              y2: known ? { datum: 0 } : { value: 110 },
              tooltip: [shown, ...(known ? [{ field: "amount", type: "quantitative", title: t.y_amount, format: ",.2f" }] : [])],
            },
          },
        ].map((part) => ({ ...part, width: inside() - 80 })),
      }).catch((error) => console.error(error));
      const cut = story.days[row].length < c.purchases[row] ? ` ${fill(t.last_purchases, { count: format(story.days[row].length) })}` : "";
      return block(t.timeline, t.timeline_text + cut, element);
    };
    const why = (row, story) => {
      const steps = story.drivers[row].filter(([, points]) => Math.abs(points) >= 0.05).map(([text, points]) => ({ text, points }));
      if (Math.abs(story.others[row]) >= 0.05) steps.push({ text: t.all_others, points: story.others[row] });
      let at = story.average[row];
      const bars = steps.map(({ text, points }, place) => {
        const from = at;
        at += points;
        return { text, from, to: at, points, order: place, side: points > 0 ? t.raises : t.lowers };
      });
      const list = make("ul", { class: "why-list" }, ...steps.map(({ text, points }) => make("li", {},
        make("span", { class: points > 0 ? "raises" : "lowers", role: "img", "aria-label": points > 0 ? t.raises : t.lowers }, points > 0 ? "▲" : "▼"),
        ` ${points > 0 ? "+" : "−"}${format(Math.abs(points), 1)}: `, make("bdi", {}, text))));
      const element = make("div", { class: "chart", "aria-hidden": "true" });
      const values = [
        { text: t.the_average, from: 0, to: story.average[row], points: story.average[row], order: -1, side: "" },
        ...bars, { text: t.this_one, from: 0, to: at, points: at, order: bars.length, side: "" },
      ];
      const narrow = innerWidth < 700;
      draw(element, {
        width: inside(), height: 30 * values.length, data: { values },
        layer: [{
          mark: { type: "bar", height: 16 },
          encoding: {
            x: { field: "from", type: "quantitative", title: t.x_waterfall, scale: { domain: [0, 100] } },
            x2: { field: "to" },
            y: { field: "text", type: "nominal", title: null, sort: { field: "order" }, axis: { labelLimit: narrow ? 130 : 310 } },
            color: { field: "side", type: "nominal", legend: null, scale: { domain: ["", t.raises, t.lowers], range: ["$muted", "$rust", "$teal"] } },
            tooltip: [{ field: "text", type: "nominal", title: t.drivers }, { field: "points", type: "quantitative", format: "+.1f", title: t.x_waterfall }],
          },
        }],
      }).catch((error) => console.error(error));
      return [...block(t.waterfall_title, t.waterfall_text, element), list];
    };
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => { tip.hidden = true; dialog.replaceChildren(); redraw(); });
    root.classList.add("ready");
  };

  unpack("page-data").then((text) => start(JSON.parse(text))).catch((error) => console.error(error));
})();
