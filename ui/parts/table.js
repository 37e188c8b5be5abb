/* table.js - the one table of the interface: rows of 32 px of which only those in view are drawn, a head that stays, sorting, keyboard, columns that the
 * user widens and moves, in a box of its own that scrolls sideways. What it computes is in lib/grid.js.
 *
 *   Table({ id, label, columns, rows, count, rowAt, need, rowKey, sort, onSort, onOpen, rowHref, selected, onSelect, height, empty, rowClass,
 *           lit, onHover, layout, onLayout, rowName, dense, topKey })
 *   columns   [{ key, title, value(row), cell(row), width, align: "right", sort: false, title_hint, grow, fixed }]; keep the array (useMemo): a new one draws
 *             all rows anew. grow: takes the room that is left (else the first one that is not fixed does). fixed: stands first, has no width or order to change.
 *   rows      all of them: the table sorts unless onSort is given, in which case they come sorted. Or
 *   count, rowAt(i), need(from, to)   rows that are elsewhere: undefined is drawn as a grey line; need() is told which are in view.
 *   rowKey(row)       its identity; needed with `selected`
 *   sort, onSort      {key, desc}
 *   rowHref(row)      makes the first cell a link; a click elsewhere on the row, or Enter, follows it. onOpen(row) instead or as well.
 *   selected, onSelect   Set of rowKeys: boxes in front. Space, Shift for ranges (over rows that are here).
 *   inverted, onSelectAll   all rows are chosen but those in `selected`; the box of the head, or Ctrl+A, asks for that, where rows are elsewhere
 *   height    "auto": up to 20 rows, then it scrolls; "fill": to the foot of the window
 *   layout, onLayout  {order: [keys], widths: {key: px}} where the room keeps it (URL); else it is kept in this browser under `id`.
 *   lit, onHover      key of a row to be shown as pointed at; told row or null when one is
 *   rowName(row)      text for the label of its box
 *   dense     rows of 26 px
 *   topKey    when it changes, the table scrolls to its top: another search
 *
 * Keyboard: the table is one stop of Tab (arrows, PageUp/Down, Home, End, Enter, Space), its head the next (arrows move, Enter sorts, Shift+arrows widen,
 * Ctrl+arrows move the column). The row in focus is told by aria-activedescendant, so that rows which scroll away take nothing with them. */
