/* preview.js - a file, looked at: pictures, rows, JSON, Markdown, text and code, pages in a sandbox, the first bytes of the rest. It executes nothing of it.
 *
 *     <${Preview} key=${path} name=${"a/b.csv"} size=${bytes} address=${"/..."} frame=${"/..."} read=${(from, to) => promise of Uint8Array} rows=${(offset, limit) => promise of {columns, rows, total}} />
 * address: an <img> may show it; frame: answers with "Content-Security-Policy: sandbox"; rows: for Parquet, or undefined. Of large files the first PART_BYTES are
 * read and that is said; pictures and pages beyond SHOW_MAX are not shown. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { visible } from "../lib/ansi.js";
import { parseRows } from "../lib/csv.js";
import { bytes as formatBytes, integer } from "../lib/format.js";
import { parseJson } from "../lib/jsonrows.js";
import { hexLines, kindOf, looksLikeText } from "../lib/kinds.js";
import { Lines } from "../lib/lines.js";
import { t } from "../lib/words.js";
import { JsonView } from "./jsonview.js";
import { LineView } from "./lineview.js";
import { Markdown } from "./markdown.js";
import { Empty, Failed, Skeleton } from "./states.js";
import { Table } from "./table.js";
import { Toggles } from "./toggle.js";

const PART_BYTES = 1 << 20;
const SHOW_MAX = 32 << 20;
const ROWS_MAX = 10000;
const PAGE_ROWS = 200;

function usePromise(start, deps) {
  const [state, set] = useState({ waiting: true });
  useEffect(() => {
    let mine = true;
    set({ waiting: true });
    start().then(value => mine && set({ value }), error => mine && set({ error }));
    return () => {
      mine = false;
    };
  }, deps);
  return state;
}

function Cut({ size, shown }) {
  return size > shown && html`<p class="note">${t("The first {part} of {size} are shown.", { part: formatBytes(shown), size: formatBytes(size) })}</p>`;
}

function Picture({ address, name }) {
  const [broken, set] = useState(false);
  return broken ? html`<${Empty} title=${t("This is no picture that the browser can read.")} />` : html`<div class="preview-picture"><img src=${address} alt=${name} onError=${() => set(true)} /></div>`;
}

function Text({ text, name }) {
  const lines = useMemo(() => {
    const l = new Lines();
    l.append(text);
    return l;
  }, [text]);
  return html`<${LineView} lines=${lines} version=${text.length} label=${name} rows=${40} />`;
}

/* Fractions with seven digits, all of them on hover; what is text in the file is shown as it stands there. */
function cellOf(value) {
  if (value === null || value === undefined)
    return "–";
  return typeof value === "number" && !Number.isInteger(value) ? html`<span title=${value}>${String(Number(value.toPrecision(7)))}</span>` : visible(String(value));
}

