// Draws a chart of panels (see core/figures/panels.py): lines over one horizontal axis, with a cursor
// through all panels whose values stand in the legends.

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 50;
const RIGHT = 10;
const TOP = 5;
const LABELS = 36; // Height of the horizontal axis's labels and title, px.
const CLICK = 4; // A pointer that moves less, px, has not been dragged.
const PREFIXES = { "-15": "f", "-12": "p", "-9": "n", "-6": "µ", "-3": "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T" };

const charts = new WeakMap();

export default function ({ data, parentElement }) {
  if (!charts.has(parentElement)) charts.set(parentElement, new Chart(parentElement));
  const chart = charts.get(parentElement);
  chart.show(data);
  return () => chart.rest();
}

class Chart {
  constructor(parent) {
    this.root = add(parent, "div", { class: "panel-chart" });
    this.observer = new ResizeObserver(() => this.root.clientWidth !== this.width && this.draw());
    this.views = [];
    this.cursor = null; // A value of the horizontal axis, or nothing.
  }

  // A zoom stays while the horizontal axis stays, so that a moved slider does not undo it.
  show(data) {
    const whole = extent(data.panels.flatMap((panel) => panel.lines.flatMap((line) => line.x)));
    if (!this.data || whole.join() !== this.whole.join()) this.seen = whole;
    this.data = data;
    this.whole = whole;
    if (this.views.length !== data.panels.length) {
      this.root.replaceChildren();
      this.views = data.panels.map(() => this.view());
    }
    this.observer.observe(this.root);
    this.draw();
  }

  rest() {
    this.observer.disconnect();
  }

  view() {
    const legend = add(this.root, "div", { class: "panel-legend" });
    const svg = add(this.root, "svg", { class: "panel-picture", tabindex: 0, role: "img" });
    svg.addEventListener("pointerdown", (event) => this.grab(svg, event));
    svg.addEventListener("pointermove", (event) => this.point(this.value(svg, event)));
    svg.addEventListener("pointerup", (event) => this.release(svg, event));
    svg.addEventListener("pointercancel", () => this.leave());
    svg.addEventListener("pointerleave", () => this.leave());
    svg.addEventListener("dblclick", () => this.zoom(this.whole));
    svg.addEventListener("keydown", (event) => this.press(event));
    svg.addEventListener("blur", () => this.leave());
    return { legend, svg };
  }

  draw() {
    this.width = this.root.clientWidth;
    if (this.width <= LEFT + RIGHT) return; // Hidden; it is drawn once it has room.
    this.across = scale(this.seen, [LEFT, Math.max(this.width - RIGHT, LEFT + 1)], this.data.axis.logarithmic);
    this.data.panels.forEach((panel, i) => this.drawPanel(panel, this.views[i], i === this.views.length - 1));
    this.point(this.cursor);
  }

  drawPanel(panel, view, last) {
    const { svg, legend } = view;
    const { across } = this;
    const bottom = panel.height - (last ? LABELS : 8);
    const up = scale(this.ends(panel), [bottom, TOP], false);
    svg.replaceChildren();
    set(svg, { height: panel.height, "aria-label": this.data.alt || `${this.data.title}: ${panel.axis.title} over ${this.data.axis.title.toLowerCase()}` });
    for (const tick of ticks(across, this.data.axis, this.width / 75)) {
      const x = across.to(tick);
      add(svg, "line", { class: "panel-grid", x1: x, x2: x, y1: TOP, y2: bottom });
      if (last) label(svg, text(tick, this.data.axis.prefixes, 4).trim(), x, bottom + 14, "middle");
    }
    for (const tick of ticks(up, panel.axis, (bottom - TOP) / 32)) {
      const y = up.to(tick);
      add(svg, "line", { class: "panel-grid", x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y });
      label(svg, number(tick, 6), LEFT - 6, y + 4, "end");
    }
    if (last) label(svg, titled(this.data.axis), (LEFT + this.width - RIGHT) / 2, bottom + 30, "middle");
    const title = label(svg, titled(panel.axis), 0, 0, "middle");
    title.setAttribute("transform", `translate(11 ${(TOP + bottom) / 2}) rotate(-90)`);
    // An inner picture cuts off what a zoom leaves outside.
    const inner = { x: LEFT, y: TOP, width: this.width - RIGHT - LEFT, height: bottom - TOP };
    const plot = add(svg, "svg", { ...inner, viewBox: Object.values(inner).join(" ") });
    panel.rules.forEach((rule) => drawRule(plot, rule, across, up));
    panel.lines.forEach((line) => drawLine(plot, line, across, up));
    view.zoomed = add(plot, "rect", { class: "panel-zoom", y: TOP, height: bottom - TOP, width: 0 });
    view.cursor = add(plot, "line", { class: "panel-cursor", y1: TOP, y2: bottom });
    legend.replaceChildren();
    view.place = add(legend, "span", {});
    view.values = panel.lines.map((line) => entry(legend, line));
  }

