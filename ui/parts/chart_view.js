/* chart_view.js - the machine behind parts/chart.js, outside of Preact: uPlot has the axes, the grid, the cursor and the dragging; the lines are drawn
 * by chart_paint.js on two canvases above it: all series, and the highlighted one, so that hovering never draws the rest again.
 * uPlot itself gets two empty points: its columns would have to be the union of all series' x.
 *
 * Views with the same `sync` key share cursor and zoom. Where the owner sets x.range it owns the zoom: a drag only tells it (onZoom). */
import uPlot from "../vendor/uplot.js";
import { lowerBound, mapping, nearestIndex, padded, widened, zoomed } from "../lib/scale.js";
import { onTheme } from "../shell/theme.js";
import { token } from "./canvas.js";
import { BYTE_STEPS, TIME_STEPS, tickDuration, tickNumber, tickTimes, tickY } from "./chart_axis.js";
import { again, nearest, rangeX, rangeY, usable } from "./chart_data.js";
import { paintBands, paintMarks, paintSeries } from "./chart_paint.js";

const groups = new Map(); /* sync key -> Set of views */
const TIP_ROWS = 6;
const ASKED_MS = 500; /* so long an owner of the zoom may take until it draws what it was told */
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const KINDS = { warn: "--warn", bad: "--bad", ok: "--ok", accent: "--accent" };

function markColour(kind) {
  return token(KINDS[kind] ?? "--soft");
}

export class ChartView {
  /* props: what parts/chart.js got; tell: {cursor(state or null), zoomed(bool)}. */
  constructor(box, props, tell) {
    this.box = box;
    this.tell = tell;
    this.zoom = null;
    this.asked = null;
    this.strong = null;
    this.at = null;
    this.update(props);
    this.endTheme = onTheme(() => this.plot.redraw(false));
    this.sizes = new ResizeObserver(() => this.resized());
    this.sizes.observe(box);
  }

  destroy() {
    this.endTheme();
    this.sizes.disconnect();
    this.join(null);
    this.plot.destroy();
  }

  join(key) {
    if (groups.get(this.group)?.delete(this) && groups.get(this.group).size === 0)
      groups.delete(this.group);
    this.group = key;
    if (key && !groups.has(key))
      groups.set(key, new Set());
    groups.get(key)?.add(this);
  }

  update(props) {
    const old = this.props, same = (a, b) => a?.[0] === b?.[0] && a?.[1] === b?.[1];
    const axes = old && old.x.kind === props.x.kind && !old.x.log === !props.x.log && !old.y.log === !props.y.log && old.y.unit === props.y.unit;
    const drawn = axes && old.list === props.list && old.hidden === props.hidden && old.marks === props.marks && old.bands === props.bands && same(old.x.range, props.x.range) &&
      same(old.y.range, props.y.range) && old.height === props.height;
    this.props = props;
    this.list = props.list;
    if (old && old.list !== props.list)
      this.at = again(this.at, this.list);
    if (old?.sync !== props.sync)
      this.join(props.sync);
    if (!drawn)
      this.range();
    if (!axes) {
      this.plot?.destroy();
      this.build();
    } else if (!drawn) {
      this.resized();
      this.show();
    }
    this.highlight(this.at?.series.id ?? props.highlight ?? null);
  }

  range() {
    const { x, y, hidden, marks = [] } = this.props, all = rangeX(this.list, hidden, x.log);
    let [from, to] = usable(x.range ?? this.zoom, x.log) ?? all ?? (x.log ? [1, 10] : [0, 1]);
    if (to > from && all && from === all[0] && to === all[1] && this.list.some(s => s.x.length === 1 || s.points)) /* whole dots at the ends */
      [from, to] = padded(all, x.log, 0.02);
    if (!(to > from))
      [from, to] = x.kind === "time" ? [from - 30000, from + 30000] : padded([from, from], x.log);
    this.xr = widened([from, to]);
    this.yr = widened(rangeY(this.list, hidden, this.xr, y.log, y.range, marks.map(m => m.y ?? NaN)));
    const zoomed = Boolean(this.zoom || x.zoomed);
    if (!zoomed)
      this.whole = all; /* who keeps the zoom may have asked for what is in it only */
    this.tell.zoomed(zoomed);
  }

  show() {
    this.plot.setData([this.xr, [null, null]]);
  }

