/* lineview.js - the lines of a text, of which only those are drawn that are seen: what the log view and the viewer of text files stand on. `lines` is a Lines
 * (lib/lines.js); `version` changes when it does. Lines are not wrapped; they scroll sideways in the box. */
import { cls, html, useEffect, useLayoutEffect, useRef, useState } from "../lib/html.js";
import { lastWriting, pieces } from "../lib/ansi.js";
import { integer } from "../lib/format.js";
import { heightOf, ROW_PX, scrollTo, visibleLines } from "../lib/lineplace.js";
import { t } from "../lib/words.js";

const LINE_SHOWN = 4000;
const NEAR_END_PX = 30;

export function lineCount(n) {
  return t("{n} line|{n} lines", { n }).replace(String(n), integer(n));
}

/* A piece with what is searched for marked. */
function marked(text, word) {
  const low = text.toLowerCase(), out = [];
  let from = 0;
  for (let at = low.indexOf(word); word && at >= 0 && low.length === text.length; at = low.indexOf(word, from)) {
    out.push(text.slice(from, at), html`<mark>${text.slice(at, at + word.length)}</mark>`);
    from = at + word.length;
  }
  out.push(text.slice(from));
  return out;
}

function Line({ n, text, over, numbers, word, hit, here, first }) {
  const cut = text.length > LINE_SHOWN;
  const whole = cut ? text.slice(0, LINE_SHOWN) : text, parts = pieces(over ? lastWriting(whole) : whole.replace(/\r$/, ""));
  return html`<div class=${cls("line", hit && "hit", here && "here")}>${numbers && html`<span class="line-number" aria-hidden="true">${first + n}</span>`}<span
    class="line-text">${parts.map(([piece, look], i) => (look ? html`<span key=${i} class=${look}>${marked(piece, word)}</span>` : marked(piece, word)))}${cut &&
    html`<em class="soft"> … ${t("the line goes on")}</em>`}</span></div>`;
}

/* rows: at most so many are seen at once and no more than there are; else the style sheet says how high the box is. numbers: false while the first line is not known. over: a line shows what was written last of it, as terminals do. word: lower case. hits: Set of lines; here: the line that must be seen. follow: stay at the end;
 * onFollow(bool) tells that the user went away from it or came back. moved: how many lines were put before, in all: what is seen stays. */
export function LineView({ lines, version, label, numbers = true, first = 1, over = false, word = "", hits, here, follow = false, onFollow, moved = 0, rows: most }) {
  const box = useRef(null), before = useRef({ moved: 0, count: 0 });
  const [at, set] = useState({ scroll: 0, view: 400 });
  const count = lines.count, height = heightOf(count);
  const look = () => set({ scroll: box.current.scrollTop, view: box.current.clientHeight });
  useLayoutEffect(() => {
    const seen = new ResizeObserver(() => box.current && look());
    seen.observe(box.current);
    look();
    return () => seen.disconnect();
  }, []);
  useLayoutEffect(() => {
    const more = moved - before.current.moved;
    before.current = { moved, count };
    if (follow)
      box.current.scrollTop = height;
    else if (more)
      box.current.scrollTop += more * ROW_PX;
    look();
  }, [version, follow, moved]);
  useEffect(() => {
    if (here !== undefined && here !== null)
      box.current.scrollTop = scrollTo(here, box.current.scrollTop, box.current.clientHeight, count);
  }, [here]);
  const scrolled = () => {
    look();
    const end = box.current.scrollHeight - box.current.scrollTop - box.current.clientHeight < NEAR_END_PX;
    if (onFollow && end !== follow && before.current.count === count)
      onFollow(end);
  };
  const { from, to, top } = visibleLines(at.scroll, at.view, count);
  const rows = [];
  for (let i = from; i < to; i++)
    rows.push(html`<${Line} key=${i} n=${i} text=${lines.line(i, LINE_SHOWN)} over=${over} numbers=${numbers} word=${word} hit=${hits?.has(i)} here=${i === here} first=${first} />`);
  return html`<div class="lines" style=${most ? { height: `${Math.min(most, count) * ROW_PX + 20}px` } : null} ref=${box} tabindex="0" role="group" aria-label=${label} onScroll=${scrolled} data-lines=${count}>
    <div class="lines-all" style=${{ height: `${height}px` }}><div class="lines-seen" style=${{ top: `${top}px` }}>${rows}</div></div>
    <span class="visually-hidden">${lineCount(count)}</span></div>`;
}
