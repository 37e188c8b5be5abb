/* filter.js - the filter box: completes names, comparisons and values while one types, shows where a filter is wrong and what was expected there. A right
 * filter takes effect shortly after the last key, or at Enter. */
import { cls, html, useEffect, useLayoutEffect, useRef, useState } from "../../lib/html.js";
import { check, complete, isPlain } from "../../lib/grammar.js";
import { useKey } from "../../lib/keys.js";
import { t } from "../../lib/words.js";
import { Icon } from "../../parts/icons.js";

const QUIET_MS = 400;

function expectedText(what) {
  return { name: t("the name of a metric, parameter, tag or attribute"), comparison: t("a comparison that fits, such as = or <"), number: t("a number"), text: t("a text in quotes"), list: t("a list in parentheses"),
    and: t("AND, OR or the end"), close: t("a closing parenthesis"), quote: t("a closing quote"), null: t("NULL or NOT NULL"), known: t("metrics.…, params.…, tags.… or an attribute such as status") }[what] ?? what;
}

function kindText(kind) {
  return { metric: t("Metric"), param: t("Parameter"), tag: t("Tag"), attribute: t("Attribute"), dataset: t("Dataset"), op: t("Comparison"), value: t("Value") }[kind] ?? kind;
}

/* The text with the place that is wrong. */
function Problem({ text, wrong, server }) {
  if (!wrong)
    return html`<p class="filter-problem" role="alert"><${Icon} name="warn" /> ${server}</p>`;
  const to = Math.max(wrong.to, wrong.at + 1);
  return html`<p class="filter-problem" role="alert"><${Icon} name="warn" /> <span>${t("At character {n} this was expected: {what}", { n: wrong.at + 1, what: expectedText(wrong.expected) })}</span>
    <code>${text.slice(Math.max(0, wrong.at - 30), wrong.at)}<mark>${text.slice(wrong.at, to) || " "}</mark>${text.slice(to, to + 30)}</code></p>`;
}

export function Filter({ value, onChange, columns, problem }) {
  const [text, setText] = useState(value), [caret, setCaret] = useState(0), [open, setOpen] = useState(false), [at, setAt] = useState(-1), [judged, judge] = useState(value), box = useRef(null);
  useKey("f", t("Filter runs"), () => box.current.focus());
  const sent = useRef(value), send = (next, how) => {
    sent.current = next;
    onChange(next, how);
  };
  useEffect(() => { /* Back, or a saved view: not what was sent from here, which may have gone on */
    if (value !== sent.current || document.activeElement !== box.current)
      setText(value);
    sent.current = value;
    judge(value);
  }, [value]);
  const found = open ? complete(text, caret, columns) : { options: [] }, shown = open && found.options.length > 0, wrong = judged === text && !shown ? check(text) : null;
  useEffect(() => { /* a word that may become the name of a metric is no filter yet */
    const timer = setTimeout(() => {
      judge(text);
      if (text !== value && !check(text) && !(shown && isPlain(text)))
        send(text.trim(), { replace: true });
    }, QUIET_MS);
    return () => clearTimeout(timer);
  }, [text, shown]);
  const place = useRef(-1);
  useLayoutEffect(() => { /* before the next key: a frame later the caret would be put before what was typed meanwhile */
    if (place.current >= 0)
      box.current.setSelectionRange(place.current, place.current);
    place.current = -1;
  });
  const take = option => {
    const next = text.slice(0, found.from) + option.text + " " + text.slice(found.to).replace(/^ /, "");
    place.current = found.from + option.text.length + 1;
    setText(next);
    setCaret(place.current);
    setAt(-1);
  };
  const press = event => {
    const n = found.options.length, step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && n)
      setAt(((at + step + 1 + n + 1) % (n + 1)) - 1);
    else if (step || (event.key === " " && event.ctrlKey))
      setOpen(true);
    else if (event.key === "Enter" && at >= 0 && found.options[at])
      take(found.options[at]);
    else if (event.key === "Enter") {
      judge(text);
      setOpen(false);
      if (!check(text))
        send(text.trim());
    } else if (event.key === "Escape" && open && n)
      setOpen(false);
    else if (event.key === "Escape")
      box.current.blur();
    else
      return;
    event.preventDefault();
  };
  const typed = event => {
    setText(event.target.value);
    setCaret(event.target.selectionStart);
    setAt(-1);
    setOpen(true);
  };
  return html`<div class="runs-filter"><div class="filter-box"><${Icon} name="filter" /><input ref=${box} type="text" role="combobox" class=${cls(wrong && "wrong")} aria-label=${t("Filter runs")} aria-expanded=${String(shown)} aria-controls="filter-options" aria-autocomplete="list" aria-invalid=${wrong ? "true" : null}
      aria-activedescendant=${shown && at >= 0 ? `filter-option-${at}` : null} placeholder=${t("Name, or metrics.loss < 0.1 AND params.lr = '0.01'")} autocomplete="off" autocapitalize="off" spellcheck="false" value=${text} onInput=${typed} onKeyDown=${press} onClick=${e => setCaret(e.target.selectionStart)} onKeyUp=${e => setCaret(e.target.selectionStart)} onBlur=${() => setOpen(false)} />
    ${text && html`<button type="button" class="icon-button filter-clear" aria-label=${t("Clear the filter")} title=${t("Clear the filter")} onClick=${() => { setText(""); send(""); box.current.focus(); }}><${Icon} name="close" /></button>`}
    ${shown && html`<ul id="filter-options" class="filter-options" role="listbox" aria-label=${t("Completions")}>${found.options.map((o, i) => html`<li key=${o.text} id=${`filter-option-${i}`} role="option" aria-selected=${String(i === at)} class=${cls(i === at && "here")} onMouseDown=${e => { e.preventDefault(); take(o); }}>
      <code>${o.text}</code><span class="soft">${kindText(o.kind)}${o.detail === undefined ? "" : " · " + t("{n} run|{n} runs", { n: o.detail })}</span></li>`)}</ul>`}</div>
    ${(wrong || problem) && html`<${Problem} text=${text} wrong=${wrong} server=${problem} />`}</div>`;
}