/* Numbers stand right and sort as numbers where a whole column is of them. */
function columnsOf(names, rows) {
  const columns = names.map((title, i) => {
    const numeric = rows.length > 0 && rows.every(row => row[i] === null || row[i] === undefined || row[i] === "" || typeof row[i] === "number" || /^[-+]?(\d+(?:\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(row[i]));
    return { key: String(i), title: visible(title || `#${i + 1}`), width: 140, align: numeric ? "right" : "left", value: row => (numeric && row[i] !== "" && row[i] !== null ? Number(row[i]) : row[i]), cell: row => cellOf(row[i]) };
  });
  (columns.find(c => c.align === "left") ?? columns[columns.length - 1] ?? {}).grow = true;
  return columns;
}

function Rows({ text, separator, name, size, shown }) {
  const all = useMemo(() => parseRows(text, { separator, max: ROWS_MAX + 1, cut: size > shown }), [text]);
  const head = all[0] ?? [], rows = useMemo(() => all.slice(1), [all]), places = useMemo(() => new Map(rows.map((row, i) => [row, i])), [rows]), columns = useMemo(() => columnsOf(head, rows), [all]);
  if (!all.length)
    return html`<${Empty} title=${t("The file is empty")} />`;
  return html`<${Cut} size=${size} shown=${shown} />${rows.length >= ROWS_MAX && html`<p class="note">${t("The first {n} rows are shown.", { n: integer(ROWS_MAX) })}</p>`}
    <${Table} id="preview" label=${name} columns=${columns} rows=${rows} rowKey=${row => places.get(row)} height="auto" layout=${{}} onLayout=${() => {}} />`;
}

/* Rows that the server reads out of a Parquet file, page by page as they are scrolled to. */
function Parquet({ rows: read, name }) {
  const first = usePromise(() => read(0, PAGE_ROWS), []), [pages, setPages] = useState(() => new Map()), asked = useRef(new Set());
  const columns = useMemo(() => first.value && columnsOf(first.value.columns.map(c => c.name), first.value.rows), [first.value]);
  if (first.error)
    return html`<${Failed} error=${first.error} />`;
  if (!first.value)
    return html`<${Skeleton} lines=${8} />`;
  const rowAt = i => (i < PAGE_ROWS ? first.value.rows[i] : pages.get(Math.floor(i / PAGE_ROWS))?.[i % PAGE_ROWS]);
  const need = (from, to) => {
    for (let page = Math.max(1, Math.floor(from / PAGE_ROWS)); page <= Math.floor((to - 1) / PAGE_ROWS); page++)
      if (!asked.current.has(page)) {
        asked.current.add(page);
        read(page * PAGE_ROWS, PAGE_ROWS).then(got => setPages(old => new Map(old).set(page, got.rows)), () => asked.current.delete(page)); /* again at the next scroll */
      }
  };
  return html`<p class="note">${t("{n} row|{n} rows", { n: first.value.total })} · ${t("{n} column|{n} columns", { n: first.value.columns.length })}</p>
    <${Table} id="preview" label=${name} columns=${columns.map(c => ({ ...c, sort: false }))} count=${first.value.total} rowAt=${rowAt} need=${need} height="auto" layout=${{}} onLayout=${() => {}} />`;
}

function Json({ text, name, size, shown }) {
  const [source, setSource] = useState(false);
  const parsed = useMemo(() => {
    try {
      return { value: parseJson(text) };
    } catch (error) {
      return { error };
    }
  }, [text]);
  if (parsed.error)
    return html`<${Cut} size=${size} shown=${shown} />${size <= shown && html`<p class="note">${t("This is not JSON:")} ${parsed.error.message}</p>`}<${Text} text=${text} name=${name} />`;
  return html`<${Switch} value=${source} set=${setSource} />${source ? html`<${Text} text=${text} name=${name} />` : html`<${JsonView} value=${parsed.value} label=${name} />`}`;
}

function Switch({ value, set }) {
  return html`<${Toggles} className="preview-switch" options=${[[false, t("Shown")], [true, t("Source")]]} value=${value} onChoose=${set} />`;
}

function Prose({ text, name }) {
  const [source, setSource] = useState(false);
  return html`<${Switch} value=${source} set=${setSource} />${source ? html`<${Text} text=${text} name=${name} />` : html`<${Markdown} text=${text} />`}`;
}

/* In a sandbox without permissions: no script, no form, no origin. Its source is shown on request. */
function Framed({ frame, name, ...rest }) {
  const [source, setSource] = useState(false);
  return html`<${Switch} value=${source} set=${setSource} />${source ? html`<${Content} kind="text" name=${name} ...${rest} />`
    : html`<iframe class="preview-frame" sandbox="" referrerpolicy="no-referrer" loading="lazy" src=${frame} title=${name}></iframe>`}`;
}

const READERS = {
  csv: p => html`<${Rows} separator="," ...${p} />`,
  tsv: p => html`<${Rows} separator=${"\t"} ...${p} />`,
  json: p => html`<${Json} ...${p} />`,
  markdown: p => html`<${Cut} ...${p} /><${Prose} ...${p} />`,
  text: p => html`<${Cut} ...${p} /><${Text} ...${p} />`,
};

function Content({ kind, name, size, read }) {
  const got = usePromise(async () => (size === 0 ? new Uint8Array(0) : read(0, PART_BYTES)), []);
  if (got.error)
    return html`<${Failed} error=${got.error} />`;
  if (!got.value)
    return html`<${Skeleton} lines=${8} />`;
  const bytes = got.value, shown = bytes.length;
  if (shown === 0)
    return html`<${Empty} title=${t("The file is empty")} />`;
  if (!looksLikeText(bytes))
    return html`<p class="note">${t("These are no words. The first bytes:")}</p><pre class="preview-hex" tabindex="0">${hexLines(bytes)}</pre>`;
  const text = new TextDecoder().decode(bytes);
  return (READERS[kind] ?? READERS.text)({ text, name, size: Math.max(size ?? 0, shown), shown });
}

export function Preview({ name, size, address, frame, read, rows }) {
  const kind = kindOf(name);
  if ((kind === "image" || kind === "page") && size > SHOW_MAX)
    return html`<${Empty} title=${t("Too large to be shown here")} text=${t("Download it to look at it.")} />`;
  if (kind === "image")
    return html`<${Picture} address=${address} name=${name} />`;
  if (kind === "page" && frame)
    return html`<${Framed} frame=${frame} name=${name} size=${size} read=${read} />`;
  if (kind === "parquet" && rows)
    return html`<${Parquet} rows=${rows} name=${name} />`;
  return html`<${Content} kind=${kind} name=${name} size=${size} read=${read} />`;
}
