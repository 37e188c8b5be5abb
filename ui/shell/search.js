/* search.js - "/" from anywhere: finds runs, models, endpoints and pages by name; arrows and Enter go there. */
import { cls, html, useEffect, useRef, useState } from "../lib/html.js";
import { API, useData } from "../lib/api.js";
import { visible } from "../lib/ansi.js";
import { useKey } from "../lib/keys.js";
import { go, path } from "../lib/route.js";
import { t } from "../lib/words.js";
import { rooms } from "../rooms.js";
import { Icon } from "../parts/icons.js";

const QUIET_MS = 150;

/* [{kind, name, to}] of what the server found and of the rooms themselves. */
function results(data, text, roomNames) {
  const places = roomNames.filter(([name]) => text && name.toLowerCase().includes(text.toLowerCase())).map(([name, to]) => ({ kind: "page", name, to }));
  const found = (data?.results ?? []).map(r => ({ kind: r.kind, name: r.name, detail: r.detail, to: addressOf(r) })).filter(r => r.to);
  return [...places, ...found];
}

function addressOf(r) {
  switch (r.kind) {
  case "run": return path("/runs/{id}", { id: r.id });
  case "experiment": return "/runs?exp=" + encodeURIComponent(r.id);
  case "model": return path("/models/{name}", r);
  case "endpoint": return path("/endpoints/{name}", r);
  default: return null;
  }
}

export function Search() {
  const [text, setText] = useState(""), [asked, ask] = useState(""), [at, setAt] = useState(0), [open, setOpen] = useState(false), box = useRef(null);
  useKey("/", t("Search everything"), () => box.current.focus());
  useEffect(() => {
    const timer = setTimeout(() => ask(text.trim()), QUIET_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const answer = useData(asked ? `${API}/search?q=${encodeURIComponent(asked)}&limit=12` : null);
  const list = results(answer.data, text.trim(), rooms.filter(r => r.rail).map(r => [t(r.rail), r.path]));
  const leave = () => { setOpen(false); setText(""); box.current.blur(); };
  const take = i => list[i] && (go(list[i].to), leave());
  const key = event => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && list.length)
      setAt((at + step + list.length) % list.length);
    else if (event.key === "Enter")
      take(Math.min(at, list.length - 1));
    else if (event.key === "Escape")
      leave();
    else
      return;
    event.preventDefault();
  };
  return html`<div class="search" role="search"><${Icon} name="search" /><input ref=${box} type="search" role="combobox" placeholder=${t("Search everything")} aria-label=${t("Search everything")} aria-expanded=${open && list.length ? "true" : "false"} aria-controls="found" aria-activedescendant=${open && list.length ? `found-${at}` : null}
      value=${text} onInput=${e => { setText(e.target.value); setAt(0); setOpen(true); }} onKeyDown=${key} onFocus=${() => setOpen(true)} onBlur=${() => setTimeout(() => setOpen(false), 150)} autocomplete="off" spellcheck="false" /><kbd>/</kbd>
    ${open && text.trim() && html`<ul id="found" class="found" role="listbox" aria-label=${t("Found")}>${list.map((r, i) => html`<li key=${r.kind + r.to} id=${`found-${i}`} role="option" aria-selected=${i === at ? "true" : "false"} class=${cls(i === at && "here")} onMouseDown=${e => { e.preventDefault(); take(i); }}>
      <span class="soft">${kindWord(r.kind)}</span> <b>${visible(r.name)}</b> ${r.detail && html`<span class="soft">${visible(r.detail)}</span>`}</li>`)}${!list.length && !answer.loading && html`<li class="soft">${answer.error ? answer.error.message : t("Nothing is called that.")}</li>`}</ul>`}</div>`;
}

function kindWord(kind) {
  return { page: t("Page"), run: t("Run"), experiment: t("Experiment"), model: t("Model"), endpoint: t("Endpoint") }[kind] ?? kind;
}
