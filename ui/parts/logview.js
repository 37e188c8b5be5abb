/* logview.js - what a program prints, while it prints: colours, search, follow, a million lines. The end is shown at once; what stands before it is fetched
 * behind it, piece by piece, and put before it without anything jumping.
 *
 *     <${LogView} key=${id} source=${source} label=${t("Console")} />
 * source.state() -> {first, size, ended}: which bytes there are, and whether more may come; source.bytes(from, max) -> Uint8Array. Both promises.
 * A source that shrinks (its first bytes were dropped) loses nothing that is shown. At most KEEP_BYTES are kept; the earlier part is told of. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { plain } from "../lib/ansi.js";
import { bytes as formatBytes, integer } from "../lib/format.js";
import { Lines, Search } from "../lib/lines.js";
import { tailStart } from "../lib/tail.js";
import { t } from "../lib/words.js";
import { Icon } from "./icons.js";
import { lineCount, LineView } from "./lineview.js";
import { Empty, Failed, Skeleton } from "./states.js";

const TAIL_BYTES = 256 << 10;
const PIECE_BYTES = 1 << 20;
const KEEP_BYTES = 64 << 20;
const POLL_MS = 1000;
const SEARCH_MS = 12;

/* What is known of the source, and its lines. changed() draws. */
class Log {
  constructor(source, changed) {
    this.source = source;
    this.changed = changed;
    this.lines = new Lines();
    this.decoder = new TextDecoder();
    this.start = this.next = -1; /* bytes [start, next) are here */
    this.first = this.size = 0;
    this.ended = false;
    this.moved = 0;
    this.error = null;
    this.alive = true;
  }

  get complete() {
    return this.start >= 0 && this.start <= this.first;
  }

  async state() {
    const { first, size, ended } = await this.source.state();
    Object.assign(this, { first, size, ended, error: null });
  }

  async forward() {
    while (this.alive && this.next < this.size) {
      const got = await this.source.bytes(this.next, Math.min(PIECE_BYTES, this.size - this.next));
      if (!got.length)
        return;
      this.next += got.length;
      this.lines.append(this.decoder.decode(got, { stream: true }));
      this.changed();
    }
  }

  async back() {
    while (this.alive && !this.complete && this.next - this.start < KEEP_BYTES) {
      const from = Math.max(this.first, this.start - PIECE_BYTES), got = await this.source.bytes(from, this.start - from);
      if (got.length < this.start - from)
        return; /* dropped meanwhile */
      const skip = from > this.first ? tailStart(got) : 0;
      const moved = this.lines.prepend(new TextDecoder().decode(got.subarray(skip)));
      this.start = from + skip;
      this.moved += moved;
      this.search?.moved(moved);
      this.changed();
    }
  }

  async begin() {
    await this.state();
    const from = Math.max(this.first, this.size - TAIL_BYTES);
    this.start = this.next = from;
    if (this.size > from) {
      const got = await this.source.bytes(from, this.size - from), skip = from > this.first ? tailStart(got) : 0;
      this.start = from + skip;
      this.next = from + got.length;
      this.lines.append(this.decoder.decode(got.subarray(skip), { stream: true }));
    }
    this.changed();
    await this.back();
  }

  /* Until it is told to stop; a failure is told and tried again. */
  async run() {
    while (this.alive) {
      try {
        if (this.start < 0)
          await this.begin();
        else if (!document.hidden) {
          const size = this.size, ended = this.ended;
          await this.state();
          await this.forward();
          if (size !== this.size || ended !== this.ended)
            this.changed();
        }
        if (this.ended && this.next >= this.size)
          return;
      } catch (error) {
        this.error = error;
        this.changed();
      }
      await new Promise(done => setTimeout(done, POLL_MS));
    }
  }
}

function useLog(source) {
  const [, draw] = useState(0), log = useMemo(() => new Log(source, () => draw(n => n + 1)), []);
  useEffect(() => {
    log.alive = true;
    log.run();
    return () => {
      log.alive = false;
    };
  }, []);
  return log;
}

