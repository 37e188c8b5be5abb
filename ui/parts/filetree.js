/* filetree.js - folders and files as a tree whose folders are asked for when they are opened. Names are text whatever they hold.
 *
 *     <${FileTree} list=${path => promise of [{path, is_dir, size}]} chosen=${path} onChoose=${file => ...} version=${n} />
 * Arrow keys move, Right opens a folder, Left closes it, Enter chooses; one row is in the order of Tab. A new `version` asks for the open folders again. */
import { cls, html, useEffect, useRef, useState } from "../lib/html.js";
import { visible } from "../lib/ansi.js";
import { above, nameOf, treeRows } from "../lib/filerows.js";
import { bytes } from "../lib/format.js";
import { t } from "../lib/words.js";
import { Icon } from "./icons.js";

function Row({ row, open, chosen, focused, toggle, choose }) {
  const { file, depth, note } = row, indent = { paddingLeft: `${8 + 16 * depth}px` };
  if (note !== undefined)
    return html`<div class="tree-note soft" style=${indent}>${note || "…"}</div>`;
  const name = visible(nameOf(file.path));
  return html`<div class=${cls("tree-row", chosen && "chosen")} role="treeitem" aria-level=${depth + 1} aria-expanded=${file.is_dir ? String(open) : null} aria-selected=${String(chosen)} tabindex=${focused ? 0 : -1}
    data-path=${file.path} style=${indent} title=${name} onClick=${() => (file.is_dir ? toggle(file.path) : choose(file))}>
    <${Icon} name=${file.is_dir ? (open ? "down" : "right") : "audit"} /><bdi>${name}</bdi>${!file.is_dir && html`<span class="tree-size soft num">${bytes(file.size)}</span>`}</div>`;
}

function useFolders(list, chosen, version) {
  const [open, setOpen] = useState(() => new Set(chosen ? above(chosen) : [])), [folders, setFolders] = useState(() => new Map());
  const ask = path => list(path).then(files => ({ files }), error => ({ error: error.message }))
    .then(got => setFolders(old => new Map(old).set(path, got)));
  useEffect(() => {
    for (const path of ["", ...open])
      ask(path);
  }, [version]);
  const toggle = (path, want = !open.has(path)) => {
    const next = new Set(open);
    if (want)
      next.add(path);
    else
      next.delete(path);
    setOpen(next);
    if (want && !folders.has(path))
      ask(path);
  };
  return { open, folders, toggle };
}

export function FileTree({ list, chosen, onChoose, version, label, empty }) {
  const { open, folders, toggle } = useFolders(list, chosen, version), [at, setAt] = useState(null), box = useRef(null);
  const root = folders.get(""), rows = treeRows(folders, open), items = rows.filter(row => row.note === undefined);
  const focus = path => {
    setAt(path);
    [...box.current.querySelectorAll("[data-path]")].find(x => x.dataset.path === path)?.focus();
  };
  const key = event => {
    const i = items.findIndex(row => row.file.path === event.target.dataset.path), file = items[i]?.file;
    const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: items.length - 1 }[event.key];
    if (!file)
      return;
    if (to !== undefined && items[to])
      focus(items[to].file.path);
    else if (event.key === "ArrowRight" && file.is_dir)
      toggle(file.path, true);
    else if (event.key === "ArrowLeft" && file.is_dir && open.has(file.path))
      toggle(file.path, false);
    else if (event.key === "ArrowLeft" && file.path.includes("/"))
      focus(above(file.path).pop());
    else if (event.key === "Enter" || event.key === " ")
      file.is_dir ? toggle(file.path) : onChoose(file);
    else
      return;
    event.preventDefault();
  };
  if (root?.error)
    return html`<p class="problem">${root.error}</p>`;
  if (root && !root.files.length)
    return empty ?? null;
  const focused = items.some(row => row.file.path === at) ? at : items.some(row => row.file.path === chosen) ? chosen : items[0]?.file.path;
  return html`<div class="tree" role="tree" aria-label=${label ?? t("Files")} ref=${box} onKeyDown=${key}>${rows.map(row => html`<${Row} key=${row.file.path + (row.note === undefined ? "" : "\n")} row=${row} open=${open.has(row.file.path)}
    chosen=${row.file.path === chosen} focused=${row.file.path === focused} toggle=${toggle} choose=${file => { setAt(file.path); onChoose(file); }} />`)}</div>`;
}