  build() {
    const { x, y } = this.props, soft = () => token("--soft"), line = () => token("--line");
    const axis = { font: FONT, stroke: soft, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 }, gap: 4 };
    const xValues = (u, splits, i, space, step) => (x.kind === "time" ? tickTimes(splits, step)
      : splits.map(v => (v === null ? "" : x.kind === "duration" ? tickDuration(v, step) : tickNumber(v, x.log ? 0 : step))));
    const yValues = (u, splits, i, space, step) => splits.map(v => tickY(v, y.log ? 0 : step, y.unit));
    const wide = (u, values, i, cycle) => (cycle > 1 ? u.axes[i]._size : 14 + 6.6 * Math.max(3, ...(values ?? []).map(v => String(v).length)));
    const ofTime = x.kind === "time" || x.kind === "duration";
    this.plot = new uPlot({
      width: Math.max(80, this.box.clientWidth), height: this.props.height ?? 220, ms: 1, legend: { show: false }, padding: [8, 20, 0, 0],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false }, bind: { dblclick: () => () => this.zoomTo(null) } },
      scales: { x: { time: x.kind === "time", distr: x.log ? 3 : 1, range: () => this.xr }, y: { distr: y.log ? 3 : 1, range: () => this.yr } },
      axes: [{ ...axis, space: x.kind === "time" ? 72 : 56, values: xValues, size: x.kind === "time" ? 42 : 28, ...(ofTime && !x.log ? { incrs: TIME_STEPS } : {}) },
        { ...axis, space: 36, values: yValues, size: wide, ...(y.unit === "bytes" && !y.log ? { incrs: BYTE_STEPS } : {}) }],
      series: [{}, { show: true, stroke: "transparent", points: { show: false } }],
      hooks: { draw: [() => this.paint()], setCursor: [u => this.moved(u)], setSelect: [u => this.selected(u)] },
    }, [this.xr, [null, null]], this.box);
    const layer = () => {
      const canvas = document.createElement("canvas");
      canvas.className = "chart-layer";
      this.plot.over.before(canvas);
      return canvas;
    };
    this.lines = layer();
    this.top = layer(); /* uPlot draws behind this, and tells paint() */
  }

  resized() {
    const width = this.box.clientWidth, height = this.props.height ?? 220;
    if (width > 0 && (width !== this.plot.width || height !== this.plot.height))
      this.plot.setSize({ width, height });
  }

  /* How data lies on the canvas. */
  frame() {
    const { left, top, width, height } = this.plot.bbox, { x, y } = this.props;
    return { left, top, width, height, ratio: uPlot.pxRatio, from: this.xr[0], to: this.xr[1], toX: mapping(this.xr, [left, left + width], x.log), toY: mapping(this.yr, [top + height, top], y.log) };
  }

  context(canvas) {
    const { width, height } = this.plot.ctx.canvas;
    if (canvas.width !== width || canvas.height !== height)
      Object.assign(canvas, { width, height });
    const ctx = canvas.getContext("2d");
    ctx.clearRect(0, 0, width, height);
    return ctx;
  }

  paint() {
    if (!this.lines)
      return;
    const { hidden, marks = [], bands = [] } = this.props, ctx = this.context(this.lines), frame = this.frame(), start = performance.now();
    paintBands(ctx, bands, frame, markColour);
    paintSeries(ctx, this.list.filter(s => !hidden.has(s.id)), frame);
    paintMarks(ctx, marks, frame, markColour);
    this.paintStrong();
    if (this.list.length > 1000) /* bench/ui/overlay.py reads it */
      performance.measure("chart-paint", { start, end: performance.now(), detail: { lines: this.list.length } });
  }

  paintStrong() {
    const ctx = this.context(this.top), s = this.strong === null ? null : this.list.find(one => one.id === this.strong && !one.pale);
    this.lines.classList.toggle("behind", Boolean(s) && this.list.length > 1);
    if (!s)
      return;
    const frame = this.frame();
    paintSeries(ctx, [s], frame, true);
    if (this.at?.series.id !== s.id)
      return;
    ctx.beginPath();
    ctx.arc(frame.toX(s.x[this.at.index]), frame.toY(s.y[this.at.index]), 4.5 * frame.ratio, 0, 2 * Math.PI);
    ctx.fillStyle = s.stroke;
    ctx.fill();
    ctx.lineWidth = 2 * frame.ratio;
    ctx.strokeStyle = token("--surface");
    ctx.stroke();
  }

  highlight(id) {
    if (id === this.strong)
      return;
    this.strong = id;
    this.paintStrong();
  }

  /* ---- cursor ---- */

  moved(u) {
    if (this.follows)
      return;
    const { left, top } = u.cursor, inside = left >= 0 && top >= 0, ratio = uPlot.pxRatio;
    const frame = this.frame(), shift = this.plot.bbox;
    this.at = inside ? nearest(this.list, this.props.hidden, left * ratio + shift.left, top * ratio + shift.top, frame.toX, frame.toY, frame.toX.at, 30 * ratio) : null;
    this.pointed(inside ? frame.toX.at(left * ratio + shift.left) : null, left, top);
  }

  /* Tells who wants to know where the cursor stands. */
  pointed(x, left, top) {
    const id = this.at?.series.id ?? null;
    for (const other of groups.get(this.group) ?? [])
      if (other !== this)
        other.follow(x);
    if (id !== this.hovered)
      this.props.onHover?.(id);
    this.hovered = id;
    this.strong = id ?? this.props.highlight ?? null;
    this.paintStrong();
    this.tell.cursor(x === null ? null : { x, left: left + this.plot.over.offsetLeft, top: top + this.plot.over.offsetTop, width: this.box.clientWidth, at: this.at, others: this.others(x) });
  }

  /* What the other lines say at x: those nearest in value to the one pointed at, or the first ones. */
  others(x) {
    const value = this.at ? this.at.series.y[this.at.index] : null, best = [];
    let count = 0;
    for (const s of this.list) {
      if (s.pale || s.x.length === 0 || x < s.x[0] || x > s.x[s.x.length - 1] || this.props.hidden.has(s.id))
        continue;
      const index = nearestIndex(s.x, x), away = value === null ? count : Math.abs(s.y[index] - value);
      if (!Number.isFinite(s.y[index]))
        continue;
      count++;
      if (best.length === TIP_ROWS && away >= best[TIP_ROWS - 1].away)
        continue;
      best.splice(best.findIndex(row => row.away > away) >>> 0, 0, { series: s, index, away }); /* -1 >>> 0: at the end */
      best.length = Math.min(best.length, TIP_ROWS);
    }
    return { count, rows: best.sort((a, b) => b.series.y[b.index] - a.series.y[a.index]) };
  }

  /* Another view's cursor. */
  follow(x) {
    this.follows = true;
    this.plot.setCursor(x === null ? { left: -10, top: -10 } : { left: this.plot.valToPos(x, "x"), top: 0 });
    this.follows = false;
  }

  /* Arrow keys: along the line, and from line to line. Returns what to say, or null for a key that is not ours. */
  key(name) {
    const list = this.list.filter(s => !s.pale && !this.props.hidden.has(s.id) && s.x.length > 0);
    const now = this.at ?? (list[0] && { series: list[0], index: Math.max(0, Math.min(lowerBound(list[0].x, this.xr[0]), list[0].x.length - 1)) });
    const s = now?.series, place = list.findIndex(one => one.id === s?.id);
    if (name === "Escape" && (this.at || this.zoom)) {
      this.at = null;
      this.pointed(null, 0, 0);
      return true;
    }
    if (name === "0")
      return this.zoomTo(null), true;
    if (!now || place < 0)
      return false;
    const turn = { ArrowUp: -1, ArrowDown: 1 }[name], step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[name];
    if (turn) {
      const other = list[(place + turn + list.length) % list.length];
      this.at = { series: other, index: nearestIndex(other.x, s.x[now.index]) };
    } else if (step) {
      this.at = { series: s, index: this.at ? Math.max(0, Math.min(s.x.length - 1, now.index + step)) : now.index };
    } else if (name === "+" || name === "-") {
      const all = this.whole, from = performance.now() < this.asked?.until ? this.asked.range : this.xr; /* keys may come faster than the owner's answers */
      const next = zoomed(from, s.x[now.index], name === "+" ? 0.5 : 2, this.props.x.log);
      return this.zoomTo(all && next[0] <= all[0] && next[1] >= all[1] ? null : next), true;
    } else
      return false;
    const x = this.at.series.x[this.at.index], y = this.at.series.y[this.at.index];
    this.pointed(x, this.plot.valToPos(x, "x"), Number.isFinite(y) ? this.plot.valToPos(y, "y") : 0);
    return true;
  }

  /* ---- zoom ---- */

  selected(u) {
    const { left, width } = u.select;
    if (width < 4)
      return;
    const range = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.zoomTo(range);
  }

  /* null: all of it again. */
  zoomTo(range) {
    if (this.props.x.range !== undefined) {
      this.asked = { range: range ?? this.whole ?? this.xr, until: performance.now() + ASKED_MS };
      this.props.onZoom?.(range?.[0] ?? null, range?.[1] ?? null);
      return;
    }
    for (const view of groups.get(this.group) ?? [this]) {
      view.zoom = range;
      view.range();
      view.show();
      view.props.onZoom?.(range?.[0] ?? null, range?.[1] ?? null);
    }
  }

  /* The chart as it is seen, with its name, on one canvas. */
  picture(title) {
    const from = this.plot.ctx.canvas, ratio = uPlot.pxRatio, head = 28 * ratio, named = this.list.filter(s => !s.pale && !this.props.hidden.has(s.id)).slice(0, 12);
    const out = Object.assign(document.createElement("canvas"), { width: from.width, height: from.height + head + named.length * 18 * ratio }), ctx = out.getContext("2d");
    ctx.fillStyle = token("--surface");
    ctx.fillRect(0, 0, out.width, out.height);
    for (const layer of [from, this.lines])
      ctx.drawImage(layer, 0, head);
    ctx.fillStyle = token("--text");
    ctx.font = `600 ${13 * ratio}px system-ui, sans-serif`;
    ctx.fillText(title, 12 * ratio, 19 * ratio);
    ctx.font = `${12 * ratio}px system-ui, sans-serif`;
    named.forEach((s, i) => {
      const y = head + from.height + (i * 18 + 10) * ratio;
      ctx.fillStyle = s.stroke;
      ctx.fillRect(12 * ratio, y - 4 * ratio, 16 * ratio, 3 * ratio);
      ctx.fillStyle = token("--text");
      ctx.fillText(s.name, 34 * ratio, y);
    });
    return new Promise(done => out.toBlob(done, "image/png"));
  }
}
