/* columns.js - which columns a table shows, and in which order: a search box, the shown ones (dragged, or moved with Alt and the arrows), and what else there
 * is by groups. ColumnChooser({ groups: [{title, items: [{key, title, detail}]}], chosen: [keys], onChange(keys), onReset, titleOf(key), addable(text) -> key or null }) */
import { cls, html, useMemo, useRef, useState } from "../lib/html.js";
import { moved } from "../lib/grid.js";
import { t } from "../lib/words.js";
import { Icon } from "./icons.js";
import { Menu } from "./menu.js";

const SHOWN_MAX = 200; /* of a group; the search box finds the rest */

function Chosen({ chosen, titleOf, onChange }) {
  const [dragged, drag] = useState(null), [over, setOver] = useState(null), box = useRef(null);
  const press = (event, i) => {
    const step = event.altKey && { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || i + step < 0 || i + step >= chosen.length)
      return;
    event.preventDefault();
    onChange(moved(chosen, chosen[i], step < 0 ? chosen[i - 1] : chosen[i + 2] ?? null));
    requestAnimationFrame(() => box.current?.querySelectorAll("li")[i + step]?.focus());
  };
  const drop = (event, key) => {
    event.preventDefault();
    if (dragged)
      onChange(moved(chosen, dragged, key));
    drag(null);
    setOver(null);
  };
  return html`<ul class="columns-chosen" ref=${box} aria-label=${t("Shown columns")}>${chosen.map((key, i) => html`<li key=${key} tabindex="0" draggable="true" class=${cls(over === key && "over", dragged === key && "dragged")} title=${t("Drag, or press Alt and an arrow key, to move")}
    onKeyDown=${e => press(e, i)} onDragStart=${e => { drag(key); e.dataTransfer.effectAllowed = "move"; }} onDragOver=${e => { e.preventDefault(); setOver(key); }} onDragEnd=${() => { drag(null); setOver(null); }} onDrop=${e => drop(e, key)}>
    <span class="grip" aria-hidden="true">⠿</span><bdi>${titleOf(key)}</bdi><button type="button" class="icon-button" aria-label=${t("Hide {name}", { name: titleOf(key) })} title=${t("Hide {name}", { name: titleOf(key) })} onClick=${() => onChange(chosen.filter(k => k !== key))}><${Icon} name="close" /></button></li>`)}</ul>`;
}

function Group({ group, chosen, text, onChange }) {
  const want = text.toLowerCase(), fits = group.items.filter(item => item.title.toLowerCase().includes(want)), have = new Set(chosen);
  if (!fits.length)
    return null;
  const toggle = key => onChange(have.has(key) ? chosen.filter(k => k !== key) : [...chosen, key]);
  return html`<fieldset class="columns-group"><legend>${group.title} <span class="soft num">${fits.length}</span></legend>${fits.slice(0, SHOWN_MAX).map(item => html`<label key=${item.key}><input type="checkbox" checked=${have.has(item.key)} onChange=${() => toggle(item.key)} /><bdi>${item.title}</bdi><span class="soft num">${item.detail}</span></label>`)}
    ${fits.length > SHOWN_MAX && html`<p class="soft">${t("{n} more: search for them", { n: fits.length - SHOWN_MAX })}</p>`}</fieldset>`;
}

export function ColumnChooser({ groups, chosen, onChange, onReset, titleOf, addable, note }) {
  const [text, setText] = useState(""), known = useMemo(() => new Set(groups.flatMap(g => g.items.map(i => i.key))), [groups]);
  const extra = addable?.(text.trim()), offer = extra && !known.has(extra) && !chosen.includes(extra) ? extra : null;
  return html`<${Menu} icon="columns" text=${t("Columns")} label=${t("Columns")} right>${() => html`<div class="columns-menu"><input type="search" class="columns-search" placeholder=${t("Search columns")} aria-label=${t("Search columns")} value=${text} onInput=${e => setText(e.target.value)} autofocus />
    ${!text && html`<${Chosen} chosen=${chosen} titleOf=${titleOf} onChange=${onChange} />`}
    ${groups.map(group => html`<${Group} key=${group.title} group=${group} chosen=${chosen} text=${text} onChange=${onChange} />`)}
    ${offer && html`<button type="button" class="menu-item" onClick=${() => { onChange([...chosen, offer]); setText(""); }}><${Icon} name="plus" /> ${t("Show {name}", { name: offer })}</button>`}
    ${note && html`<p class="soft columns-note">${note}</p>`}<footer><button type="button" class="button small" onClick=${onReset}>${t("Usual columns")}</button></footer></div>`}</${Menu}>`;
}
