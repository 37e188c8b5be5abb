/* markdown.js - draws Markdown from data (lib/markdown.js) as elements of ours; nothing of it is ever HTML. <${Markdown} text=${...} /> */
import { html, useMemo } from "../lib/html.js";
import { visible } from "../lib/ansi.js";
import { parseMarkdown } from "../lib/markdown.js";
import { Scroll } from "./scroll.js";

function Inline({ of }) {
  return of.map((x, i) => {
    const text = x.text.split("\n").map(visible).join("\n");
    switch (x.kind) {
    case "code": return html`<code key=${i}>${text}</code>`;
    case "strong": return html`<strong key=${i}>${text}</strong>`;
    case "em": return html`<em key=${i}>${text}</em>`;
    case "strike": return html`<s key=${i}>${text}</s>`;
    case "link":
    case "image": return x.href ? html`<a key=${i} href=${x.href} target="_blank" rel="noopener noreferrer">${text}</a>` : html`<span key=${i} title=${x.kind}>${text}</span>`;
    default: return text;
    }
  });
}

function Block({ of }) {
  const inline = of.inline && html`<${Inline} of=${of.inline} />`;
  switch (of.kind) {
  case "heading": return of.level < 3 ? html`<h3 class="md-head">${inline}</h3>` : html`<h4 class="md-head">${inline}</h4>`;
  case "code": return html`<pre class="md-code"><code>${of.text.split("\n").map(visible).join("\n")}</code></pre>`;
  case "quote": return html`<blockquote>${inline}</blockquote>`;
  case "rule": return html`<hr />`;
  case "list": return html`<${of.ordered ? "ol" : "ul"} class="md-list" start=${of.ordered ? of.start : null}>${of.items.map((item, i) => html`<li key=${i} style=${{ marginLeft: `${20 * item.depth}px` }}>
    ${item.checked !== undefined && html`<input type="checkbox" disabled checked=${item.checked} /> `}<${Inline} of=${item.inline} /></li>`)}</${of.ordered ? "ol" : "ul"}>`;
  case "table": return html`<${Scroll}><table class="plain"><thead><tr>${of.head.map((c, i) => html`<th key=${i}><${Inline} of=${c} /></th>`)}</tr></thead>
    <tbody>${of.rows.map((row, i) => html`<tr key=${i}>${row.map((c, k) => html`<td key=${k}><${Inline} of=${c} /></td>`)}</tr>`)}</tbody></table></${Scroll}>`;
  default: return html`<p>${inline}</p>`;
  }
}

export function Markdown({ text }) {
  const blocks = useMemo(() => parseMarkdown(text), [text]);
  return html`<div class="md">${blocks.map((block, i) => html`<${Block} key=${i} of=${block} />`)}</div>`;
}