  // What the vertical axis of a panel spans: its lines between the ends of the horizontal axis.
  ends(panel) {
    const [low, high] = this.seen;
    const inside = panel.lines.flatMap((line) => [
      ...line.y.filter((_, i) => low <= line.x[i] && line.x[i] <= high),
      ...this.seen.map((x) => this.at(line, x)),
    ]);
    const [least, most] = extent(inside.filter(Number.isFinite));
    const space = 0.05 * (most - least) || 0.05 * Math.abs(most) || 1;
    return panel.axis.zero ? [0, most + space] : [least - space, most + space];
  }

  at(line, x) {
    const i = line.x.findIndex((value) => value >= x);
    if (i < 0 || (i === 0 && line.x[0] > x)) return NaN;
    if (i === 0) return line.y[0];
    const bend = this.data.axis.logarithmic ? Math.log : (value) => value;
    const [from, to] = [bend(line.x[i - 1]), bend(line.x[i])];
    const part = to > from ? (bend(x) - from) / (to - from) : 1;
    return line.y[i - 1] + part * (line.y[i] - line.y[i - 1]);
  }

  value(svg, event) {
    const x = event.clientX - svg.getBoundingClientRect().left;
    return this.across.from(Math.min(Math.max(x, LEFT), this.width - RIGHT));
  }

  // Puts the cursor at a value of the horizontal axis, or away.
  point(cursor) {
    this.cursor = cursor;
    const x = cursor === null ? -10 : this.across.to(cursor);
    this.data.panels.forEach((panel, i) => {
      const view = this.views[i];
      set(view.cursor, { x1: x, x2: x });
      view.place.textContent = cursor === null ? "" : measured(cursor, this.data.axis);
      panel.lines.forEach((line, n) => {
        const value = cursor === null ? NaN : this.at(line, cursor);
        view.values[n].textContent = Number.isFinite(value) ? measured(value, panel.axis) : "";
      });
      const from = this.from === undefined || cursor === null ? x : this.across.to(this.from);
      set(view.zoomed, { x: Math.min(x, from), width: Math.abs(x - from) });
    });
  }

  leave() {
    this.from = undefined;
    this.point(null);
  }

  grab(svg, event) {
    if (event.button) return;
    svg.setPointerCapture(event.pointerId);
    this.from = this.value(svg, event);
  }

  release(svg, event) {
    if (this.from === undefined) return;
    const ends = [this.from, this.value(svg, event)].sort((a, b) => a - b);
    this.from = undefined;
    if (this.across.to(ends[1]) - this.across.to(ends[0]) > CLICK) this.zoom(ends);
    else this.point(this.cursor);
  }

  zoom(ends) {
    this.seen = ends;
    this.draw();
  }

  press(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (way) {
      const here = this.cursor === null ? (LEFT + this.width) / 2 : this.across.to(this.cursor);
      const there = here + (way * this.width) / 100;
      this.point(this.across.from(Math.min(Math.max(there, LEFT), this.width - RIGHT)));
      event.preventDefault();
    } else if (event.key === "Escape") this.zoom(this.whole);
  }
}

