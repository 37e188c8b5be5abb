/* window.js - rows of a search that may find a hundred thousand runs: pages of it are asked for as they come into view, all of one order that the server
 * keeps under a version, so that nothing jumps while one scrolls. When something changes, the rows in view are asked for again; a new order is taken over
 * at once where the table stands at its top, otherwise a line says how many runs are new. */
import { useEffect, useReducer, useRef } from "../../lib/html.js";
import { API, get } from "../../lib/api.js";
import { onEvent } from "../../lib/events.js";
import { PAGE } from "./query.js";

const AT_ONCE = 3;         /* requests under way */
const PAGES_MAX = 400;     /* kept: those farthest from the view go first */
const LIVE_MS = 1500;      /* between two looks at what changed */
const GONE = Object.freeze({ id: "", name: "", gone: true, values: [], at: new Map() });

class Window {
  constructor(told) {
    Object.assign(this, { told, body: null, key: "", pages: new Map(), stale: null, asked: new Map(), from: 0, to: 30, total: undefined, version: undefined, tops: {}, topsOf: null, renewals: 0, error: null, fresh: 0, generation: 0, looked_ms: 0, timer: 0 });
  }
  /* Another search: the old rows stay on the page until the first new ones are here. */
  set(body) {
    const key = JSON.stringify(body);
    if (key === this.key)
      return;
    this.drop();
    Object.assign(this, { body, key, version: undefined, topsOf: null, fresh: 0, from: 0, to: 30, at: new Map(body.columns.map((c, i) => [c, i])) });
    this.ask(0);
  }
  drop() {
    this.generation++;
    for (const stop of this.asked.values())
      stop.abort();
    this.asked.clear();
  }
  close() {
    this.drop();
    clearTimeout(this.timer);
    this.told = () => {};
  }
  need(from, to) {
    this.from = from;
    this.to = to;
    this.pump();
  }
  row(i) {
    const p = Math.floor(i / PAGE), page = this.pages.get(p) ?? this.stale?.get(p), row = page?.[i % PAGE];
    return page && row === null ? GONE : row;
  }
  pump() {
    if (this.version === undefined)
      return;
    const pages = Math.ceil(this.total / PAGE), first = Math.floor(this.from / PAGE), last = Math.floor((Math.min(this.to, this.total) - 1) / PAGE), wanted = [];
    for (let p = first; p <= last; p++)
      wanted.push(p);
    for (const p of [...wanted, last + 1, first - 1]) /* then their neighbours, so that a scroll meets rows */
      if (p >= 0 && p < pages && !this.pages.has(p) && !this.asked.has(p) && this.asked.size < AT_ONCE)
        this.ask(p);
  }
  /* newest: the order as of now, whatever is kept. */
  async ask(p, { newest = false } = {}) {
    const generation = this.generation, stop = new AbortController(), version = newest ? undefined : this.version, at = this.at;
    this.asked.get(p)?.abort();
    this.asked.set(p, stop);
    try {
      const data = await get(`${API}/runs/search`, { body: { ...this.body, offset: p * PAGE, limit: PAGE, version }, signal: stop.signal });
      if (generation !== this.generation)
        return;
      this.asked.delete(p);
      for (const row of data.rows) /* where a column's value stands in `values` */
        if (row)
          row.at = at;
      this.take(p, data);
    } catch (error) {
      if (generation !== this.generation || error.name === "AbortError")
        return;
      this.asked.delete(p);
      this.error = error;
      if (this.version === undefined)
        this.pages.clear(), this.total = undefined;
    }
    this.told();
    if (!this.error)
      this.pump();
    if (!this.error && this.version !== this.topsOf)
      this.askTops();
  }
  /* What is the best of a metric among all that is found: asked behind the rows, because its columns may have to be loaded first. */
  async askTops() {
    const generation = this.generation, { experiments, filter, view, columns } = this.body, metrics = columns.filter(c => c.startsWith("metrics.")).map(c => c.slice(8)).slice(0, 64);
    this.topsOf = this.version;
    try {
      const data = metrics.length ? await get(`${API}/runs/tops`, { body: { experiments, filter, view, metrics } }) : { tops: {} };
      if (generation === this.generation && JSON.stringify(data.tops) !== JSON.stringify(this.tops)) {
        this.tops = data.tops;
        this.told();
      }
    } catch { /* nothing is marked, then */ }
  }
  take(p, data) {
    this.error = null;
    if (data.version !== this.version) {
      this.stale = this.version === undefined ? null : this.pages; /* what is in view stays as it was until its own answer comes */
      this.pages = new Map();
      this.version = data.version;
      this.fresh = 0;
    }
    this.pages.delete(p);
    this.pages.set(p, data.rows);
    this.total = data.total;
    if (this.pages.size > PAGES_MAX) {
      const here = this.from / PAGE, far = [...this.pages.keys()].sort((a, b) => Math.abs(b - here) - Math.abs(a - here));
      for (const q of far.slice(0, this.pages.size - PAGES_MAX))
        this.pages.delete(q);
    }
  }
  /* Something changed: at most one look per LIVE_MS. */
  changed() {
    if (this.timer || this.body === null)
      return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.looked_ms = Date.now();
      if (!document.hidden)
        this.look();
    }, Math.max(0, LIVE_MS - (Date.now() - this.looked_ms)));
  }
  async look() {
    if (this.asked.has(0)) /* asked anew at once, a server that is slower than the changes would never be heard */
      return void this.changed();
    if (this.from === 0 || this.version === undefined)
      return void this.ask(0, { newest: true });
    const generation = this.generation;
    for (let p = Math.floor(this.from / PAGE); p * PAGE < this.to; p++)
      if (!this.asked.has(p))
        this.ask(p);
    try {
      const now = await get(`${API}/runs/search`, { body: { ...this.body, columns: [], offset: 0, limit: 1 } });
      if (generation !== this.generation)
        return;
      this.fresh = Math.max(0, now.total - this.total);
      this.told();
    } catch { /* the rows in view tell of it */ }
  }
  /* The newest order now, from its top. */
  renew() {
    this.drop();
    this.version = undefined;
    this.fresh = 0;
    this.from = 0;
    this.renewals++;
    this.ask(0, { newest: true });
  }
}

/* {total, rowAt, need, tops, error, fresh, renew, loading}. */
export function useWindow(body) {
  const [round, told] = useReducer(n => n + 1, 0), kept = useRef(null), need = useRef(null);
  kept.current ??= new Window(told);
  need.current ??= (from, to) => kept.current.need(from, to);
  const w = kept.current;
  useEffect(() => {
    if (body)
      w.set(body);
  }, [JSON.stringify(body)]);
  useEffect(() => onEvent(event => ["run", "metric", "experiment", "reset"].includes(event.kind) && w.changed()), []);
  useEffect(() => () => w.close(), []);
  return { round, total: w.total, rowAt: i => w.row(i), need: need.current, tops: w.tops, error: w.error, version: w.version, fresh: w.fresh, renewals: w.renewals, loading: w.version === undefined, renew: () => w.renew() };
}
