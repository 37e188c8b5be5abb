/* folded.js - the server's lineage as nodes and edges of parts/graph.js. An endpoint has a window per day: those that led to nothing are one node. Pure. */
import { visible } from "../../lib/ansi.js";

/* "version/MODEL/N" -> ["version", "MODEL", "N"], parts decoded. */
export function partsOf(id) {
  return id.split("/").map(part => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}

/* The page of a node, or undefined. Rollouts and retrainings are labelled with their endpoint. */
export function pageOf(id, label = "") {
  const [kind, a, b] = partsOf(id), seg = encodeURIComponent;
  switch (kind) {
  case "run": return `/runs/${seg(a)}`;
  case "version": return `/models/${seg(a)}/${seg(b)}`;
  case "alias": return `/models/${seg(a)}/${seg(b)}`;
  case "endpoint": return `/endpoints/${seg(a)}`;
  case "dataset": return `/data?name=${seg(b)}&digest=${seg(a)}`;
  case "window": return `/monitors/${seg(a)}`;
  case "rollout": return label ? `/endpoints/${seg(label)}` : undefined;
  case "retrain": return label ? `/monitors/${seg(label)}` : undefined;
  case "data": return `/data?q=${seg(a.slice(0, 32))}`;
  default: return undefined;
  }
}

/* What people call it: a version's model and number, an alias's name. */
function titleOf(node) {
  const [kind, a, b] = partsOf(node.id);
  switch (kind) {
  case "version": return `${a} v${b}`;
  case "alias": return b;
  case "window": return node.time ? node.time.slice(0, 10) : a;
  case "retrain": return node.label || a;
  case "data": return a.slice(0, 12);
  default: return node.label || a;
  }
}

const WORDLESS = ["endpoint", "dataset", "window", "alias"]; /* their "state" is a number or a word for machines */

function subOf(node) {
  const [kind] = partsOf(node.id);
  if (kind === "version")
    return [node.label, node.state !== "None" && node.state].filter(Boolean).join(" · ");
  return kind === "dataset" ? partsOf(node.id)[1].slice(0, 12) : "";
}

/* -> {nodes, edges, folded}: folded counts the windows that became one node each endpoint. more(n): that node's title. */
export function fold(lineage, more) {
  const leads = new Set(lineage.edges.map(e => e.from)), into = new Map(), gone = new Map();
  for (const e of lineage.edges)
    into.set(e.to, [...(into.get(e.to) ?? []), e]);
  for (const n of lineage.nodes)
    if (n.kind === "window" && !leads.has(n.id) && n.depth !== 0)
      gone.set(n.id, `windows/${partsOf(n.id)[1]}`);
  const counts = new Map();
  for (const group of gone.values())
    counts.set(group, (counts.get(group) ?? 0) + 1);
  for (const [id, group] of gone)
    if (counts.get(group) < 3)
      gone.delete(id);
  const nodes = lineage.nodes.filter(n => !gone.has(n.id)).map(n => ({ id: n.id, kind: n.kind, title: visible(titleOf(n)), sub: visible(subOf(n)), state: WORDLESS.includes(n.kind) || n.kind === "version" ? undefined : n.state || undefined, href: pageOf(n.id, n.label) }));
  for (const [group, n] of counts)
    if (n >= 3)
      nodes.push({ id: group, kind: "window", title: more(n), sub: "", href: `/monitors/${encodeURIComponent(group.slice(8))}` });
  const edges = new Map();
  for (const e of lineage.edges) {
    const from = gone.get(e.from) ?? e.from, to = gone.get(e.to) ?? e.to;
    edges.set(`${from}\n${to}`, { from, to, label: e.relation });
  }
  return { nodes, edges: [...edges.values()], folded: gone.size };
}