function drawRule(plot, rule, across, up) {
  const vertical = rule.axis === "x";
  const place = (vertical ? across : up).to(rule.value);
  const ends = vertical ? { x1: place, x2: place, y1: "-100%", y2: "200%" } : { x1: "0", x2: "200%", y1: place, y2: place };
  add(plot, "line", { ...ends, stroke: rule.colour, "stroke-dasharray": rule.dashed ? "2 2" : "none" });
}

function drawLine(plot, line, across, up) {
  const places = line.x.map((x, i) => `${across.to(x).toFixed(1)},${up.to(line.y[i]).toFixed(1)}`);
  const path = `M${places.join("L")}`;
  if (line.filled) {
    const ground = `V${up.to(0)}H${across.to(line.x[0])}Z`;
    add(plot, "path", { class: "panel-fill", d: path + ground, fill: line.colour });
  }
  const dashes = line.dashed ? "3 3" : "none";
  add(plot, "path", { class: "panel-line", d: path, stroke: line.colour, "stroke-dasharray": dashes });
}

function entry(legend, line) {
  const item = add(legend, "span", {});
  const key = add(item, "i", { class: `panel-key${line.dashed ? " panel-dashed" : ""}` });
  key.style.borderColor = line.colour;
  item.append(`${line.name} `);
  return add(item, "b", {});
}

function label(svg, text, x, y, anchor) {
  const element = add(svg, "text", { x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}

function add(parent, name, attributes) {
  const drawn = ["svg", "line", "path", "rect", "text"].includes(name);
  const element = drawn ? document.createElementNS(SVG, name) : document.createElement(name);
  set(element, attributes);
  return parent.appendChild(element);
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

function extent(values) {
  return values.length ? [Math.min(...values), Math.max(...values)] : [1, 10];
}

// From values to px and back.
function scale([low, high], [start, end], logarithmic) {
  const bend = logarithmic ? Math.log10 : (value) => value;
  const unbend = logarithmic ? (value) => 10 ** value : (value) => value;
  const [from, to] = [bend(low), bend(high)];
  const ratio = (end - start) / (to - from || 1);
  return {
    ends: [low, high],
    to: (value) => start + (bend(value) - from) * ratio,
    from: (place) => unbend(from + (place - start) / ratio),
  };
}

// About so many round values between the ends of an axis.
function ticks({ ends: [low, high] }, { logarithmic, steps }, wanted) {
  const decades = logarithmic ? Math.log10(high / low) : 0;
  if (decades >= 0.7) {
    const stride = Math.max(1, Math.ceil(decades / wanted));
    const powers = range(Math.floor(Math.log10(low) / stride), Math.floor(Math.log10(high) / stride));
    const factors = 3 * decades <= 1.3 * wanted ? [1, 2, 5] : [1];
    return powers
      .flatMap((power) => factors.map((factor) => Number(`${factor}e${power * stride}`)))
      .filter((tick) => low <= tick && tick <= high);
  }
  const least = (high - low) / Math.max(wanted, 2);
  const power = 10 ** Math.floor(Math.log10(least));
  const known = steps.length ? steps : [1, 2, 5, 10].map((factor) => factor * power);
  const step = known.find((size) => size >= least) ?? known.at(-1);
  return range(Math.ceil(low / step), Math.floor(high / step)).map((count) => count * step);
}

function range(first, last) {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
}

function titled({ title, unit }) {
  return unit ? `${title} [${unit}]` : title;
}

// A value as people write it: 1.2 MHz, 0.5 um, 45.3 dB, 60.2°.
function measured(value, { prefixes, unit }) {
  const written = text(value, prefixes, 4);
  return unit === "°" ? `${written.trim()}°` : `${written}${unit}`;
}

// A number, and what its unit is to be written behind.
function text(value, prefixes, digits) {
  return prefixes ? engineering(value, digits) : `${number(value, digits)} `;
}

function number(value, digits) {
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

function engineering(value, digits) {
  if (value === 0) return "0 ";
  const exact = Number(value.toPrecision(digits));
  const power = Math.min(12, Math.max(-15, 3 * Math.floor(Math.log10(Math.abs(exact)) / 3 + 1e-9)));
  return `${number(exact / 10 ** power, digits)} ${PREFIXES[power]}`;
}
