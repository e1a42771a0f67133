// Draws the charts of the report into their places: as wide as these are, again when that changes.
// Colours are the page's variables, so that light, dark and print are the style sheet's business.
(() => {
  const { accounting, figures, kept, rows, steps } = JSON.parse(document.getElementById("data").textContent);
  const count = d3.format(",");
  const share = d3.format(".0%");
  const style = { fontSize: "12px", background: "none" };
  const phone = (width) => width < 560;
  const shorten = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
  const depth = ["var(--one)", "var(--two)", "var(--three)"];
  // What the job keeps, most frequent first: click, cart, order.
  const types = Object.keys(kept);
  const colour = d3.scaleOrdinal(types, [...depth, ..."accent warn good bad soft quiet".split(" ").map((name) => `var(--${name})`)]);

  const flow = (width) => {
    const narrow = phone(width);
    const total = (reasons) => d3.sum(Object.values(reasons));
    const nodes = [{ id: "read", name: "records read", records: accounting.records_read, colour: "var(--ink)" }];
    const links = [];
    const add = (source, id, name, records, colour) => {
      if (!records) return;
      nodes.push({ id, name, records, colour });
      links.push({ source, target: id, value: records, colour });
    };
    add("read", "kept", "kept", accounting.kept, "var(--accent)");
    add("read", "duplicates", "duplicates", accounting.duplicates, "var(--warn)");
    add("read", "filtered", "filtered", total(accounting.filtered), "var(--quiet)");
    add("read", "rejected", "rejected", total(accounting.rejected), "var(--bad)");
    add("kept", "rows", "rows written", accounting.kept, "var(--accent)");
    for (const [outcome, colour] of [["filtered", "var(--quiet)"], ["rejected", "var(--bad)"]])
      for (const [reason, records] of Object.entries(accounting[outcome])) add(outcome, `${outcome}: ${reason}`, reason, records, colour);
    for (const node of nodes) if (node.id === "rows") node.records = accounting.rows_written;
    const height = narrow ? 420 : Math.min(380, width / 2);
    const margin = { top: 12, right: narrow ? 92 : 150, bottom: 16, left: 1 };
    const layout = d3.sankey().nodeId((node) => node.id).nodeAlign(d3.sankeyLeft).nodeSort(null).linkSort(null)
      .nodeWidth(narrow ? 8 : 12).nodePadding(narrow ? 38 : 34)
      .extent([[margin.left, margin.top], [width - margin.right, height - margin.bottom]]);
    const graph = layout({ nodes, links });
    const svg = d3.create("svg").attr("viewBox", [0, 0, width, height]).attr("width", width).attr("height", height);
    svg.append("g").attr("fill", "none").selectAll("path").data(graph.links).join("path")
      .attr("d", d3.sankeyLinkHorizontal()).attr("stroke", (link) => link.colour).attr("stroke-opacity", .28)
      .attr("stroke-width", (link) => Math.max(1.5, link.width))
      .append("title").text((link) => `${link.target.name}: ${count(link.value)} records`);
    const node = svg.append("g").selectAll("g").data(graph.nodes).join("g");
    node.append("rect").attr("x", (d) => d.x0).attr("width", (d) => d.x1 - d.x0).attr("rx", 1.5)
      .attr("y", (d) => Math.min(d.y0, (d.y0 + d.y1) / 2 - 1)).attr("height", (d) => Math.max(2, d.y1 - d.y0)).attr("fill", (d) => d.colour);
    const text = node.append("text").attr("x", (d) => d.x1 + 7).attr("y", (d) => (d.y0 + d.y1) / 2)
      .attr("font-size", narrow ? 12 : 13).attr("fill", "var(--ink)");
    text.append("tspan").attr("dy", "-.2em").attr("font-weight", 600).text((d) => count(d.records));
    text.append("tspan").attr("x", (d) => d.x1 + 7).attr("dy", "1.25em")
      .text((d) => (narrow ? shorten(d.name, 15) : d.name));
    return svg.node();
  };

  const events = (width) => {
    const most = 14;
    const all = figures.events.map((row) => ({ name: row.name, records: +row.records }));
    const shown = all.slice(0, most);
    const rest = all.slice(most);
    if (rest.length) shown.push({ name: `${rest.length} others`, records: d3.sum(rest, (row) => row.records) });
    const marginLeft = phone(width) ? 124 : 160;
    return Plot.plot({
      width, style, marginLeft, marginRight: 60, marginTop: 4, marginBottom: 4, height: shown.length * 27 + 8,
      x: { axis: null }, y: { label: null, tickSize: 0, domain: shown.map((row) => row.name), tickFormat: (name) => shorten(name, phone(width) ? 19 : 26) },
      marks: [
        Plot.barX(shown, { x: "records", y: "name", fill: (row) => (row.name in kept ? "var(--accent)" : "var(--quiet)"), rx2: 2, insetTop: 3, insetBottom: 3 }),
        Plot.text(shown, { x: "records", y: "name", text: (row) => count(row.records), textAnchor: "start", dx: 6 }),
      ],
    });
  };

  const hours = (width) => {
    const latest = 62;
    const all = [...new Set(figures.hours.map((row) => row.day))];
    const days = all.slice(-latest);
    const data = figures.hours.filter((row) => row.day >= days[0]).map((row) => ({ day: row.day, hour: +row.hour, records: +row.records }));
    const margins = { marginLeft: 44, marginRight: 2 };
    const name = d3.utcFormat("%-d %b");
    const asDate = (day) => new Date(`${day}T00:00Z`);
    const every = Math.ceil(days.length / Math.max(2, Math.floor(width / 90)));
    const x = { domain: days, padding: .08, round: false, label: null };
    const totals = Plot.plot({
      width, style, ...margins, height: 64, marginTop: 14, marginBottom: 2, x: { ...x, axis: null }, y: { axis: null },
      marks: [
        Plot.barY(data, Plot.groupX({ y: "sum" }, { x: "day", y: "records", fill: "var(--quiet)", tip: true })),
      ],
    });
    const cells = Plot.plot({
      width, style, ...margins, marginTop: 2, marginBottom: 26, height: phone(width) ? 300 : 356,
      x: { ...x, tickSize: 0, ticks: days.filter((_, index) => index % every === 0), tickFormat: (day) => name(asDate(day)) },
      y: { domain: d3.range(24), padding: .08, round: false, label: null, tickSize: 0, ticks: [0, 6, 12, 18], tickFormat: (hour) => `${String(hour).padStart(2, "0")}:00` },
      opacity: { type: "sqrt", range: [.04, 1] },
      marks: [
        Plot.cell(data, { x: "day", y: "hour", fill: "var(--accent)", fillOpacity: "records", rx: 1.5 }),
        Plot.tip(data, Plot.pointer({ x: "day", y: "hour", title: (row) => `${name(asDate(row.day))}, ${String(row.hour).padStart(2, "0")}:00\n${count(row.records)} records` })),
      ],
    });
    const both = document.createElement("div");
    both.append(totals, cells);
    return both;
  };

  const funnel = (width) => {
    const stages = ["clicked", "added", "ordered"];
    const names = { clicked: "clicked", added: "then added", ordered: "then ordered" };
    const data = figures.funnel.flatMap((row) => stages.map((stage) => ({ source: row.source, stage, people: +row[stage], share: +row.clicked ? +row[stage] / +row.clicked : 0 })));
    const narrow = phone(width);
    return Plot.plot({
      width, style, marginLeft: narrow ? 88 : 96, marginRight: narrow ? 84 : 96, marginTop: 22, marginBottom: 2, height: figures.funnel.length * 104 + 24,
      x: { axis: null, domain: [0, 1] }, y: { domain: stages, label: null, tickSize: 0, padding: .16, tickFormat: (stage) => names[stage] },
      fy: { label: null, axis: null, padding: .28 },
      marks: [
        Plot.text(figures.funnel, { fy: "source", text: "source", frameAnchor: "top-left", dy: -17, dx: narrow ? -80 : -88, fontWeight: 600, fontSize: 13 }),
        Plot.barX(data, { fy: "source", x: 1, y: "stage", fill: "var(--panel)", rx2: 2 }),
        Plot.barX(data, { fy: "source", x: "share", y: "stage", fill: (row) => depth[stages.indexOf(row.stage)], rx2: 2 }),
        Plot.text(data, { fy: "source", x: 1, y: "stage", textAnchor: "start", dx: 8, text: (row) => `${count(row.people)}${row.stage === "clicked" ? "" : `  ${share(row.share)}`}` }),
      ],
    });
  };

  const items = (width) => {
    const narrow = phone(width);
    const data = figures.items.map((row) => ({ item: row.item_id, label: row.name ?? row.item_id, type: row.event_type, interactions: +row.interactions }));
    const order = [...new Set(data.map((row) => row.item))];
    const labels = new Map(data.map((row) => [row.item, row.label]));
    const stack = types.filter((type) => data.some((row) => row.type === type));
    const chart = Plot.plot({
      width, style, marginLeft: narrow ? 132 : 176, marginRight: 44, marginTop: 2, marginBottom: 4, height: order.length * 26 + 6,
      x: { axis: null }, y: { domain: order, label: null, tickSize: 0, tickFormat: (item) => shorten(labels.get(item), narrow ? 19 : 27) },
      marks: [
        Plot.barX(data, { x: "interactions", y: "item", fill: (row) => colour(row.type), order: (row) => stack.indexOf(row.type), insetTop: 3, insetBottom: 3, insetRight: .5, title: (row) => `${row.item}, ${row.type}: ${count(row.interactions)}` }),
        Plot.text(data, Plot.groupY({ x: "sum", text: (group) => count(d3.sum(group, (row) => row.interactions)) }, { x: "interactions", y: "item", text: (row) => row, textAnchor: "start", dx: 6 })),
      ],
    });
    const legend = d3.create("ul").attr("class", "legend");
    legend.selectAll("li").data(stack).join("li").style("--swatch", colour).text((type) => type);
    const both = document.createElement("div");
    both.append(legend.node(), chart);
    return both;
  };

  const minimum = { interactions: 1000, users: 25, each: 2 };
  const users = figures.users.map((row) => ({ interactions: +row.interactions, users: +row.users }));

  const enough = (width) => {
    const data = [
      { what: "interactions", found: rows, needed: minimum.interactions },
      { what: "users with two or more", found: d3.sum(users, (row) => (row.interactions >= minimum.each ? row.users : 0)), needed: minimum.users },
    ];
    const most = d3.max(data, (row) => Math.max(row.found, row.needed));
    return Plot.plot({
      width, style, marginLeft: 6, marginRight: 56, marginTop: 8, marginBottom: 26, height: 132,
      x: { type: "log", domain: [1, most * 1.15], label: null, ticks: 4, tickFormat: (value) => (Number.isInteger(Math.log10(value)) ? count(value) : ""), tickSize: 0 },
      y: { axis: null }, fy: { axis: null, domain: data.map((row) => row.what), padding: .1 },
      marks: [
        Plot.ruleY(data, { fy: "what", x1: 1, x2: (row) => Math.max(1, row.found), y: 0, stroke: (row) => (row.found >= row.needed ? "var(--accent)" : "var(--bad)"), strokeWidth: 7, strokeLinecap: "round" }),
        Plot.tickX(data, { fy: "what", x: "needed", stroke: "var(--ink)", strokeWidth: 2, insetTop: 17, insetBottom: 2 }),
        Plot.text(data, { fy: "what", x: "needed", frameAnchor: "bottom", text: (row) => `${count(row.needed)} needed`, textAnchor: "start", dx: 5, dy: 2, fill: "var(--soft)" }),
        Plot.text(data, { fy: "what", x: 1, frameAnchor: "top-left", text: (row) => `${count(row.found)} ${row.what}`, textAnchor: "start", dy: 0, fontWeight: 600 }),
      ],
    });
  };

  const histogram = (width) => {
    // The long tail of a few very busy users is one last bar.
    const reached = d3.cumsum(users, (row) => row.users);
    const last = users[d3.bisectLeft(reached, .98 * d3.sum(users, (row) => row.users))]?.interactions ?? 0;
    const data = users.filter((row) => row.interactions <= last);
    const beyond = d3.sum(users, (row) => (row.interactions > last ? row.users : 0));
    if (beyond) data.push({ interactions: last + 1, users: beyond, more: true });
    const name = (row) => `${row.more ? `${row.interactions} or more` : row.interactions} interaction${row.interactions > 1 ? "s" : ""}`;
    return Plot.plot({
      width, style, marginLeft: 44, marginTop: 34, marginBottom: 38, height: phone(width) ? 250 : 290,
      x: { label: "interactions of a user", labelAnchor: "center", labelArrow: "none", ticks: d3.ticks(1, last, Math.min(12, width / 60)).filter(Number.isInteger), tickFormat: count, tickSize: 0 },
      y: { label: "users", labelArrow: "none", grid: true, ticks: 4, tickSize: 0 },
      marks: [
        Plot.rectY(data, { x1: (row) => row.interactions - .5, x2: (row) => row.interactions + .5, y: "users", insetLeft: .75, insetRight: .75, rx: 1,
          fill: (row) => (row.interactions < minimum.each ? "var(--quiet)" : "var(--accent)"), fillOpacity: (row) => (row.more ? .55 : 1) }),
        Plot.ruleX([minimum.each - .5], { stroke: "var(--ink)", strokeDasharray: "3,3", insetTop: -16 }),
        Plot.text([minimum.each - .5], { x: (edge) => edge, frameAnchor: "top", dy: -22, dx: 5, textAnchor: "start", text: () => "two or more: these count" }),
        ...(beyond ? [Plot.text(data.filter((row) => row.more), { x: "interactions", y: "users", dy: -8, text: () => "more", fill: "var(--soft)" })] : []),
        Plot.tip(data, Plot.pointerX({ x: "interactions", y: "users", title: (row) => `${name(row)}\n${count(row.users)} users` })),
      ],
    });
  };

  const time = (width) => {
    let start = 0;
    const data = steps.map((step) => ({ ...step, start, end: (start += step.seconds) }));
    const narrow = phone(width);
    return Plot.plot({
      width, style, marginLeft: narrow ? 124 : 150, marginRight: 56, marginTop: 4, marginBottom: 28, height: data.length * 30 + 32,
      x: { label: null, ticks: narrow ? 3 : 5, tickSize: 0, tickFormat: (seconds) => `${count(seconds)} s`, grid: true }, y: { domain: data.map((step) => step.name), label: null, tickSize: 0 },
      marks: [
        Plot.barX(data, { x1: "start", x2: "end", y: "name", fill: (step) => (step.passed ? "var(--accent)" : "var(--bad)"), rx: 1.5, insetTop: 5, insetBottom: 5 }),
        Plot.text(data, { x: "end", y: "name", textAnchor: "start", dx: 6, text: (step) => `${step.seconds.toFixed(1)} s` }),
      ],
    });
  };

  const charts = { flow, events, hours, funnel, items, enough, users: histogram, time };
  const draw = (place, width) => {
    const chart = charts[place.id](width);
    // The place has the picture's name; the parts, which Plot names after its marks, need none.
    for (const part of chart.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
    place.replaceChildren(chart);
    place.dataset.width = width;
  };
  const places = [...document.querySelectorAll(".chart")];
  const fit = (place) => {
    const width = Math.floor(place.clientWidth);
    if (width && width !== +place.dataset.width) draw(place, width);
  };
  places.forEach(fit);
  addEventListener("resize", () => places.forEach(fit));
  addEventListener("beforeprint", () => places.forEach((place) => draw(place, 660)));
  addEventListener("afterprint", () => places.forEach(fit));
})();
