"use strict";
// Draws the page from the JSON in #data:
//   { what, verdict, findings, runs: [{ name, report, medians?, events? }] }
// report: what loadgen --json writes; of several trials, the median one's.
// medians: over all trials, by the names of the comparison's table; they are
// what the table here shows. events: [{ at (seconds), what }].
(() => {
  const { colour, count, compact, element, axis, valueAxis, draw } = charts;
  const data = JSON.parse(document.getElementById("data").textContent);
  const runs = data.runs;
  const micros = (us) =>
    us === 0 ? "0"
    : us >= 1e6 ? (us / 1e6).toPrecision(3) + " s"
    : us >= 1e3 ? (us / 1e3).toPrecision(3) + " ms"
    : us.toPrecision(3) + " µs";
  const mebibytes = (value) => value.toFixed(1) + " MiB";

  // --- The table: a row a figure, a column a run. ---

  // Name, path in the report, how to write it, name in the medians, whether it
  // is bad.
  const nonzero = (value) => value !== 0;
  const figures = [
    ["Messages", "messages", count, "messages"],
    ["Due, but not sent", "unsent", count, "unsent", nonzero],
    ["Lost", "lost", count, "lost", nonzero],
    ["Duplicated", "duplicated", count, "duplicated", nonzero],
    ["Failed", "failed", count, "failed", nonzero],
    ["Wrong", "wrong", count, "wrong", nonzero],
    ["Out of order", "out_of_order", count, "out of order", nonzero],
    ["Messages/s", "messages_per_second", (value) => (value < 100 ? value.toFixed(2) : count(value)), "messages/s"],
    ["Throughput, relative", null, (value) => value.toFixed(2), "throughput, relative"],
    ["Latency p50", "latency_us.p50", micros, "p50 (us)"],
    ["Latency p90", "latency_us.p90", micros, "p90 (us)"],
    ["Latency p99", "latency_us.p99", micros, "p99 (us)"],
    ["Latency p99.9", "latency_us.p999", micros, "p99.9 (us)"],
    ["Latency max", "latency_us.max", micros, "max (us)"],
    ["Interruptions", "interruptions.count", count, "interruptions"],
    ["Longest interruption", "interruptions.longest_ms", (ms) => micros(ms * 1e3), "longest gap (ms)"],
    ["Fairness (Jain)", "fairness", (value) => value.toFixed(3), "fairness (Jain)"],
    ["CPU a message: client", null, micros, "CPU client (us/msg)"],
    ["CPU a message: servers", null, micros, "CPU servers (us/msg)"],
    ["CPU a message: front", null, micros, "CPU front (us/msg)"],
    ["Memory of the servers", null, mebibytes, "memory servers (MiB)"],
    ["Memory of the front", null, mebibytes, "memory front (MiB)"],
  ];
  const at = (run, path) => path.split(".").reduce((value, key) => value?.[key], run);

  function drawTable() {
    const table = document.getElementById("figures");
    const head = element("tr", "", element("thead", "", table));
    element("th", "", head);
    for (const run of runs) element("th", run.name, head);
    const body = element("tbody", "", table);
    for (const [name, path, write, median, bad] of figures) {
      const value = (run) => (run.medians ? run.medians[median] : path && at(run.report, path)) ?? undefined;
      if (runs.every((run) => value(run) === undefined)) continue;
      const row = element("tr", "", body);
      element("th", name, row);
      for (const run of runs) {
        const found = value(run);
        const cell = element("td", found === undefined ? "–" : write(found), row);
        cell.dataset.run = run.name;
        cell.dataset.figure = run.medians ? "medians/" + median : "report/" + path.replaceAll(".", "/");
        if (found === undefined) continue;
        cell.dataset.value = found;
        if (bad?.(found)) cell.className = "bad";
      }
    }
  }

  // --- The verdict, and what was run. ---

  function drawVerdict() {
    const box = document.getElementById("verdict");
    box.className = data.verdict === "OK" ? "good" : "bad";
    document.getElementById("word").textContent = data.verdict;
    for (const finding of data.findings) element("li", finding, document.getElementById("findings"));
  }

  const plural = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
  const duration = (seconds) => +seconds.toPrecision(6) + " s";
  // Name and how to say it of a report; several runs that say the same say it once.
  const facts = [
    ["Target", ({ run }) => run.target + (run.embedded ? " (embedded processor)" : "") + (run.tls ? ", TLS" : "")],
    ["Load", ({ run }) => run.load],
    ["For", ({ run }) => [
      run.n === undefined ? null : count(run.n) + " messages",
      run.duration_seconds === undefined ? null : duration(run.duration_seconds),
      run.warmup === undefined ? null : "after a warm-up of " + run.warmup,
    ].filter((part) => part !== null).join(", ") || "all of the input"],
    ["Took", (report) => micros(report.seconds * 1e6)],
    ["Handler", ({ run }) => (run.handler || "the server's default") + (run.payload_checked ? ", payloads checked" : ", payloads not checked")],
    ["Objectives", (report) => (report.objectives ?? []).map((one) => `${one.objective}: ${one.held ? "held" : "MISSED"} (${one.figure})`).join("\n") || "none"],
    ["Servers", (report) => Object.entries(report.servers).map(([id, one]) => `${id} (${one.address}): ${plural(one.messages, "message")}, ${plural(one.streams, "stream")}`).join("\n") || "none answered"],
    ["Began", ({ run }) => new Date(run.started_at_ms).toISOString().replace("T", " ").replace(/\..*/, " UTC")],
    ["Version", ({ run }) => run.version],
    ["Machine", ({ run }) => run.machine],
    ["Seed", ({ run }) => String(run.seed)],
  ];

  function drawRun() {
    const list = document.getElementById("run");
    for (const [name, say] of facts) {
      const said = runs.map((run) => say(run.report));
      if (said.every((text) => text === undefined)) continue;
      element("dt", name, list);
      const same = said.every((text) => text === said[0]);
      const lines = same ? said[0].split("\n") : said.map((text, i) => `${runs[i].name}: ${text.replaceAll("\n", "; ")}`);
      const box = element("dd", "", list);
      box.dataset.fact = name;
      for (const line of lines) element("div", line, box);
    }
  }

  // --- The charts. ---

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
        ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
        const fits = x + 8 + ctx.measureText(event.what).width < bbox.left + bbox.width;
        ctx.translate(x + (fits ? 4 : -4), bbox.top + (8 + 14 * i) * devicePixelRatio);
        ctx.textAlign = fits ? "left" : "right";
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
  // The last interval is over when the run is: what came in a part of it is no
  // rate.
  const rate = (row, i, rows) =>
    row.seconds < 0.999 * Math.max(...rows.map((other) => other.seconds)) ? null : row.messages_per_second;
  const short = runs.every((run) => run.report.seconds < 0.5);
  const seconds = {
    values: (_, values) => values.map((v) => (short ? (v * 1e3).toLocaleString("en") + " ms" : v.toLocaleString("en") + " s")),
  };

  const timeChart = (title, value, write, label, scale) => ({
    title,
    data: overTime(value),
    options: () => ({
      scales: { x: { time: false }, y: scale },
      axes: [axis(seconds), valueAxis(label)],
      series: [{ label: "time", value: (_, v) => (v == null ? "–" : v.toFixed(3) + " s") },
        ...runs.map((run, i) => line(run, i, write, run.report.time_series))],
      hooks: { draw: [markEvents] },
    }),
  });

  // Evenly spaced nines, as HdrHistogram plots have it; 100 % stands where the
  // run's last message does.
  const nines = (run) => (point) =>
    Math.log10(Math.min(1 / (1 - point.percentile / 100), Math.max(run.report.messages + run.report.unsent, 1)));
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
      // Room for half of a label as long as 99.99999 %.
      padding: [null, 36, null, null],
      scales: { x: { time: false }, y: { distr: 3 } },
      axes: [axis({ values: (_, values) => values.map(ninesLabel), incrs: [1, 2, 3, 4, 6, 10], space: 64 }), valueAxis(micros)],
      series: [{ label: "percentile", value: (_, x) => (x == null ? "–" : (100 - 100 / 10 ** x).toFixed(4) + " %") },
        ...runs.map((run, i) => line(run, i, micros, run.report.percentiles))],
    }),
  });

  const cpuChart = () => {
    const kinds = ["client", "servers", "front"];
    const width = 0.25;
    return {
      title: "CPU a message",
      data: uPlot.join(kinds.map((key, k) => [
        runs.map((_, i) => i + (k - 1) * width),
        runs.map((run) => run.medians[`CPU ${key} (us/msg)`] ?? 0),
      ])),
      options: () => ({
        scales: { x: { time: false, range: [-0.5, runs.length - 0.5] }, y: { range: (_, __, max) => [0, max * 1.1 || 1] } },
        cursor: { show: false },
        legend: { live: false },
        axes: [
          axis({ splits: () => runs.map((_, i) => i), values: () => runs.map((run) => run.name), grid: { show: false } }),
          valueAxis(micros),
        ],
        series: [{ label: "model" }, ...kinds.map((label, k) => ({
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
    const shown = [
      timeChart("Throughput over time (messages/s)", rate, count, compact, { range: (_, __, max) => [0, max * 1.05 || 1] }),
      timeChart("Latency over time (p99)", (row) => (row.messages > 0 ? row.p99_us : null), micros, micros, { distr: 3 }),
      percentileChart(),
    ];
    if (runs.every((run) => run.medians)) shown.push(cpuChart());
    draw(shown, document.getElementById("charts"));
  }

  document.getElementById("what").textContent = data.what;
  drawVerdict();
  drawTable();
  drawRun();
  drawCharts();
})();