import { Component, cls, html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib/html.js";
import { DENSE_PX, ROW_PX, bodySize, clampWidth, keyTarget, laidOut, moved, movedTo, nextSort, rowsInView, scrollTo, selected as selection, sortRows } from "../lib/grid.js";
import { visible } from "../lib/ansi.js";
import { useStored } from "../lib/store.js";
import { t } from "../lib/words.js";

const AUTO_ROWS = 20, FILL_MIN_PX = 8 * ROW_PX, DRAG_PX = 5, BOX_PX = 36, STEP_ROWS = 4, BEYOND = 2;

/* One row. Nodes are used again for other rows, so that a slow scroll draws one row per step and a fast one makes no new nodes. */
class Row extends Component {
  shouldComponentUpdate(next) {
    return ["row", "index", "top_px", "columns", "chosen", "active", "lit", "selectable"].some(key => next[key] !== this.props[key]);
  }
  render({ row, index, top_px, columns, chosen, active, lit, selectable, table }) {
    const linked = row !== undefined && table.rowHref ? table.rowHref(row) : null;
    const first = columns.find(c => !c.fixed);
    return html`<div role="row" id=${`${table.id}-row-${index}`} aria-rowindex=${index + 2} aria-selected=${selectable ? String(chosen) : null} data-index=${index}
      class=${cls("grid-row", active && "active", chosen && "chosen", lit && "lit", index % 2 && "odd", row !== undefined && table.rowClass?.(row))} style=${{ transform: `translateY(${top_px}px)` }}>
      ${selectable && html`<div role="gridcell" class="grid-cell grid-box-cell">${row !== undefined && html`<input type="checkbox" tabindex="-1" data-pick="1" checked=${chosen} aria-label=${t("Select {name}", { name: table.rowName ? table.rowName(row) : index + 1 })} />`}</div>`}
      ${columns.map(c => html`<div role="gridcell" key=${c.key} class=${cls("grid-cell", c.align === "right" && "right", c === first && "first", c.fixed && "fixed")}>${row === undefined ? html`<i class="bone"></i>` :
        c === first && linked ? html`<a href=${linked} tabindex="-1">${cell(c, row)}</a>` : cell(c, row)}</div>`)}</div>`;
  }
}

function cell(column, row) {
  const shown = column.cell ? column.cell(row) : column.value(row) ?? "–";
  return typeof shown === "string" ? visible(shown) : shown;
}

/* The pointer on a head: beyond DRAG_PX it moves the column, else it is a click. */
function dragHead(event, box, columns, key, drop, mark) {
  const start = event.clientX, heads = [...box.querySelectorAll("[data-key]")];
  let before, dragging = false;
  const move = e => {
    dragging ||= Math.abs(e.clientX - start) > DRAG_PX;
    if (!dragging)
      return;
    const at = heads.find(h => {
      const r = h.getBoundingClientRect();
      return e.clientX < r.left + r.width / 2;
    });
    before = at ? at.dataset.key : null;
    mark({ key, before });
  };
  const up = e => {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", up);
    removeEventListener("pointercancel", up);
    mark(null);
    if (dragging && e.type === "pointerup")
      drop(before);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", up);
  addEventListener("pointercancel", up);
  return () => dragging;
}

function dragWidth(event, from_px, set) {
  const start = event.clientX;
  event.preventDefault();
  event.stopPropagation();
  const move = e => set(clampWidth(from_px + e.clientX - start));
  const up = () => {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", up);
    removeEventListener("pointercancel", up);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", up);
  addEventListener("pointercancel", up);
}

function Head({ columns, sort, onSort, setLayout, layout, selectable, allChosen, someChosen, chooseAll }) {
  const box = useRef(null), dragged = useRef(() => false), [mark, setMark] = useState(null);
  const movable = columns.filter(c => !c.fixed), keys = movable.map(c => c.key);
  const place = (key, before) => setLayout({ ...layout, order: moved(keys, key, before) });
  const widen = (key, px) => setLayout({ ...layout, widths: { ...layout.widths, [key]: clampWidth(px) } });
  const press = (event, c) => {
    const i = keys.indexOf(c.key), step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step && event.shiftKey)
      widen(c.key, c.width + 16 * step);
    else if (step && (event.ctrlKey || event.metaKey))
      i + step >= 0 && i + step < keys.length && place(c.key, step < 0 ? keys[i - 1] : keys[i + 2] ?? null);
    else if (step)
      box.current.querySelectorAll("[data-key]")[i + step]?.focus();
    else if ((event.key === "Enter" || event.key === " ") && c.sort !== false)
      onSort(nextSort(sort, c));
    else
      return;
    event.preventDefault();
    event.stopPropagation();
  };
  const down = (event, c) => {
    if (event.button === 0 && !c.fixed)
      dragged.current = dragHead(event, box.current, columns, c.key, before => place(c.key, before), setMark);
  };
  const first = movable[0];
  return html`<div class="grid-head" role="row" aria-rowindex="1" ref=${box}>
    ${selectable && html`<div role="columnheader" class="grid-cell grid-box-cell"><input type="checkbox" checked=${allChosen} indeterminate=${someChosen && !allChosen} aria-label=${allChosen || someChosen ? t("Select none") : t("Select all")} disabled=${!chooseAll && !someChosen} onChange=${() => (someChosen || allChosen || !chooseAll ? selectable(new Set()) : chooseAll())} /></div>`}
    ${columns.map(c => {
      const sorted = sort?.key === c.key ? (sort.desc ? "descending" : "ascending") : c.sort === false ? null : "none";
      return html`<div key=${c.key} role="columnheader" data-key=${c.fixed ? null : c.key} tabindex=${c === first ? 0 : -1} aria-sort=${sorted} title=${c.title_hint ?? c.title}
        class=${cls("grid-cell", c.align === "right" && "right", c.sort !== false && "sorts", c === first && "first", c.fixed && "fixed", mark?.before === c.key && "drop-before", mark && mark.before === null && c === columns[columns.length - 1] && "drop-behind", mark?.key === c.key && "dragged")}
        onPointerDown=${e => down(e, c)} onKeyDown=${e => press(e, c)} onClick=${() => !dragged.current() && c.sort !== false && onSort(nextSort(sort, c))}>
        <span class="grid-title">${c.title || html`<span class="visually-hidden">${c.title_hint}</span>`}</span>${sorted && sorted !== "none" && html`<i class="grid-arrow" aria-hidden="true">${sort.desc ? "↓" : "↑"}</i>`}
        ${!c.fixed && html`<i class="grid-grip" aria-hidden="true" onPointerDown=${e => dragWidth(e, e.target.parentNode.offsetWidth, px => widen(c.key, px))} onClick=${e => e.stopPropagation()} onDblClick=${e => { e.stopPropagation(); const { [c.key]: gone, ...widths } = layout.widths ?? {}; setLayout({ ...layout, widths }); }}></i>`}</div>`;
    })}</div>`;
}

/* Height of the box in px: what is asked for, again when the page around it changes. */
function useHeight(box, height, count, row_px) {
  const [fill_px, set] = useState(FILL_MIN_PX);
  useLayoutEffect(() => {
    if (height !== "fill")
      return undefined;
    const main = document.getElementById("main"), measure = () => {
      if (!box.current)
        return;
      const foot = main ? parseFloat(getComputedStyle(main).paddingBottom) : 0;
      set(Math.max(FILL_MIN_PX, Math.floor(innerHeight - (box.current.getBoundingClientRect().top + scrollY) - foot - 2)));
    };
    const watch = new ResizeObserver(measure);
    watch.observe(box.current.parentNode);
    if (main)
      watch.observe(main); /* what stands above may come later and push the box down */
    addEventListener("resize", measure);
    measure();
    return () => {
      watch.disconnect();
      removeEventListener("resize", measure);
    };
  }, [height]);
  const bar_px = box.current ? box.current.offsetHeight - box.current.clientHeight : 2, rows_px = ROW_PX + count * row_px + bar_px;
  return height === "fill" ? (count ? Math.min(fill_px, rows_px) : FILL_MIN_PX) : Math.min(rows_px, ROW_PX + AUTO_ROWS * row_px + bar_px);
}

/* [scroll_px, view_px, onScroll]: where the box stands, measured without its head, in steps of STEP_ROWS: within a step nothing is drawn anew. */
function useScroll(box, count, row_px) {
  const [at, set] = useState({ scroll_px: 0, view_px: 640 });
  const measure = () => {
    const e = box.current;
    if (!e)
      return; /* the page was left between two frames */
    const step_px = bodySize(count, 0, row_px).ratio === 1 ? STEP_ROWS * row_px : 1, scroll_px = Math.floor(e.scrollTop / step_px) * step_px, view_px = Math.max(ROW_PX, e.clientHeight - ROW_PX);
    e.classList.toggle("aside", e.scrollLeft > 0);
    set(old => (old.scroll_px === scroll_px && old.view_px === view_px ? old : { scroll_px, view_px }));
  };
  useLayoutEffect(measure, [count, row_px]);
  useEffect(() => {
    const watch = new ResizeObserver(measure);
    watch.observe(box.current);
    return () => watch.disconnect();
  }, [count, row_px]);
  return [at.scroll_px, at.view_px, measure];
}

/* [layout, set]: the caller's, or what this browser keeps. */
function useLayout(props) {
  const [stored, store] = useStored(`table.${props.id}`, null);
  const layout = (props.onLayout ? props.layout : stored) ?? { order: [], widths: {} };
  return [layout, props.onLayout ?? store];
}

/* {list, sort, onSort}: all rows in order, or list null where they are elsewhere. */
function useRows({ rows, sort, onSort, columns }) {
  const [own, setOwn] = useState(sort ?? null), now = onSort ? sort : own;
  const list = useMemo(() => {
    const column = rows && !onSort && now && columns.find(c => c.key === now.key);
    return column ? sortRows(rows, column, now.desc) : rows ?? null;
  }, [rows, columns, onSort ? null : now]);
  return { list, sort: now, onSort: onSort ?? setOwn };
}

function template(columns, selectable) {
  const grows = columns.find(c => c.grow) ?? columns.find(c => !c.fixed);
  return (selectable ? BOX_PX + "px " : "") + columns.map(c => (c === grows ? `minmax(${c.width}px, 1fr)` : `${c.width}px`)).join(" ");
}

/* The row in focus stays in focus when rows come and go around it. */
function useFollow({ rowKey }, { list, count, keyAt }, { active, setActive, activeKey, anchor }) {
  const key = active >= 0 && rowKey ? keyAt(active) : undefined;
  useEffect(() => {
    const old = activeKey.current;
    if (active < 0 || !rowKey || key === old)
      return;
    if (list)
      setActive(list.findIndex(row => rowKey(row) === old));
    else if (key !== undefined) { /* rows that are elsewhere: it has come at last, or is looked for nearby */
      const to = old === null ? -1 : movedTo(old, active, keyAt, count);
      if (to < 0)
        activeKey.current = key;
      else {
        anchor.current += anchor.current >= 0 ? to - active : 0;
        setActive(to);
      }
    }
  }, [list, key]);
}

/* The row in focus, and what keys and the pointer do. `here`: {list, count, at, keyAt, view_px, row_px}. */
function useHands(props, box, here) {
  const { id, rowKey, selected, onSelect } = props, { list, count, at, keyAt, view_px, row_px } = here;
  const anchor = useRef(-1), activeKey = useRef(null), [active, setActive] = useState(-1);
  useFollow(props, here, { active, setActive, activeKey, anchor });
  useLayoutEffect(() => { /* the row in focus is another one then */
    box.current.scrollTop = 0;
    setActive(-1);
    anchor.current = -1;
  }, [props.topKey]);
  const activate = i => {
    setActive(i);
    activeKey.current = keyAt(i) ?? null;
    const to_px = scrollTo(i, box.current.scrollTop, view_px, count, row_px);
    if (to_px !== box.current.scrollTop)
      box.current.scrollTop = to_px;
  };
  const pick = (i, range) => {
    onSelect(selection(selected ?? new Set(), keyAt, i, anchor.current, range));
    anchor.current = i;
  };
  const open = (i, event) => {
    const row = at(i);
    if (row === undefined)
      return;
    props.onOpen?.(row, event);
    if (props.rowHref) /* a click like the user's, keys held included, so that the router or the browser takes it */
      document.getElementById(`${id}-row-${i}`)?.querySelector(".first > a")?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey: event.ctrlKey, metaKey: event.metaKey, shiftKey: event.shiftKey, button: 0 }));
  };
  const extend = i => {
    const next = new Set(selected ?? []);
    for (let n = Math.min(i, active); n <= Math.max(i, active); n++)
      if (keyAt(n) !== undefined)
        next[props.inverted ? "delete" : "add"](keyAt(n));
    onSelect(next);
  };
  const press = event => {
    if (event.target !== box.current && !event.target.matches?.("[data-pick]"))
      return;
    const held = event.ctrlKey || event.metaKey, i = held || event.altKey ? -1 : keyTarget(event.key, active, count, Math.max(1, Math.floor(view_px / row_px) - 1));
    if (i >= 0) {
      if (event.shiftKey && onSelect && active >= 0)
        extend(i);
      activate(i);
    } else if (event.key === "a" && held && props.chooseAll) {
      props.chooseAll();
    } else if (event.key === "Enter" && active >= 0) {
      open(active, event);
    } else if (event.key === " " && active >= 0 && onSelect) {
      pick(active, event.shiftKey);
    } else {
      return;
    }
    event.preventDefault();
  };
  const rowOf = event => Number(event?.target.closest?.("[data-index]")?.dataset.index ?? -1);
  const click = event => {
    const i = rowOf(event);
    if (i < 0 || at(i) === undefined)
      return;
    if (event.target.matches("[data-pick]")) {
      event.preventDefault(); /* the box shows what `selected` says */
      activate(i);
      setTimeout(() => pick(i, event.shiftKey));
      box.current.focus({ preventScroll: true });
    } else if (!event.target.closest("a, button, input, select, label") && getSelection().isCollapsed) {
      activate(i);
      open(i, event);
    }
  };
  const hover = props.onHover && (event => props.onHover(at(rowOf(event)) ?? null));
  return { active, setActive, press, click, hover };
}

