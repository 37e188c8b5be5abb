/* shared.js - small pieces that the pages of models have in common. */
import { html, useState } from "../../lib/html.js";
import { API, useData } from "../../lib/api.js";
import { href } from "../../lib/route.js";
import { t } from "../../lib/words.js";
import { visible } from "../../lib/ansi.js";
import { Chip } from "../../parts/badge.js";

export const CHANGES = ["model", "version", "approval", "endpoint", "rollout", "reset"];

/* RFC 3339 as milliseconds; null where there is none. */
export function ms(text) {
  const at = text ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? null : at;
}

/* {user, may: f(permission)}. Until the answer is there nothing is offered. */
export function useMe() {
  const me = useData(`${API}/session`).data;
  return { user: me?.user ?? null, may: what => Boolean(me?.may?.includes(what)) };
}

export function VersionLink({ model, version, children }) {
  return html`<a href=${href("/models/{name}/{version}", { name: model, version })}>${children ?? `v${version}`}</a>`;
}

/* aliases: names. */
export function Aliases({ names }) {
  return names.map(a => html`<${Chip} key=${a} kind="accent" title=${t("alias {name}", { name: a })}>${visible(a)}</${Chip}> `);
}

export function Stage({ name }) {
  return name && name !== "None" ? html`<${Chip} title=${t("stage {name}", { name })}>${name}</${Chip}>` : null;
}

/* list: [{endpoint, version}]. */
export function Endpoints({ list, versions }) {
  return list.map((e, i) => html`${i > 0 && ", "}<a key=${e.endpoint} href=${href("/endpoints/{name}", { name: e.endpoint })}>${visible(e.endpoint)}</a>${versions && html` <span class="soft">v${e.version}</span>`}`);
}

/* [open(name, props), dialog]: one dialog at a time; done(name) when it changed something. dialogs: components that stay the same from one drawing to the next,
 * else each event would make the dialog anew, without what was typed in it. live: props that follow the page while a dialog is open. */
export function useDialog(dialogs, done, live) {
  const [shown, show] = useState(null), Shown = shown && dialogs[shown.name];
  return [(name, props) => show({ name, props }), Shown && html`<${Shown} ...${shown.props} ...${live} onClose=${changed => { show(null); if (changed) done(shown.name); }} />`];
}
