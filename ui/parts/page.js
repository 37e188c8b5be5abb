/* page.js - the frame of a room: its title (also the window's), what can be done, its tabs; and the card, a titled box. */
import { html, useEffect } from "../lib/html.js";
import { visible } from "../lib/ansi.js";
import { setParams, useParam } from "../lib/route.js";

/* crumbs: [[text, address]] above the title. actions: buttons. */
export function Page({ title, crumbs, actions, children, badge, sub }) {
  useEffect(() => {
    document.title = `${visible(title)} · Ingot`;
  }, [title]);
  return html`<header class="page-head"><div>
    ${crumbs && html`<nav class="crumbs" aria-label="Breadcrumb">${crumbs.map(([text, to]) => html`<a key=${to} href=${to}>${visible(text)}</a><span aria-hidden="true">/</span>`)}</nav>`}
    <h1>${visible(title)}${badge && html` ${badge}`}</h1>${sub && html`<p class="soft">${sub}</p>`}</div>${actions && html`<div class="actions">${actions}</div>`}</header>${children}`;
}

export function Card({ title, actions, children, label, flush }) {
  return html`<section class="card ${flush ? "flush" : ""}" aria-label=${label ?? title}>${(title || actions) && html`<header><h2>${title}</h2>${actions && html`<div class="actions">${actions}</div>`}</header>`}${children}</section>`;
}

/* tabs: [[name, text]]; the chosen one is the query parameter `param`. Arrow keys move. Returns the chosen name beside the bar. */
export function useTabs(tabs, param = "tab") {
  const [chosen] = useParam(param, tabs[0][0]);
  const now = tabs.some(([name]) => name === chosen) ? chosen : tabs[0][0];
  const choose = name => setParams({ [param]: name === tabs[0][0] ? null : name });
  const arrow = event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step)
      return;
    const i = tabs.findIndex(([name]) => name === now), next = tabs[(i + step + tabs.length) % tabs.length][0];
    choose(next);
    event.currentTarget.querySelector(`[data-tab="${next}"]`)?.focus();
  };
  const bar = html`<div class="tabs" role="tablist" onKeyDown=${arrow}>${tabs.map(([name, text]) => html`<button type="button" role="tab" key=${name} data-tab=${name}
    aria-selected=${name === now ? "true" : "false"} tabindex=${name === now ? 0 : -1} onClick=${() => choose(name)}>${text}</button>`)}</div>`;
  return [now, bar];
}
