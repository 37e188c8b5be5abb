/* graph.js - a directed graph on the page: nodes are links (text as text), edges an SVG below them. Used for lineage and for pipelines.
 *
 * Dragging, or the arrow keys while the box has the focus, move the picture; Ctrl + wheel, two fingers, the buttons and + - 0 change its size.
 * Tab reaches one node; the arrow keys then follow the edges, Enter opens. The position is kept outside of Preact's state: moving a graph of
 * 500 nodes changes one transform. Screen readers get the edges as a list. What exceeds NODES_MAX or EDGES_MAX is left out and told. */
import { cls, html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { palette } from "../lib/colour.js";
import { go, href } from "../lib/route.js";
import { t } from "../lib/words.js";
import { Badge } from "./badge.js";
import { layoutGraph, middleOf, neighbour, pathOf, shorten } from "./graph_layout.js";
import { Icon } from "./icons.js";

const NODE_W = 208, LINE_H = 18, PAD_H = 16, TITLE_ROOM = 23, SUB_ROOM = 29;
const SIZE_MIN = 0.15, SIZE_MAX = 2, SIZE_READABLE = 0.8, STEP_PX = 60, LABELS_MAX = 40, DRAG_PX = 4;

function sizeOf(node) {
  const lines = 1 + (node.kind || node.state ? 1 : 0) + (node.sub ? 1 : 0);
  return { w: NODE_W, h: PAD_H + LINE_H * lines + (node.body ? node.bodyHeight ?? LINE_H : 0) };
}

/* Moves and scales the canvas. `view` is {x, y, k}: screen = k * graph + (x, y). */
function useView(layout, focusOn) {
  const box = useRef(null), canvas = useRef(null), view = useRef({ x: 0, y: 0, k: 1 });
  const apply = next => {
    view.current = { ...view.current, ...next };
    const { x, y, k } = view.current;
    if (canvas.current)
      canvas.current.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
  };
  const zoom = (factor, cx = box.current.clientWidth / 2, cy = box.current.clientHeight / 2) => {
    const { x, y, k } = view.current, next = Math.min(SIZE_MAX, Math.max(SIZE_MIN, k * factor));
    apply({ k: next, x: cx - ((cx - x) * next) / k, y: cy - ((cy - y) * next) / k });
  };
  const fitted = () => Math.min(1, box.current.clientWidth / layout.width, box.current.clientHeight / layout.height);
  const centre = (k, at) => {
    const { clientWidth: w, clientHeight: h } = box.current;
    const place = (room, whole, point) => (whole * k <= room ? (room - whole * k) / 2 : Math.min(0, Math.max(room - whole * k, room / 2 - point * k)));
    apply({ k, x: place(w, layout.width, at ? at.x + at.w / 2 : 0), y: place(h, layout.height, at ? at.y + at.h / 2 : layout.height / 2) });
  };
  const fit = () => centre(Math.max(SIZE_MIN, fitted()));
  const begin = () => centre(Math.max(Math.min(SIZE_READABLE, 1), fitted()), layout.nodes[focusOn]);
  const reveal = i => {
    const n = layout.nodes[i], { x, y, k } = view.current, { clientWidth: w, clientHeight: h } = box.current;
    const shift = (low, high, room) => (low < 8 ? 8 - low : high > room - 8 ? room - 8 - high : 0);
    apply({ x: x + shift(n.x * k + x, (n.x + n.w) * k + x, w), y: y + shift(n.y * k + y, (n.y + n.h) * k + y, h) });
  };
  useEffect(begin, [layout]);
  return { box, canvas, view, apply, zoom, fit, begin, reveal };
}

/* Drag with one pointer, two fingers zoom, Ctrl + wheel zooms. A drag is no click. The listeners stay while the graph is drawn again: what is held stays held. */
function usePointers(now) {
  const dragged = useRef(false), { box, view } = now, last = useRef(now);
  last.current = now;
  useEffect(() => {
    const el = box.current, down = new Map(), apply = next => last.current.apply(next), zoom = (...args) => last.current.zoom(...args);
    let from = null, apart = 0;
    const rect = () => el.getBoundingClientRect();
    const spread = () => { const [a, b] = [...down.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
    const hold = ({ x, y }) => {
      from = { x, y, at: { ...view.current } };
    };
    const press = event => {
      if (event.button !== 0 || event.target.closest(".graph-tools"))
        return;
      down.set(event.pointerId, { x: event.clientX, y: event.clientY });
      dragged.current = false;
      hold(down.get(event.pointerId));
      apart = down.size === 2 ? spread() : 0;
    };
    const move = event => {
      if (!down.has(event.pointerId))
        return;
      down.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (down.size === 2 && apart > 0) {
        const [a, b] = [...down.values()], now = spread(), r = rect();
        zoom(now / apart, (a.x + b.x) / 2 - r.left, (a.y + b.y) / 2 - r.top);
        apart = now;
        dragged.current = true;
        return;
      }
      const dx = event.clientX - from.x, dy = event.clientY - from.y;
      if (!dragged.current && Math.hypot(dx, dy) > DRAG_PX) {
        dragged.current = true;
        el.setPointerCapture(event.pointerId);
      }
      if (dragged.current)
        apply({ x: from.at.x + dx, y: from.at.y + dy });
    };
    const release = event => {
      if (down.delete(event.pointerId) && down.size === 1)
        hold(down.values().next().value); /* one of two fingers goes on */
    };
    const wheel = event => {
      if (!event.ctrlKey && !event.metaKey)
        return;
      event.preventDefault();
      const r = rect();
      zoom(Math.exp(-event.deltaY / 300), event.clientX - r.left, event.clientY - r.top);
    };
    const click = event => {
      if (dragged.current && !event.target.closest(".graph-tools")) {
        event.preventDefault();
        event.stopPropagation();
      }
      dragged.current = false;
    };
    const all = [["pointerdown", press], ["pointermove", move], ["pointerup", release], ["pointercancel", release], ["wheel", wheel, { passive: false }], ["click", click, { capture: true }]];
    for (const [name, f, how] of all)
      el.addEventListener(name, f, how);
    return () => {
      for (const [name, f, how] of all)
        el.removeEventListener(name, f, how);
    };
  }, []);
}

function Node({ placed, i, tab, chosen, near, kinds, colours, name, on }) {
  const { node, x, y, w, h } = placed, link = node.href !== undefined && node.href !== null;
  const inner = html`<span class="graph-bar" style=${{ background: colours.get(node.kind) ?? "currentColor" }} aria-hidden="true"></span>
    ${(node.kind || node.state) && html`<span class="graph-row"><span class="graph-kind">${kinds?.[node.kind] ?? node.kind}</span>${node.state && html`<${Badge} state=${node.state} />`}</span>`}
    <b class="graph-title">${shorten(node.title, TITLE_ROOM)}</b>${node.sub && html`<span class="graph-sub">${shorten(node.sub, SUB_ROOM)}</span>`}${node.body}`;
  const props = { class: cls("graph-node", chosen && "chosen", near === false && "far"), "data-node": node.id, "data-i": i, title: [node.title, node.sub].filter(Boolean).join("\n"),
    tabindex: tab ? 0 : -1, draggable: false, style: { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` }, ...on };
  const named = html`${inner}<span class="visually-hidden"> ${name.ways}</span>`; /* what can be pressed is called by what is read in it */
  return link ? html`<a ...${props} href=${href(node.href)} aria-current=${chosen ? "true" : null}>${named}</a>` : on.onClick ?
    html`<div role="button" ...${props} aria-pressed=${String(Boolean(chosen))}>${named}</div>` : html`<div role="group" aria-label=${name.whole} ...${props}>${inner}</div>`;
}

function Edges({ layout, hot, label, down }) {
  const named = layout.edges.length <= LABELS_MAX;
  return html`<svg class="graph-edges" width=${layout.width} height=${layout.height} aria-hidden="true">${layout.edges.map((e, i) => {
    const near = hot < 0 || e.from === hot || e.to === hot, [x, y] = e.points.at(-1);
    const tip = e.self ? null : e.back ? (down ? "M-4 6L0 0L4 6" : "M6 -4L0 0L6 4") : down ? "M-4 -6L0 0L4 -6" : "M-6 -4L0 0L-6 4";
    const [mx, my] = e.edge.label && (named || (hot >= 0 && near)) ? middleOf(e) : [0, 0];
    return html`<g key=${i} class=${cls("graph-edge", e.back && "back", hot >= 0 && (near ? "near" : "far"))}><path d=${pathOf(e, down)} />${tip && html`<path class="tip" d=${tip} transform=${`translate(${x} ${y})`} />`}
      ${e.edge.label && (named || (hot >= 0 && near)) && html`<text x=${mx} y=${my - 4}>${label(e.edge.label)}</text>`}</g>`;
  })}</svg>`;
}

/* Of each node, where its edges lead and come from. */
function endsOf({ nodes, edges }) {
  const ends = nodes.map(() => ({ to: new Set(), from: new Set() }));
  for (const { from, to } of edges) {
    ends[from].to.add(to);
    ends[to].from.add(from);
  }
  return ends;
}

/* whole: all that there is to say of a node; ways: what cannot be read in its box. */
function nameOf(layout, i, ends, kinds) {
  const { node } = layout.nodes[i], titles = list => [...list].map(n => layout.nodes[n].node.title).join(", "), join = parts => parts.filter(Boolean).join("; ");
  const to = titles(ends.to), from = titles(ends.from), ways = [from && t("from {names}", { names: from }), to && t("leads to {names}", { names: to })];
  return { whole: join([kinds?.[node.kind] ?? node.kind, node.title, node.sub, node.state, ...ways]), ways: join([node.title.length > TITLE_ROOM && node.title, ...ways]) };
}

function Legend({ layout, kinds, colours }) {
  const back = layout.edges.some(e => e.back), { dropped } = layout;
  return html`<ul class="graph-legend">${[...colours].map(([kind, colour]) => html`<li key=${kind}><i style=${{ background: colour }} aria-hidden="true"></i>${kinds?.[kind] ?? kind}</li>`)}
    ${back && html`<li key="back"><i class="dashes" aria-hidden="true"></i>${t("closes a cycle")}</li>`}
    ${dropped.nodes > 0 && html`<li key="more" class="graph-more">${t("{n} node is not shown|{n} nodes are not shown", { n: dropped.nodes })}</li>`}
    ${dropped.edges > 0 && html`<li key="edges" class="graph-more">${t("{n} connection is not shown|{n} connections are not shown", { n: dropped.edges })}</li>`}</ul>`;
}

function colourKinds(nodes) {
  const colours = new Map();
  for (const { kind } of nodes)
    if (kind && !colours.has(kind))
      colours.set(kind, palette[colours.size % palette.length]);
  return colours;
}

/* nodes: [{id, title, sub?, kind?, state?, href?, body?, bodyHeight?}]: state as in badge.js, href a page's path without the prefix, body what stands
 * below the texts, bodyHeight pixels high. edges: [{from, to, label?}]. kinds: {kind: word}, words: {label: word}. selected: an id.
 * onSelect(id): a click chooses, a double click or Enter opens href. height: pixels; without it, what the graph needs, 480 at most. */
export function Graph({ nodes, edges, label, kinds, words, selected, onSelect, height, direction = "right" }) {
  const down = direction === "down", shape = JSON.stringify([nodes.map(n => [n.id, sizeOf(n)]), edges.map(e => [e.from, e.to, e.label])]);
  const layout = useMemo(() => layoutGraph(nodes, edges, { size: sizeOf, direction, gap: edges.some(e => e.label) ? 104 : 56 }), [shape, direction]);
  const fresh = new Map(nodes.map(n => [n.id, n])); /* the layout stands while only texts and states change */
  layout.nodes.forEach(n => { n.node = fresh.get(n.node.id) ?? n.node; });
  const colours = colourKinds(nodes), ends = useMemo(() => endsOf(layout), [layout]);
  const chosen = layout.nodes.findIndex(n => n.node.id === selected), [under, point] = useState(null), hot = under === null ? -1 : layout.nodes.findIndex(n => n.node.id === under), [tab, setTab] = useState(Math.max(0, chosen));
  const view = useView(layout, Math.max(0, chosen));
  usePointers(view);
  const focus = i => {
    setTab(i);
    view.reveal(i);
    view.box.current.querySelector(`[data-i="${i}"]`)?.focus({ preventScroll: true });
  };
  const key = event => {
    const at = event.target.closest(".graph-node"), i = at ? Number(at.dataset.i) : -1, node = layout.nodes[i]?.node;
    const pan = { ArrowLeft: [STEP_PX, 0], ArrowRight: [-STEP_PX, 0], ArrowUp: [0, STEP_PX], ArrowDown: [0, -STEP_PX] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(".graph-tools"))
      return;
    if (node && pan) {
      const to = neighbour(layout, i, event.key, down);
      if (to >= 0)
        focus(to);
    } else if (pan)
      view.apply({ x: view.view.current.x + pan[0], y: view.view.current.y + pan[1] });
    else if (event.key === "+" || event.key === "-")
      view.zoom(event.key === "+" ? 1.25 : 0.8);
    else if (event.key === "0")
      view.fit();
    else if (node && (event.key === "Enter" || event.key === " ") && (onSelect || node.href))
      event.key === "Enter" && node.href ? go(node.href) : onSelect?.(node.id);
    else
      return;
    event.preventDefault();
    event.stopPropagation();
  };
  const click = id => event => {
    if (event.ctrlKey || event.metaKey || event.shiftKey)
      return;
    event.preventDefault();
    onSelect(id);
  };
  const tall = height ?? Math.min(480, Math.max(140, Math.ceil(layout.height) + 48)), say = text => words?.[text] ?? text;
  const near = i => hot < 0 || i === hot || ends[hot].to.has(i) || ends[hot].from.has(i);
  return html`<div class="graph"><div class="graph-box" ref=${view.box} tabindex="0" role="group" aria-label=${t("{name}: arrow keys move the picture, + and - change its size, Tab goes to its nodes", { name: label })} onKeyDown=${key} style=${{ height: `${tall}px` }}>
    <div class="graph-canvas" ref=${view.canvas} style=${{ width: `${layout.width}px`, height: `${layout.height}px` }}><${Edges} layout=${layout} hot=${hot} label=${say} down=${down} />
      ${layout.nodes.map((placed, i) => html`<${Node} key=${placed.node.id} placed=${placed} i=${i} tab=${i === Math.min(tab, layout.nodes.length - 1)} chosen=${i === chosen} near=${near(i)} kinds=${kinds} colours=${colours} name=${nameOf(layout, i, ends[i], kinds)}
        on=${{ onMouseEnter: () => point(placed.node.id), onMouseLeave: () => point(null), onFocus: () => setTab(i), onClick: onSelect ? click(placed.node.id) : undefined, onDblClick: onSelect && placed.node.href ? () => go(placed.node.href) : undefined }} />`)}</div>
    <div class="graph-tools"><button type="button" class="icon-button" title=${t("Larger")} aria-label=${t("Larger")} onClick=${() => view.zoom(1.25)}><${Icon} name="plus" /></button>
      <button type="button" class="icon-button" title=${t("Smaller")} aria-label=${t("Smaller")} onClick=${() => view.zoom(0.8)}><${Icon} name="minus" /></button>
      <button type="button" class="icon-button wide" title=${t("Show all of it")} onClick=${() => view.fit()}>${t("Fit")}</button></div></div>
    <${Legend} layout=${layout} kinds=${kinds} colours=${colours} />
    <ul class="visually-hidden" aria-label=${t("Connections")}>${layout.edges.map((e, i) => html`<li key=${i}>${layout.nodes[e.from].node.title} → ${layout.nodes[e.to].node.title}${e.edge.label && ` (${say(e.edge.label)})`}${e.back && `, ${t("closes a cycle")}`}</li>`)}</ul></div>`;
}