export function Table(props) {
  const { id, label, rowKey, selected, onSelect, empty, need, lit } = props, box = useRef(null);
  const [layout, setLayout] = useLayout(props), columns = useMemo(() => laidOut(props.columns, layout), [props.columns, layout]);
  const { list, sort, onSort } = useRows({ ...props, columns }), row_px = props.dense ? DENSE_PX : ROW_PX;
  const count = list ? list.length : props.count ?? 0, at = list ? i => list[i] : props.rowAt, keyAt = i => (at(i) === undefined || !rowKey ? undefined : rowKey(at(i)));
  const height_px = useHeight(box, props.height ?? "auto", count, row_px), [scroll_px, view_px, onScroll] = useScroll(box, count, row_px);
  const { from, to, origin_px } = rowsInView(scroll_px, view_px, count, STEP_ROWS + BEYOND, row_px), { body_px } = bodySize(count, view_px, row_px);
  useEffect(() => need?.(from, to), [from, to, need, count]);
  const chosen = props.inverted ? count - (selected?.size ?? 0) : selected?.size ?? 0, chooseAll = !onSelect ? null : list && rowKey ? () => onSelect(new Set(list.map(rowKey))) : props.onSelectAll ?? null;
  const { active, setActive, press, click, hover } = useHands({ ...props, chooseAll }, box, { list, count, at, keyAt, view_px, row_px });
  const drawn = [];
  for (let i = from, slots = Math.max(1, to - from); i < to; i++) {
    const key = keyAt(i);
    drawn.push(html`<${Row} key=${i % slots} table=${props} row=${at(i)} index=${i} top_px=${i * row_px + origin_px} columns=${columns} active=${i === active} lit=${key !== undefined && key === lit} chosen=${key !== undefined && !!selected?.has(key) !== !!props.inverted} selectable=${!!onSelect} />`);
  }
  const before_px = (onSelect ? BOX_PX : 0) + columns.filter(c => c.fixed).reduce((sum, c) => sum + c.width, 0);
  return html`<div class=${cls("grid-table", props.dense && "dense")} ref=${box} role="grid" aria-label=${label} aria-rowcount=${count + 1} aria-multiselectable=${onSelect ? "true" : null} tabindex=${count ? 0 : null} aria-activedescendant=${active >= from && active < to ? `${id}-row-${active}` : null}
      onScroll=${onScroll} onKeyDown=${press} onFocus=${() => active < 0 && setActive(Math.min(count - 1, Math.ceil(scroll_px / row_px)))}
      style=${{ height: count ? `${height_px}px` : null, "--grid-columns": template(columns, !!onSelect), "--grid-width": `${(onSelect ? BOX_PX : 0) + columns.reduce((sum, c) => sum + c.width, 0)}px`, "--grid-first": `${before_px}px` }}>
    <${Head} columns=${columns} sort=${sort} onSort=${onSort} layout=${layout} setLayout=${setLayout} selectable=${onSelect} allChosen=${chosen > 0 && (!!list || !!props.inverted) && chosen >= count} someChosen=${chosen > 0} chooseAll=${chooseAll} />
    ${count === 0 ? html`<div class="grid-empty" role="row"><div role="gridcell">${empty}</div></div>` : html`<div class="grid-body" role="rowgroup" style=${{ height: `${body_px}px` }}
      onClick=${click} onMouseOver=${hover} onMouseLeave=${hover && (() => hover(null))}>${drawn}</div>`}</div>`;
}