/* {word, set, found, here, step, busy}: a search over all lines, in slices so that the page stays quick. */
function useSearch(log) {
  const [word, setWord] = useState(""), [at, setAt] = useState(0), [, draw] = useState(0);
  useEffect(() => {
    log.search = word ? new Search(log.lines, word, { of: plain }) : null;
    setAt(0);
    draw(n => n + 1);
  }, [word]);
  useEffect(() => {
    if (!log.search || log.search.done)
      return undefined;
    const timer = setTimeout(() => {
      log.search?.step(SEARCH_MS);
      draw(n => n + 1);
    });
    return () => clearTimeout(timer);
  });
  const found = log.search?.found ?? [];
  const step = by => found.length && setAt(i => (i + by + found.length) % found.length);
  return { word, set: setWord, found, at, here: found.length ? found[at] : null, step, busy: !!log.search && !log.search.done };
}

function SearchBox({ search }) {
  const key = event => {
    if (event.key === "Enter") {
      event.preventDefault();
      search.step(event.shiftKey ? -1 : 1);
    }
    if (event.key === "Escape")
      search.set("");
  };
  return html`<div class="log-search"><input type="search" value=${search.word} placeholder=${t("Search the output")} aria-label=${t("Search the output")} onInput=${e => search.set(e.target.value)} onKeyDown=${key} />
    ${search.word && html`<span class="num soft" role="status">${search.found.length ? `${search.at + 1} / ${integer(search.found.length)}${search.busy ? "…" : ""}` : search.busy ? "…" : t("nothing")}</span>
    <button type="button" class="icon-button" aria-label=${t("Previous match")} title=${t("Previous match")} onClick=${() => search.step(-1)}><${Icon} name="up" /></button>
    <button type="button" class="icon-button" aria-label=${t("Next match")} title=${t("Next match")} onClick=${() => search.step(1)}><${Icon} name="down" /></button>`}</div>`;
}

function Note({ log }) {
  if (log.error)
    return html`<p class="stale" role="status"><${Icon} name="warn" /> ${t("Not up to date:")} ${log.error.message}</p>`;
  if (log.first > 0)
    return html`<p class="soft">${t("The first {size} are not kept any more.", { size: formatBytes(log.first) })}</p>`;
  return !log.complete && log.next - log.start >= KEEP_BYTES ? html`<p class="soft">${t("Only the last {size} are shown here.", { size: formatBytes(KEEP_BYTES) })}</p>` : null;
}

/* actions: buttons beside the search. empty: what stands there when nothing was printed. */
export function LogView({ source, label, actions, empty }) {
  const log = useLog(source), [follow, setFollow] = useState(true), search = useSearch(log);
  const hits = useMemo(() => new Set(search.found), [search.found.length, log.search, log.moved]);
  const seen = useRef(null);
  if (search.here !== seen.current) {
    seen.current = search.here;
    if (search.here !== null && follow)
      setFollow(false);
  }
  if (log.start < 0)
    return log.error ? html`<${Failed} error=${log.error} />` : html`<${Skeleton} lines=${8} />`;
  if (log.lines.count === 0)
    return log.error ? html`<${Note} log=${log} />` : empty ?? html`<${Empty} title=${t("Nothing was printed")} />`;
  return html`<div class="log"><div class="log-bar"><${SearchBox} search=${search} /><span class="log-size soft num">${lineCount(log.lines.count)}${log.complete ? "" : "+"} · ${formatBytes(log.size - log.first)}</span>
    ${!log.ended && html`<button type="button" class="button small" aria-pressed=${String(follow)} onClick=${() => setFollow(!follow)}><${Icon} name=${follow ? "pause" : "play"} />${follow ? t("Following") : t("Follow")}</button>`}${actions}</div>
    <${Note} log=${log} /><${LineView} lines=${log.lines} version=${log.lines.length} label=${label} over numbers=${log.complete} word=${search.word.toLowerCase()} hits=${hits} here=${search.here}
      follow=${follow} onFollow=${setFollow} moved=${log.moved} /></div>`;
}
