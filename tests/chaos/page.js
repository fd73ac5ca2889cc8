"use strict";
// Draws the page from the JSON in #data, a run's record:
//   { seed, store, rate, answered, findings, results: { client: [a second each] },
//     faults: [{ at, seconds, kind, what, recovery }],
//     usage: [{ at, of: { member: [resident KiB, descriptors, processes] } }] }
(() => {
  const { colour, style, count, compact, element, axis, valueAxis, draw } = charts;
  const run = JSON.parse(document.getElementById("data").textContent);
  const clock = (seconds) => {
    const two = (value) => String(Math.floor(value)).padStart(2, "0");
    return `${Math.floor(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
  };
  const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const answered = Object.values(run.results)
    .reduce((sums, results) => results.map((value, i) => value + (sums[i] ?? 0)), []);
  const end = answered.length;

  function drawVerdict() {
    const good = run.findings.length === 0;
    document.getElementById("verdict").className = good ? "good" : "bad";
    document.getElementById("word").textContent = good ? "Nothing is wrong" : `${count(run.findings.length)} findings`;
    for (const finding of run.findings) element("li", finding, document.getElementById("findings"));
    document.getElementById("what").textContent =
      `Seed ${run.seed}, ${run.store}, ${clock(end)}: ${count(run.answered)} messages answered, ` +
      `${count(run.faults.length)} faults. Meant to be sent: ${count(run.rate)} messages a second.`;
  }

  // --- The charts share one time, and one look closer. ---

  const times = (extra) => axis({
    values: (_, values) => values.map(clock),
    // Steps that a clock has.
    incrs: [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400],
    space: 64,
    ...extra,
  });
  const shared = (extra) => ({
    cursor: { sync: { key: "run" } },
    ...extra,
    scales: { x: { time: false, range: (_, min, max) => [Math.max(0, min), Math.min(end, max)] }, ...extra.scales },
  });
  const fromNought = { range: (_, __, max) => [0, max * 1.05 || 1] };
  const line = (label, i, write) => ({
    label, stroke: colour(i), width: 2, spanGaps: false, points: { show: false },
    value: (_, value) => (value == null ? "–" : write(value)),
  });
  const time = { label: "time", value: (_, value) => (value == null ? "–" : clock(value)) };

  // No more points than a screen has.
  const step = Math.ceil(end / 900);
  const buckets = (choose) => {
    const chosen = [];
    for (let i = 0; i < end; i += step) chosen.push(choose(answered.slice(i, i + step)));
    return chosen;
  };

  const throughput = {
    title: "Results a second",
    data: [
      buckets(() => 0).map((_, i) => Math.min(end, i * step + step / 2)),
      buckets((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
      ...(step > 1 ? [buckets((values) => Math.min(...values))] : []),
    ],
    options: () => shared({
      scales: { y: fromNought },
      axes: [times(), valueAxis(compact)],
      series: [time, line("results/s", 0, count), ...(step > 1 ? [{ ...line(`least of ${step} s`, 1, count), width: 1 }] : [])],
    }),
  };

  const kinds = [...new Set(run.faults.map((fault) => fault.kind))].sort();
  const lanes = (chart) => {
    const { ctx, bbox } = chart;
    const height = bbox.height / Math.max(kinds.length, 1);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const fault of run.faults) {
      const lane = kinds.indexOf(fault.kind);
      const left = chart.valToPos(fault.at, "x", true);
      const right = chart.valToPos(fault.at + fault.seconds, "x", true);
      ctx.fillStyle = colour(lane);
      ctx.fillRect(left, bbox.top + (lane + 0.15) * height, Math.max(right - left, 2 * devicePixelRatio), 0.7 * height);
    }
    ctx.restore();
  };
  const faults = {
    title: "Faults",
    // A lane a kind, from the top; what is drawn is drawn by `lanes`.
    data: [[0, end], [null, null]],
    options: () => shared({
      scales: { y: { range: [-kinds.length, 0] } },
      legend: { show: false },
      axes: [times(), valueAxis((value) => kinds[-value - 0.5])].map((one, i) => (i === 0 ? one : {
        ...one,
        grid: { show: false },
        splits: () => kinds.map((_, lane) => -lane - 0.5),
        filter: (_, splits) => splits,
      })),
      series: [time, { stroke: style("--quiet"), points: { show: false } }],
      hooks: { draw: [lanes] },
    }),
  };

  const members = [...new Set(run.usage.flatMap((look) => Object.keys(look.of)))].sort();
  // Of our own programs; a line each, null where it was not there.
  const ours = members.filter((name) => name !== "store" && name !== "nginx");
  const usage = (title, write, value) => ({
    title,
    data: [
      run.usage.map((look) => look.at),
      ...ours.map((name) => run.usage.map(({ of }) => (of[name]?.[2] ? value(of[name]) : null))),
    ],
    options: () => shared({
      scales: { y: fromNought },
      axes: [times(), valueAxis(compact)],
      series: [time, ...ours.map((name, i) => ({ ...line(name, i, write), dash: i > 5 ? [6, 4] : [] }))],
    }),
  });
  const mebibytes = (of) => of[0] / 1024;

  // --- The tables. ---

  const head = (id, names) => {
    const table = document.getElementById(id);
    const row = element("tr", "", element("thead", "", table));
    for (const name of names) element("th", name, row);
    const body = element("tbody", "", table);
    return (name, values) => {
      const made = element("tr", "", body);
      element("th", name, made);
      for (const value of values) element("td", value, made);
    };
  };

  function drawRecovery() {
    const row = head("recovery", ["", "Faults", "Noticed", "Median", "Longest"]);
    for (const kind of kinds) {
      const all = run.faults.filter((fault) => fault.kind === kind);
      const noticed = all.filter((fault) => fault.recovery !== 0);
      const over = noticed.map((fault) => fault.recovery ?? Infinity);
      const write = (value) => (value === undefined ? "–" : value === Infinity ? "never" : value.toFixed(1));
      row(kind, [count(all.length), count(noticed.length), write(median(over)), write(over.length ? Math.max(...over) : undefined)]);
    }
  }

  function drawClients() {
    const row = head("clients", ["", "Results", "Longest without any (s)", "From"]);
    for (const [name, results] of Object.entries(run.results)) {
      let longest = 0, from = 0, last = 0;
      results.forEach((value, i) => {
        if (value !== 0) last = i + 1;
        else if (i + 1 - last > longest) [longest, from] = [i + 1 - last, last];
      });
      row(name, [count(results.reduce((sum, value) => sum + value, 0)), count(longest), longest ? clock(from) : "–"]);
    }
  }

  function drawUsage() {
    const row = head("usage", ["", "At first", "At last", "Most", "Descriptors at first", "At last", "Most"]);
    for (const name of members) {
      const looks = run.usage.map((look) => look.of[name]).filter((of) => of?.[2]);
      const tenth = Math.ceil(looks.length / 10);
      const three = (value, write) => {
        const values = looks.map(value);
        return [median(values.slice(0, tenth)), median(values.slice(-tenth)), Math.max(...values)].map(write);
      };
      row(name, [...three(mebibytes, (value) => value.toFixed(1)), ...three((of) => of[1], count)]);
    }
  }

  function drawFaults() {
    const row = head("faults", ["", "Fault", "Recovery"]);
    for (const { at, what, recovery } of run.faults) {
      row(clock(at), [what, recovery === 0 ? "not noticed" : recovery === null ? "never" : `${recovery.toFixed(1)} s`]);
    }
  }

  drawVerdict();
  draw([throughput, faults, usage("Resident memory (MiB)", (value) => value.toFixed(1), mebibytes),
    usage("Descriptors", count, (of) => of[1])], document.getElementById("charts"));
  drawRecovery();
  drawClients();
  drawUsage();
  drawFaults();
})();
