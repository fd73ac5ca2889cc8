"use strict";
// What our pages draw with: uPlot's charts in the page's own colours.
const charts = (() => {
  const colours = ["#4477aa", "#ee6677", "#228833", "#b8a21a", "#66ccee", "#aa3377"];
  const colour = (i) => colours[i % colours.length];
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const count = (value) => Math.round(value).toLocaleString("en");
  // Without the digits that a scale does not need.
  const compact = (value) =>
    value >= 1e6 ? +(value / 1e6).toPrecision(4) + "M"
    : value >= 1e3 ? +(value / 1e3).toPrecision(4) + "k"
    : String(+value.toPrecision(4));
  const element = (name, text, parent) => {
    const made = document.createElement(name);
    made.textContent = text;
    parent.append(made);
    return made;
  };

  const axis = (extra) => ({
    stroke: style("--quiet"),
    grid: { stroke: style("--line"), width: 1 },
    ticks: { stroke: style("--line"), width: 1 },
    ...extra,
  });
  // As wide as its longest label.
  const widest = (chart, values, index, cycle) => {
    const { _size, ticks, gap, font } = chart.axes[index];
    if (cycle > 1) return _size;
    chart.ctx.save();
    chart.ctx.font = font[0];
    const width = Math.max(0, ...(values ?? []).map((text) => chart.ctx.measureText(text ?? "").width));
    chart.ctx.restore();
    return Math.ceil(ticks.size + gap + width / devicePixelRatio) + 4;
  };
  const valueAxis = (write) => axis({ size: widest, values: (_, values) => values.map((v) => (v === null ? "" : write(v))) });

  // Draws charts one below the other: [{ title, data, options }], where options() is what
  // uPlot takes beside the size.
  function draw(all, parent) {
    const drawn = all.map(({ title, data, options }) => {
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

  return { colour, style, count, compact, element, axis, valueAxis, draw };
})();
