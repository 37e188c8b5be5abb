/* views.js - views of the table under a name: each is no more than an address, kept in this browser; the address alone brings everything back elsewhere. */
import { html, useState } from "../../lib/html.js";
import { go, useLocation } from "../../lib/route.js";
import { useStored } from "../../lib/store.js";
import { t } from "../../lib/words.js";
import { Confirm } from "../../parts/dialog.js";
import { Icon } from "../../parts/icons.js";
import { Menu, MenuItem } from "../../parts/menu.js";

const VIEWS_MAX = 50;

/* The address of a view: without the runs that are chosen. */
function viewText(query) {
  const kept = new URLSearchParams(query);
  kept.delete("sel");
  kept.delete("not");
  return kept.toString();
}

function Save({ text, views, keep, onClose }) {
  const [name, setName] = useState("");
  const act = async () => keep([...views.filter(v => v.name !== name.trim()), { name: name.trim(), text }].slice(-VIEWS_MAX));
  return html`<${Confirm} title=${t("Save this view")} says=${t("Filter, order, columns and experiments are kept under a name in this browser. A view of that name is replaced.")} verb=${t("Save")} act=${act} onClose=${onClose}
    extra=${html`<label class="field"><span>${t("Name")}</span><input value=${name} onInput=${e => setName(e.target.value)} required autofocus maxlength="80" /></label>`} />`;
}

export function Views() {
  const { query } = useLocation(), [views, keep] = useStored("runs.views", []), [saving, save] = useState(false), now = viewText(query);
  return html`<${Menu} text=${t("Views")} icon="pin" label=${t("Views")} right>${close => html`
    ${views.map(view => html`<div class="view-row" key=${view.name}><${MenuItem} checked=${view.text === now} onClick=${() => { close(); go("/runs" + (view.text ? "?" + view.text : "")); }}><bdi>${view.name}</bdi></${MenuItem}>
      <button type="button" class="icon-button" aria-label=${t("Forget {name}", { name: view.name })} title=${t("Forget {name}", { name: view.name })} onClick=${() => keep(views.filter(v => v !== view))}><${Icon} name="close" /></button></div>`)}
    ${!views.length && html`<p class="menu-text soft">${t("No view is saved yet.")}</p>`}
    <${MenuItem} onClick=${() => { close(); save(true); }}><${Icon} name="plus" /> ${t("Save this view")}</${MenuItem}>`}</${Menu}>
    ${saving && html`<${Save} text=${now} views=${views} keep=${keep} onClose=${() => save(false)} />`}`;
}
