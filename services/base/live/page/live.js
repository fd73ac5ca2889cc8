"use strict";
// The live page of a balancer and of a processor: asks live.json once a second
// and shows what comes. Whatever is text there is put in as text, never as
// markup.
(() => {
  const POLL_MS = 1000, PATIENCE_MS = 5000;
  const $ = (id) => document.getElementById(id);

  // ---- How values are written.
  const digits = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)).replace(/\.0+$|(\.\d*?)0+$/, "$1");
  const scaled = (value, step, units) => {
    let unit = 0;
    while (value >= step * 0.9995 && unit + 1 < units.length) { value /= step; ++unit; }
    return [digits(value), units[unit]];
  };
  const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);
  const count = (value) => {
    if (!known(value)) return "–";
    if (value < 1e5) return (value < 10 && value % 1 ? value.toFixed(1) : Math.round(value).toLocaleString("en"));
    return scaled(value, 1000, ["", "k", "M", "G", "T"]).join("");
  };
  const bytes = (value) => (known(value) ? scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]).join(" ") : "–");
  const length = (seconds) => {
    if (!known(seconds)) return "–";
    if (seconds < 1) return seconds < 1e-3 ? digits(seconds * 1e6) + " µs" : digits(seconds * 1e3) + " ms";
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      if (seconds >= 2 * size) return Math.floor(seconds / size) + " " + unit;
    }
    return (seconds < 10 ? seconds.toFixed(1).replace(".0", "") : Math.floor(seconds)) + " s";
  };
  const share = (value) => (known(value) ? Math.round(100 * value) + " %" : "–");
  const plural = (n, one, many) => count(n) + " " + (n === 1 ? one : many);

  // ---- What it is made of.
  const make = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) if (value) made.setAttribute(key, value);
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  };
  // A number that shows which one it is, and exactly: for whoever checks.
  const figure = (name, value, text, key) => {
    const made = make("span", { "data-figure": name, "data-of": key }, text);
    made.dataset.value = known(value) ? value : "";
    return made;
  };
  const pill = (text, mood) => make("span", { class: "pill " + (mood ?? "") }, text);

  // Lines of the last minutes, over each other: [values…], gaps where nothing
  // is known. `says` is for who does not see it.
  const svg = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  function lines(all, samples, says, small) {
    const chart = svg("svg", { class: small ? "line small" : "line", viewBox: "0 0 100 30", preserveAspectRatio: "none", role: "img", "aria-label": says });
    const top = Math.max(...all.flat().filter(known), 0) || 1;
    chart.append(svg("line", { class: "base", x1: 0, x2: 100, y1: 30, y2: 30 }));
    all.forEach((values, nth) => {
      const from = samples - values.length;
      let path = "", begun = null, last = null;
      const area = [];
      values.forEach((value, i) => {
        if (!known(value)) { begun = null; return; }
        const x = (100 * (from + i)) / Math.max(samples - 1, 1), y = 29 - (27 * value) / top;
        path += (begun === null ? "M" : "L") + x.toFixed(2) + " " + y.toFixed(2);
        if (begun === null) area.push([]);
        area.at(-1).push([x.toFixed(2), y.toFixed(2)]);
        begun = last = x;
      });
      if (nth === 0) {
        for (const piece of area) {
          const inside = piece.map((point) => point.join(" ")).join("L");
          chart.append(svg("path", { class: "area", d: `M${piece[0][0]} 30L${inside}L${piece.at(-1)[0]} 30Z` }));
        }
      }
      if (last !== null) chart.append(svg("path", { class: nth ? "stroke second" : "stroke", d: path }));
    });
    return chart;
  }

  // ---- What is known: the history by subject and figure, of one server's life.
  let history = null;
  function remember(answer) {
    if (history?.instance !== answer.instance) history = { instance: answer.instance, next: 0, subjects: new Map() };
    const names = answer.figures;
    const subjects = new Map();
    for (const { subject, values } of answer.history) {
      const before = history.subjects.get(subject) ?? {};
      const now = {};
      names.forEach((name, i) => {
        now[name] = (before[name] ?? []).concat(values[i]).slice(-answer.samples);
      });
      subjects.set(subject, now);
    }
    // Of a server that has just begun, the last minute alone.
    const minute = Math.round(60 / answer.interval_seconds);
    const longest = Math.max(minute, ...[...subjects.values()].flatMap((figures) => Object.values(figures).map((values) => values.length)));
    history = { instance: answer.instance, next: answer.next, subjects, samples: Math.min(answer.samples, longest), interval: answer.interval_seconds };
  }
  const series = (name, subject = "") => history.subjects.get(subject)?.[name] ?? [];
  const latest = (name) => series(name).at(-1);
  const spanText = () => "last " + length(history.samples * history.interval);
  function spark(names, write, label, subject = "", small = false) {
    const all = names.map((name) => series(name, subject));
    const values = all.flat().filter(known);
    const says = values.length === 0
      ? `${label}: nothing known yet`
      : `${label}, ${spanText()}: at most ${write(Math.max(...values))}, now ${write(all.at(-1).at(-1))}`;
    const chart = lines(all, history.samples, says, small);
    if (small) return [chart];
    const range = make("p", { class: "range", "aria-hidden": "true" });
    if (names.length > 1) names.forEach((name, i) => range.append(make("span", { class: i ? "key second" : "key" }, name.slice(-3))));
    else range.append(make("span", {}, spanText()));
    range.append(make("span", {}, values.length ? "max " + write(Math.max(...values)) : ""));
    return [chart, range];
  }

  function card(title, value, note, chart = [], mood) {
    return make("section", { class: "card" }, make("h3", {}, title), make("p", { class: "value" }, ...[value].flat()),
      make("p", { class: "note " + (mood ?? "") }, ...[note ?? ""].flat()), ...chart);
  }
  const bar = (value, most, says) => {
    const made = make("progress", { "aria-label": says, max: 1, class: value > 0.9 * most ? "bad" : "" });
    made.value = most > 0 ? value / most : 0;
    return made;
  };
  const block = (title, ...inside) => make("section", { class: "card block" }, make("h2", {}, title), ...inside);
  function facts(title, rows) {
    const list = make("dl");
    for (const [name, value, mood] of rows) list.append(make("dt", {}, name), make("dd", { class: mood }, value));
    return block(title, list);
  }
  // `columns`: [title, cell(row), "left" or "wide" of texts]; the first is the
  // row's name.
  function table(title, columns, rows, note) {
    const head = make("tr");
    for (const [name, , kind] of columns) head.append(make("th", { scope: "col", class: kind ? "left" : "" }, name));
    const body = make("tbody");
    for (const row of rows) {
      const line = make("tr");
      columns.forEach(([name, cell, kind], i) => {
        const value = [cell(row)].flat();
        const mood = value.find((one) => typeof one === "object" && one?.mood)?.mood;
        const inside = value.map((one) => (one?.mood ? one.text : one));
        line.append(i === 0
          ? make("th", { scope: "row" }, ...inside)
          : make("td", { "data-label": name, class: [kind === "wide" ? "left wide" : kind ?? "", mood ?? ""].join(" ").trim() }, ...inside));
      });
      body.append(line);
    }
    return block(title, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, make("table", {}, make("thead", {}, head), body)),
      note ? make("p", { class: "note" }, note) : null);
  }

  // ---- A processor.
  const memoryNote = (f) => (f.memory_budget > 0
    ? `sessions hold ${bytes(f.memory_used)} of ${bytes(f.memory_budget)}`
    : `sessions hold ${bytes(f.memory_used)}`);
  function processor(f) {
    const workers = f.workers;
    const cards = make("div", { class: "cards" },
      card("Sockets", figure("streams", f.streams, count(f.streams)),
        `${plural(f.sessions_attached, "session", "sessions")}, ${count(f.sessions_detached)} detached`, spark(["streams"], count, "Sockets")),
      card("Messages a second", figure("messages_per_second", latest("messages_per_second"), count(latest("messages_per_second"))),
        `${count(f.messages_ok + f.messages_error)} answered so far`, spark(["messages_per_second"], count, "Messages a second")),
      card("Latency", [figure("latency_p50", latest("latency_p50"), length(latest("latency_p50"))), make("small", {}, " p50  "),
        figure("latency_p99", latest("latency_p99"), length(latest("latency_p99"))), make("small", {}, " p99")],
        "accepted until the result is ready", spark(["latency_p50", "latency_p99"], length, "Latency, p50 and p99")),
      card("CPU", [figure("cpu", latest("cpu"), known(latest("cpu")) ? latest("cpu").toFixed(2) : "–"), make("small", {}, ` of ${digits(f.cpus)} cores`)],
        workers ? "with its workers" : "of this process", spark(["cpu"], (v) => (known(v) ? v.toFixed(2) : "–"), "CPU, in cores")),
      card("Memory", figure("memory", latest("memory"), bytes(latest("memory"))), memoryNote(f),
        f.memory_budget > 0
          ? [bar(f.memory_used, f.memory_budget, "Share of the sessions' memory budget that is used"), ...spark(["memory"], bytes, "Memory")]
          : spark(["memory"], bytes, "Memory")),
      card("Waiting for a result", figure("outstanding", f.outstanding, count(f.outstanding)), "messages accepted and not answered",
        spark(["outstanding"], count, "Messages that wait")));
    const parts = [cards];
    if (workers) parts.push(workerTable(workers));
    const halves = make("div", { class: "halves" }, sessionFacts(f));
    if (f.store) halves.append(storeFacts(f.store));
    if (f.balancers.length > 0) {
      halves.append(facts("Balancers", f.balancers.map(({ address, registered }) =>
        [address, registered ? pill("registered", "good") : pill("not registered", "bad")])));
    }
    const named = f.principals.filter(({ messages }) => messages > 0);
    if (named.length > 0) {
      halves.append(facts("Who sends the most", named.map(({ name, messages, bytes: size }) =>
        [name || "all others", `${plural(messages, "message", "messages")}, ${bytes(size)}`])));
    }
    parts.push(halves);
    return parts;
  }
  const exact = (f, name) => figure(name, f[name], count(f[name]));
  function sessionFacts(f) {
    return facts("Sessions and messages", [
      ["Answered well", exact(f, "messages_ok")],
      ["Answered with an error", exact(f, "messages_error"), f.messages_error > 0 ? "warn" : ""],
      ["Sent again, and recognised", exact(f, "messages_duplicate")],
      ["Sessions attached", exact(f, "sessions_attached")],
      ["Sessions detached, which may come back", exact(f, "sessions_detached")],
      ["Opened anew", exact(f, "opened")],
      ["Resumed", exact(f, "resumed")],
      ["Came from another server", exact(f, "moved")],
      ["Lost", exact(f, "lost"), f.lost > 0 ? "bad" : ""],
      ["Ended since they did not read", exact(f, "slow_consumers"), f.slow_consumers > 0 ? "warn" : ""],
      ["Not read for a while, to save memory", exact(f, "memory_pauses"), f.memory_pauses > 0 ? "warn" : ""],
      ["File descriptors", `${count(f.descriptors)} of ${count(f.descriptor_limit)}`, f.descriptors > 0.8 * f.descriptor_limit ? "warn" : ""],
    ]);
  }
  function storeFacts(s) {
    const slow = latest("commit_p99");
    return facts("Session store", [
      ["State", s.up ? pill("works", "good") : pill("fails", "bad")],
      ["A commit takes (p99)", figure("commit_p99", slow, length(slow))],
      ["Commits", exact(s, "commits")],
      ["Sessions that wait for one", exact(s, "waiting_sessions")],
      ["The longest wait now", length(s.oldest_uncommitted_seconds), s.oldest_uncommitted_seconds > 1 ? "bad" : ""],
      ["Sessions of the fleet", exact(s, "sessions")],
      ["Size", bytes(s.bytes)],
      ["Taken over by another server", exact(s, "fenced")],
      ["Generation", s.generation],
    ]);
  }
  const WORKER_MOOD = { serving: "good", starting: "warn", retiring: "warn", leaving: "warn", killed: "bad", absent: "bad" };
  function workerTable(workers) {
    const of = (name) => (w) => figure("worker_" + name, w[name], count(w[name]), String(w.slot));
    const note = [`${count(workers.waiting)} messages wait for a worker`];
    if (workers.deaths > 0) note.push(`${plural(workers.deaths, "worker has", "workers have")} died`);
    if (workers.retries > 0) note.push(`${plural(workers.retries, "message was", "messages were")} tried again`);
    if (workers.given_up > 0) note.push(`${plural(workers.given_up, "message was", "messages were")} given up`);
    if (workers.list.length >= 64) note.push("msgproc workers lists all");
    return table(`Workers: ${workers.serving} of ${workers.slots} serve`, [
      ["Worker", (w) => ["worker " + w.slot, make("small", {}, w.pid ? "pid " + w.pid : "no process")]],
      ["State", (w) => pill(w.state, WORKER_MOOD[w.state]), "left"],
      ["Age", (w) => length(w.age_seconds)],
      ["Restarts", (w) => (w.restarts > 0 ? { mood: "warn", text: of("restarts")(w) } : of("restarts")(w))],
      ["In flight", of("in_flight")],
      ["Sessions", of("sessions")],
      ["Oldest batch", (w) => (w.oldest_seconds > 5 ? { mood: "bad", text: length(w.oldest_seconds) } : length(w.oldest_seconds))],
      ["Answered", of("messages")],
      ["Memory", (w) => bytes(w.memory)],
      ["How the last one ended", (w) => (w.last_exit ? [w.last_exit, make("small", {}, length(w.last_exit_seconds) + " ago")] : "–"), "wide"],
    ], workers.list, note.join("; "));
  }

  // ---- A balancer.
  const SERVER_MOOD = { serving: "good", draining: "warn", cordoned: "warn", unhealthy: "bad", stale: "bad" };
  function balancer(f) {
    const { serving, draining, unhealthy, stale } = f.states;
    const trouble = [[unhealthy, "unhealthy"], [stale, "stale"], [draining, "draining or cordoned"]]
      .filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`).join(", ");
    const worst = latest("latency_p99");
    const cards = make("div", { class: "cards" },
      card("Servers", [figure("serving", serving, count(serving)), make("small", {}, ` of ${count(f.known)} serve`)], trouble || (f.known ? "all is well" : "none has registered"),
        spark(["serving"], count, "Servers that serve"), unhealthy + stale > 0 || serving === 0 ? "bad" : trouble ? "warn" : ""),
      card("Sockets", figure("streams", f.streams, count(f.streams)), "on all servers", spark(["streams"], count, "Sockets")),
      card("Messages a second", figure("messages_per_second", latest("messages_per_second"), count(latest("messages_per_second"))), "on all servers",
        spark(["messages_per_second"], count, "Messages a second")),
      card("Latency p99", figure("latency_p99", worst, length(worst)), "of the slowest server", spark(["latency_p99"], length, "Latency, p99")),
      card("Look-ups a second", figure("lookups_per_second", latest("lookups_per_second"), count(latest("lookups_per_second"))),
        [figure("lookups_ok", f.lookups_ok, count(f.lookups_ok)), " so far", f.lookups_none > 0 ? `, ${count(f.lookups_none)} found none` : ""],
        spark(["lookups_per_second"], count, "Look-ups a second"), f.lookups_none > 0 ? "warn" : ""),
      card("Sessions moved", figure("moves", f.moves, count(f.moves)), `${f.policy.replaceAll("_", " ")}`, spark(["moves_per_second"], count, "Sessions moved a second")));
    const parts = [];
    if (f.fail_static) parts.push(make("p", { class: "card block pill bad" }, "Most of the fleet vanished at once: the last known servers are handed out further (fail static)."));
    if (f.stores > 1) parts.push(make("p", { class: "card block pill bad" }, `The servers keep their sessions in ${f.stores} different stores: a session that goes from one to another is lost.`));
    parts.push(cards);
    parts.push(f.servers.length > 0 ? serverTable(f) : block("Servers", make("p", { class: "quiet" }, "No processor has registered yet: start one with --balancer.")));
    if (f.events.length > 0) parts.push(lately(f.events));
    return parts;
  }
  function withSpark(text, name, label, write, server) {
    return [text, ...spark([name], write, `${label} of ${server.server_id}`, server.server_id, true)];
  }
  function workersOf(s) {
    if (!s.workers) return "–";
    const text = [`${s.workers_serving} of ${s.workers}`];
    if (s.worker_deaths > 0) text.push(make("small", {}, `${count(s.worker_deaths)} died`));
    return s.workers_serving < s.workers ? { mood: "bad", text: make("span", {}, ...text) } : text;
  }
  function clockOf(s) {
    if (!known(s.clock_ahead_seconds)) return "–";
    const off = Math.abs(s.clock_ahead_seconds);
    if (off < 0.1) return "exact";
    const text = `${length(off)} ${s.clock_ahead_seconds > 0 ? "ahead" : "behind"}`;
    return off > 2 ? { mood: "bad", text } : text;
  }
  function serverTable(f) {
    const of = (name, write) => (s) => figure("server_" + name, s[name], write(s[name]), s.server_id);
    const more = f.known > f.servers.length ? `${f.servers.length} of ${count(f.known)} are shown, those in trouble first; msgproc servers lists all.` : "";
    return table("Servers", [
      ["Server", (s) => [s.server_id, make("small", {}, s.address)]],
      ["State", (s) => [pill(s.state, SERVER_MOOD[s.state]), s.why_not_serving ? make("small", {}, s.why_not_serving) : null], "left"],
      ["Sockets", (s) => withSpark(of("streams", count)(s), "streams", "Sockets", count, s)],
      ["Messages/s", (s) => withSpark(of("messages_per_second", count)(s), "messages_per_second", "Messages a second", count, s)],
      ["p50", of("latency_p50", length)],
      ["p99", (s) => withSpark(of("latency_p99", length)(s), "latency_p99", "Latency, p99,", length, s)],
      ["CPU", (s) => (s.cpu > 0.9 ? { mood: "bad", text: share(s.cpu) } : share(s.cpu))],
      ["Memory", (s) => bytes(s.memory)],
      ["Workers", workersOf],
      ["Clock", clockOf],
      ["Reported", (s) => [known(s.report_age_seconds) ? length(s.report_age_seconds) + " ago" : "never", s.static ? make("small", {}, "from the list") : null]],
      ["Release", (s) => s.version || "–"],
    ], f.servers, more);
  }
  function lately(events) {
    const list = make("ol");
    for (const event of events.slice(0, 20)) {
      const what = make("span");
      if (event.to_server_id !== undefined) {
        what.append(make("strong", {}, event.server_id), " → ", make("strong", {}, event.to_server_id), ` ${plural(event.sessions, "session", "sessions")} moved`);
      } else {
        if (event.server_id) what.append(make("strong", {}, event.server_id), " ");
        what.append(event.text);
      }
      list.append(make("li", { class: event.bad ? "bad" : "" }, make("time", {}, length(event.age_seconds) + " ago"), what));
    }
    return block("What happened lately", list);
  }

  // ---- The whole page.
  function stateOf(f) {
    if (f.why_not_serving) return [`not welcome: ${f.why_not_serving}`, "bad"];
    if (f.cordoned) return ["cordoned: balancers send nobody", "warn"];
    if (f.kind === "balancer" && f.states.serving === 0) return ["no server to send clients to", "bad"];
    return ["serving", "good"];
  }
  function show(f) {
    const name = f.kind === "balancer" ? "Balancer" : f.server_id;
    const [state, mood] = stateOf(f);
    $("name").textContent = name;
    if ($("state").textContent !== state) $("state").textContent = state;
    $("state").className = "pill " + mood;
    $("about").textContent = `${f.kind === "balancer" ? "" : "Processor, "}${f.address}, release ${f.version}, up for ${length(f.uptime_seconds)}`.replace(/^, /, "");
    document.title = `${state === "serving" ? "" : "⚠ "}${name}, msgproc`;
    // A table that somebody scrolled to the side stays there.
    const scrolled = new Map([...document.querySelectorAll(".scroll")].map((one) => [one.getAttribute("aria-label").split(":")[0], one]));
    const focused = document.activeElement?.closest?.(".scroll")?.getAttribute("aria-label").split(":")[0];
    const before = new Map([...scrolled].map(([key, one]) => [key, one.scrollLeft]));
    $("main").replaceChildren(...(f.kind === "balancer" ? balancer(f) : processor(f)));
    for (const one of document.querySelectorAll(".scroll")) {
      const key = one.getAttribute("aria-label").split(":")[0];
      one.scrollLeft = before.get(key) ?? 0;
      if (key === focused) one.focus({ preventScroll: true });
    }
    $("main").setAttribute("aria-busy", "false");
  }

  let heard = performance.now();
  function sayGone() {
    const silent = Math.floor((performance.now() - heard) / 1000);
    const gone = silent >= 3;
    document.body.classList.toggle("gone", gone);
    $("gone").hidden = !gone;
    if (!gone) return;
    $("gone").textContent = `No answer for ${length(silent)}: the server has ended, hangs, or cannot be reached. What is shown is from then.`;
    document.title = `✖ ${$("name").textContent}, msgproc`;
  }
  // Null: there was no answer, which sayGone tells.
  async function ask(since) {
    try {
      const response = await fetch(`live.json?since=${since}`, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }
  async function poll() {
    try {
      let answer = await ask(history?.next ?? 0);
      // Another process: its numbers begin anew.
      if (answer && history && history.instance !== answer.instance) answer = await ask(0);
      if (answer) {
        remember(answer);
        heard = performance.now();
        show(answer.facts);
      }
    } finally {
      sayGone();
      setTimeout(poll, document.hidden ? 5 * POLL_MS : POLL_MS);
    }
  }
  setInterval(sayGone, POLL_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) sayGone(); });
  poll();
})();
