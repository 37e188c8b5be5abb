/* kinds.js - how a file is looked at, by its name and, where that says nothing, by its first bytes. Pure.
 * "image": the browser's own decoders of pixels; "page": may hold script and is only shown in a sandbox; the rest is read as text or rows. */
const SUFFIXES = {
  png: "image", jpg: "image", jpeg: "image", gif: "image", webp: "image", bmp: "image",
  svg: "page", html: "page", htm: "page", xhtml: "page",
  csv: "csv", tsv: "tsv", parquet: "parquet", pq: "parquet", json: "json", md: "markdown", markdown: "markdown",
  txt: "text", log: "text", err: "text", out: "text", cfg: "text", conf: "text", ini: "text", toml: "text", yaml: "text", yml: "text", xml: "text", js: "text", mjs: "text", py: "text", r: "text",
  c: "text", h: "text", cc: "text", cpp: "text", rs: "text", go: "text", java: "text", sh: "text", sql: "text", rst: "text", ipynb: "json", jsonl: "text", css: "text", patch: "text", diff: "text",
  properties: "text", env: "text", tex: "text", lock: "text",
};
const NAMES = { MLmodel: "text", MLproject: "text", Dockerfile: "text", Makefile: "text", README: "text", LICENSE: "text" };

export function kindOf(path) {
  const name = path.slice(path.lastIndexOf("/") + 1), dot = name.lastIndexOf(".");
  return NAMES[name] ?? (dot > 0 ? SUFFIXES[name.slice(dot + 1).toLowerCase()] ?? null : null);
}

/* Whether bytes read as text: no NUL, and UTF-8 but for the last character, which may be cut. */
export function looksLikeText(bytes) {
  if (bytes.subarray(0, 8192).includes(0))
    return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/* Lines of 16 bytes as hexadecimal and letters. */
export function hexLines(bytes, max = 1024) {
  const out = [];
  for (let at = 0; at < Math.min(bytes.length, max); at += 16) {
    const row = [...bytes.subarray(at, Math.min(at + 16, max))];
    out.push(`${at.toString(16).padStart(8, "0")}  ${row.map(b => b.toString(16).padStart(2, "0")).join(" ").padEnd(47)}  ${row.map(b => (b > 31 && b < 127 ? String.fromCharCode(b) : ".")).join("")}`);
  }
  return out.join("\n");
}
