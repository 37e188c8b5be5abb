/* markdown.js - the part of Markdown that people use in notes and cards, as a tree; parts/markdown.js draws it. HTML in it is text, links go through
 * safeHref(), pictures are named and not fetched. Nesting is bounded (lists one level below each other by indentation, quotes not within quotes). Pure.
 *
 * Blocks: {kind: "heading", level, inline} | {kind: "paragraph", inline} | {kind: "code", language, text} | {kind: "list", ordered, start, items: [{depth, inline, checked?}]}
 *   | {kind: "quote", inline} | {kind: "rule"} | {kind: "table", head: [inline], rows: [[inline]]}
 * Inline: [{kind: "text" | "strong" | "em" | "code" | "strike" | "link" | "image", text, href?}] */
import { safeHref } from "./safe.js";

const TEXT_MAX = 200000;
const LINE_MAX = 2000; /* of headings and rules of tables: their patterns need the square of a line's length, and longer ones are just text */

const INLINE = /(?<!`)(`{1,3})([^`\n]{1,2000})\1(?!`)|!\[([^\]\n]{0,500})\]\(([^)\s]{0,2000})(?:[ \t][^)\n]{0,200})?\)|\[([^\]\n]{1,500})\]\(([^)\s]{0,2000})(?:[ \t][^)\n]{0,200})?\)|\*\*([^*\n]{1,1000})\*\*|(?<!\w)__([^_\n]{1,1000})__(?!\w)|~~([^~\n]{1,1000})~~|\*([^*\s][^*\n]{0,999})\*|(?<![\w])_([^_\s][^_\n]{0,999})_(?![\w])|<(https?:\/\/[^\s<>]{1,2000})>|(https?:\/\/[^\s<>()`"']{1,2000}[^\s<>()`"'.,;:!?])/g;

export function inline(text) {
  const out = [];
  let from = 0;
  const plain = s => s && out.push({ kind: "text", text: s });
  for (const m of text.matchAll(INLINE)) {
    plain(text.slice(from, m.index));
    from = m.index + m[0].length;
    if (m[1])
      out.push({ kind: "code", text: m[2].trim() || m[2] });
    else if (m[3] !== undefined)
      out.push({ kind: "image", text: m[3] || m[4], href: safeHref(m[4]) });
    else if (m[5])
      out.push({ kind: "link", text: m[5], href: safeHref(m[6]) });
    else if (m[7] ?? m[8])
      out.push({ kind: "strong", text: m[7] ?? m[8] });
    else if (m[9])
      out.push({ kind: "strike", text: m[9] });
    else if (m[10] ?? m[11])
      out.push({ kind: "em", text: m[10] ?? m[11] });
    else
      out.push({ kind: "link", text: m[12] ?? m[13], href: safeHref(m[12] ?? m[13]) });
  }
  plain(text.slice(from));
  return out;
}

const ITEM = /^( {0,12})(?:([-*+])|(\d{1,9})[.)]) +(?:\[([ xX])\] +)?(.*)$/;
const TABLE_RULE = /^ *\|? *:?-+:? *(?:\| *:?-+:? *)*\|? *$/;

function cells(line) {
  return line.trim().replace(/^\|/, "").replace(/\|$/, "").split("|").map(c => inline(c.trim()));
}

/* Each takes what begins at line i and returns [block, next line], or null. */
function fence(lines, i) {
  const m = /^ {0,3}(`{3,}|~{3,}) *([^`\s]*)/.exec(lines[i]);
  if (!m)
    return null;
  let end = i + 1;
  while (end < lines.length && !lines[end].trimStart().startsWith(m[1]))
    end++;
  return [{ kind: "code", language: m[2], text: lines.slice(i + 1, end).join("\n") }, end + 1];
}

function list(lines, i) {
  const m = ITEM.exec(lines[i]);
  if (!m)
    return null;
  const items = [];
  let at = i;
  for (; at < lines.length; at++) {
    const item = ITEM.exec(lines[at]);
    if (item)
      items.push({ depth: Math.min(4, Math.floor(item[1].length / 2)), text: item[5], checked: item[4] === undefined ? undefined : item[4] !== " " });
    else if (/^ {2,}\S/.test(lines[at]))
      items[items.length - 1].text += " " + lines[at].trim();
    else
      break;
  }
  return [{ kind: "list", ordered: m[3] !== undefined, start: m[3] === undefined ? 1 : Number(m[3]), items: items.map(({ text, ...item }) => ({ ...item, inline: inline(text) })) }, at];
}

function table(lines, i) {
  const below = lines[i + 1] ?? "";
  if (!lines[i].includes("|") || !below.includes("-") || below.length > LINE_MAX || !TABLE_RULE.test(below))
    return null;
  let end = i + 2;
  while (end < lines.length && lines[end].includes("|"))
    end++;
  return [{ kind: "table", head: cells(lines[i]), rows: lines.slice(i + 2, end).map(cells) }, end];
}

function heading(lines, i) {
  const m = lines[i].length <= LINE_MAX && /^ {0,3}(#{1,6}) +(.*?)(?: +#+)? *$/.exec(lines[i]);
  return m ? [{ kind: "heading", level: m[1].length, inline: inline(m[2]) }, i + 1] : null;
}

function rule(lines, i) {
  return /^ {0,3}(?:(?:- *){3,}|(?:\* *){3,}|(?:_ *){3,})$/.test(lines[i]) ? [{ kind: "rule" }, i + 1] : null;
}

function quote(lines, i) {
  if (!/^ {0,3}>/.test(lines[i]))
    return null;
  let end = i;
  while (end < lines.length && /^ {0,3}>/.test(lines[end]))
    end++;
  return [{ kind: "quote", inline: inline(lines.slice(i, end).map(x => x.replace(/^ {0,3}> ?/, "")).join("\n")) }, end];
}

const STARTS = [fence, heading, rule, quote, list, table];

export function parseMarkdown(text) {
  const lines = text.slice(0, TEXT_MAX).replace(/\r\n?/g, "\n").split("\n"), out = [];
  let words = [];
  const flush = () => {
    if (words.length)
      out.push({ kind: "paragraph", inline: inline(words.join("\n")) });
    words = [];
  };
  for (let i = 0; i < lines.length;) {
    let found = null;
    for (const start of STARTS)
      found ??= start(lines, i);
    if (found || !lines[i].trim())
      flush();
    if (found) {
      out.push(found[0]);
      i = found[1];
    } else {
      if (lines[i].trim())
        words.push(lines[i].trim());
      i++;
    }
  }
  flush();
  return out;
}
