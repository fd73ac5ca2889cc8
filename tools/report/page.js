"use strict";
// Draws the page from the JSON in #data:
//   { what, runs: [{ name, report, usage?, events? }] }
// report: what loadgen --json writes. usage: { client_cpu_us, servers_cpu_us,
// front_cpu_us } a message, and servers_bytes. events: [{ at (seconds), what }].
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const runs = data.runs;
  const colours = ["#4477aa", "#ee6677", "#228833", "#b8a21a", "#66ccee", "#aa3377"];
  const colour = (i) => colours[i % colours.length];
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const count = (value) => Math.round(value).toLocaleString("en");
  const micros = (us) =>
    us >= 1e6 ? (us / 1e6).toPrecision(3) + " s"
    : us >= 1e3 ? (us / 1e3).toPrecision(3) + " ms"
    : us.toPrecision(3) + " µs";
  const bytes = (value) => (value / 2 ** 20).toFixed(1) + " MiB";

  // --- The table: a row a figure, a column a run. ---

  // Name, path in the run, how to write it, whether it is bad.
  const nonzero = (value) => value !== 0;
  const figures = [
    ["Messages", "report.messages", count],
    ["Lost", "report.lost", count, nonzero],
    ["Duplicated", "report.duplicated", count, nonzero],
    ["Failed", "report.failed", count, nonzero],
    ["Messages/s", "report.messages_per_second", count],
    ["Throughput, relative", "relative_throughput", (value) => value.toFixed(2)],
    ["Latency p50", "report.latency_us.p50", micros],
    ["Latency p90", "report.latency_us.p90", micros],
    ["Latency p99", "report.latency_us.p99", micros],
    ["Latency p99.9", "report.latency_us.p999", micros],
    ["Latency max", "report.latency_us.max", micros],
    ["Interruptions", "report.interruptions.count", count],
    ["Longest interruption", "report.interruptions.longest_ms", (ms) => micros(ms * 1e3)],
    ["Fairness (Jain)", "report.fairness", (value) => value.toFixed(3)],
    ["CPU a message: client", "usage.client_cpu_us", micros],
    ["CPU a message: servers", "usage.servers_cpu_us", micros],
    ["CPU a message: front", "usage.front_cpu_us", micros],
    ["Memory of the servers", "usage.servers_bytes", bytes],
    ["Memory of the front", "usage.front_bytes", bytes],
  ];
  const at = (run, path) => path.split(".").reduce((value, key) => value?.[key], run);
  const element = (name, text, parent) => {
    const made = document.createElement(name);
    made.textContent = text;
    parent.append(made);
    return made;
  };

  function drawTable() {
    const table = document.getElementById("figures");
    const head = element("tr", "", element("thead", "", table));
    element("th", "", head);
    for (const run of runs) element("th", run.name, head);
    const body = element("tbody", "", table);
    for (const [name, path, write, bad] of figures) {
      if (runs.every((run) => at(run, path) === undefined)) continue;
      const row = element("tr", "", body);
      element("th", name, row);
      runs.forEach((run) => {
        const value = at(run, path);
        const cell = element("td", value === undefined ? "–" : write(value), row);
        cell.dataset.run = run.name;
        cell.dataset.figure = path;
        if (value !== undefined) cell.dataset.value = value;
        if (value !== undefined && bad?.(value)) cell.className = "bad";
      });
    }
  }

  // --- The charts. ---

  const axis = (extra) => ({
    stroke: style("--quiet"),
    grid: { stroke: style("--line"), width: 1 },
    ticks: { stroke: style("--line"), width: 1 },
    ...extra,
  });
  const valueAxis = (write) => axis({ size: 76, values: (_, values) => values.map((v) => (v === null ? "" : write(v))) });
  // A line of few points, from a short run, shows each; of one, it is all there is.
  const line = (run, i, write, points) => ({
    label: run.name,
    stroke: colour(i),
    width: 2,
    spanGaps: true,
    points: { show: points.length <= 16, size: 6, fill: colour(i) },
    value: (_, value) => (value == null ? "–" : write(value)),
  });
  // What happened in mid-run: a dashed line in its run's colour.
  const markEvents = (chart) => {
    const { ctx, bbox } = chart;
    runs.forEach((run, i) => {
      for (const event of run.events ?? []) {
        const x = Math.round(chart.valToPos(event.at, "x", true));
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = colour(i);
        ctx.lineWidth = 2;
        // Each run's dashes fill gaps of the others', where they fall together.
        const gaps = Math.max(runs.length - 1, 1);
        ctx.setLineDash([4, 4 * gaps]);
        ctx.lineDashOffset = -4 * i;
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        ctx.translate(x + 4, bbox.top + 8 + 14 * devicePixelRatio * i);
        ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
        ctx.textAlign = "left";
        ctx.fillText(event.what, 0, 0);
        ctx.restore();
      }
    });
  };
  // `value` of a row, null where there is none.
  const overTime = (value) =>
    uPlot.join(runs.map((run) => [
      run.report.time_series.map((row) => row.start + row.seconds / 2),
      run.report.time_series.map(value),
    ]));
  const short = runs.every((run) => run.report.seconds < 0.5);
  const seconds = {
    values: (_, values) => values.map((v) => (short ? (v * 1e3).toLocaleString("en") + " ms" : v.toLocaleString("en") + " s")),
  };

  const timeChart = (title, value, write, scale) => ({
    title,
    data: overTime(value),
    options: () => ({
      scales: { x: { time: false }, y: scale },
      axes: [axis(seconds), valueAxis(write)],
      series: [{ label: "time", value: (_, v) => (v == null ? "–" : v.toFixed(3) + " s") },
        ...runs.map((run, i) => line(run, i, write, run.report.time_series))],
      hooks: { draw: [markEvents] },
    }),
  });

  // Evenly spaced nines, as HdrHistogram plots have it; 100 % stands where the
  // run's last message does.
  const nines = (run) => (point) =>
    Math.log10(Math.min(1 / (1 - point.percentile / 100), Math.max(run.report.messages, 1)));
  const ninesLabel = (x) => {
    if (x !== Math.round(x)) return "";
    return x === 0 ? "0 %" : (100 - 100 / 10 ** x).toFixed(Math.max(0, x - 2)) + " %";
  };
  const percentileChart = () => ({
    title: "Latency by percentile",
    data: uPlot.join(runs.map((run) => [
      run.report.percentiles.map(nines(run)),
      run.report.percentiles.map((point) => point.us),
    ])),
    options: () => ({
      scales: { x: { time: false }, y: { distr: 3 } },
      axes: [axis({ values: (_, values) => values.map(ninesLabel), incrs: [1] }), valueAxis(micros)],
      series: [{ label: "percentile", value: (_, x) => (x == null ? "–" : (100 - 100 / 10 ** x).toFixed(4) + " %") },
        ...runs.map((run, i) => line(run, i, micros, run.report.percentiles))],
    }),
  });

  const cpuChart = () => {
    const kinds = [["client", "client_cpu_us"], ["servers", "servers_cpu_us"], ["front", "front_cpu_us"]];
    const width = 0.25;
    return {
      title: "CPU a message",
      data: uPlot.join(kinds.map(([, key], k) => [
        runs.map((_, i) => i + (k - 1) * width),
        runs.map((run) => run.usage?.[key] ?? 0),
      ])),
      options: () => ({
        scales: { x: { time: false, range: [-0.5, runs.length - 0.5] }, y: { range: (_, __, max) => [0, max * 1.1 || 1] } },
        cursor: { show: false },
        legend: { live: false },
        axes: [
          axis({ splits: () => runs.map((_, i) => i), values: () => runs.map((run) => run.name), grid: { show: false } }),
          valueAxis(micros),
        ],
        series: [{ label: "model" }, ...kinds.map(([label], k) => ({
          label,
          stroke: colour(k),
          fill: colour(k),
          paths: uPlot.paths.bars({ size: [width * 0.9, 60] }),
          points: { show: false },
        }))],
      }),
    };
  };

  function drawCharts() {
    const charts = [
      timeChart("Throughput over time (messages/s)", (row) => row.messages_per_second, count, { range: (_, __, max) => [0, max * 1.05 || 1] }),
      timeChart("Latency over time (p99)", (row) => (row.messages > 0 ? row.p99_us : null), micros, { distr: 3 }),
      percentileChart(),
    ];
    if (runs.some((run) => run.usage)) charts.push(cpuChart());
    const parent = document.getElementById("charts");
    const drawn = charts.map(({ title, data, options }) => {
      element("h2", title, parent);
      const box = element("div", "", parent);
      box.className = "chart";
      box.dataset.title = title;
      const size = () => ({ width: Math.max(box.clientWidth, 280), height: box.clientWidth < 500 ? 240 : 320 });
      let chart = null;
      const draw = () => {
        chart?.destroy();
        chart = new uPlot({ ...size(), ...options() }, data, box);
        box.uplot = chart;  // For whoever wants to look closer.
        box.dataset.points = data.slice(1).reduce((sum, ys) => sum + ys.filter((y) => y != null).length, 0);
      };
      draw();
      return { draw, resize: () => chart.setSize(size()) };
    });
    addEventListener("resize", () => drawn.forEach((chart) => chart.resize()));
    // Canvases do not follow the colour scheme by themselves.
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((chart) => chart.draw()));
  }

  document.getElementById("what").textContent = data.what;
  drawTable();
  drawCharts();
})();
