/* graph_layout.js - where the nodes and edges of a directed graph lie: pure, deterministic, used by graph.js.
 *
 * The steps of Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system structures" (IEEE SMC 1981):
 *   1. edges that close a cycle are turned round (a depth-first walk in the order given) and marked `back`;
 *   2. a node's layer is its longest path from a source; then sources move next to the first node that uses them;
 *   3. an edge over several layers gets a place in each layer between, so that it goes round nodes, not through them;
 *   4. sweeps from left to right and back order each layer by the mean place of its neighbours; the order with fewest crossings
 *      is kept (counted with a Fenwick tree: Barth, Jünger, Mutzel, "Simple and efficient bilayer cross counting", 2002);
 *   5. places across: each wants its neighbours' mean; the nearest places that keep the order and the distances are
 *      an isotonic regression, solved exactly by pooling adjacent violators.
 * Nothing recurses. `steps` counts the inner loops, so that a test can bound the work without a clock. */

export const NODES_MAX = 500;
export const EDGES_MAX = 2000;
const BENDS_MAX = 6000; /* beyond it long edges run straight */
const SWEEPS = 12;
const SETTLES = 10;
const GAP_ACROSS = 20, GAP_BEND = 10, MARGIN = 12;

/* Nodes by id (the first of two with one id stays), edges between nodes that exist, each pair once. `dropped`: how many of these were too many. */
function cleaned(nodes, edges) {
  const index = new Map(), kept = [], links = [], seen = new Set(), loops = [];
  let over = 0;
  for (const node of nodes)
    if (!index.has(node.id))
      index.set(node.id, kept.length < NODES_MAX ? kept.push(node) - 1 : undefined);
  for (const edge of edges) {
    const from = index.get(edge.from), to = index.get(edge.to), key = `${from} ${to}`;
    if (from === undefined || to === undefined || seen.has(key))
      continue;
    seen.add(key);
    if (links.length + loops.length < EDGES_MAX)
      (from === to ? loops : links).push({ from, to, edge, back: false });
    else
      over++;
  }
  return { kept, links, loops, dropped: { nodes: index.size - kept.length, edges: over } };
}

/* Marks the edges that lead back to a node which is still being walked. */
function breakCycles(count, links) {
  const out = Array.from({ length: count }, () => []), state = new Uint8Array(count); /* 1: on the walk, 2: done */
  for (const link of links)
    out[link.from].push(link);
  for (let start = 0; start < count; start++) {
    const walk = state[start] ? [] : [[start, 0]];
    while (walk.length) {
      const top = walk[walk.length - 1], [at, i] = top;
      state[at] = 1;
      if (i === out[at].length) {
        state[at] = 2;
        walk.pop();
        continue;
      }
      top[1]++;
      const link = out[at][i];
      if (state[link.to] === 1)
        link.back = true;
      else if (state[link.to] === 0)
        walk.push([link.to, 0]);
    }
  }
}

/* Layer of each node; every edge goes from a lower to a higher one, the turned ones the other way round. */
function layersOf(count, links) {
  const layer = new Int32Array(count), waits = new Int32Array(count), out = Array.from({ length: count }, () => []), order = [];
  for (const { from, to, back } of links) {
    out[back ? to : from].push(back ? from : to);
    waits[back ? from : to]++;
  }
  const sources = waits.map(n => (n ? 0 : 1));
  for (let i = 0; i < count; i++)
    if (!waits[i])
      order.push(i);
  for (let head = 0; head < order.length; head++)
    for (const to of out[order[head]]) {
      layer[to] = Math.max(layer[to], layer[order[head]] + 1);
      if (!--waits[to])
        order.push(to);
    }
  for (let i = 0; i < count; i++)
    if (sources[i] && out[i].length)
      layer[i] = Math.min(...out[i].map(to => layer[to])) - 1;
  return layer;
}

/* Each layer as a list of places {node | bend}; `up` and `down` are the neighbours in the layers beside. */
function placesOf(kept, links, layer) {
  const layers = Array.from({ length: kept.length ? Math.max(...layer) + 1 : 0 }, () => []);
  const place = (at, node) => {
    const made = { layer: at, node, up: [], down: [], at: 0, y: 0 };
    layers[at].push(made);
    return made;
  };
  const own = kept.map((_, i) => place(layer[i], i));
  let bends = links.reduce((sum, l) => sum + Math.abs(layer[l.to] - layer[l.from]) - 1, 0);
  for (const link of links) {
    const a = own[link.back ? link.to : link.from], b = own[link.back ? link.from : link.to];
    link.path = [a];
    if (bends <= BENDS_MAX)
      for (let at = a.layer + 1; at < b.layer; at++)
        link.path.push(place(at, -1));
    link.path.push(b);
    for (let i = 1; i < link.path.length; i++)
      if (link.path[i].layer === link.path[i - 1].layer + 1) {
        link.path[i - 1].down.push(link.path[i]);
        link.path[i].up.push(link.path[i - 1]);
      }
  }
  return { layers, own };
}

function number(layer) {
  layer.forEach((p, i) => { p.at = i; });
}

/* Pairs of edges between two layers that cross: inversions of the lower ends, edges in the order of their upper ends. */
function crossingsBetween(upper, lower, count) {
  const tree = new Int32Array(lower.length + 1);
  let seen = 0, crossings = 0;
  for (const p of upper) {
    const ends = p.down.map(q => q.at).sort((a, b) => a - b);
    for (const end of ends) {
      let before = 0;
      for (let i = end + 1; i > 0; i -= i & -i, count.steps++)
        before += tree[i];
      crossings += seen - before;
    }
    for (const end of ends) {
      seen++;
      for (let i = end + 1; i <= lower.length; i += i & -i, count.steps++)
        tree[i]++;
    }
  }
  return crossings;
}

function crossings(layers, count) {
  let sum = 0;
  for (let i = 1; i < layers.length; i++)
    sum += crossingsBetween(layers[i - 1], layers[i], count);
  return sum;
}

function mean(list, value, otherwise) {
  return list.length ? list.reduce((sum, p) => sum + value(p), 0) / list.length : otherwise;
}

function reorder(layer, side, count) {
  const wish = new Map(layer.map(p => [p, mean(p[side], q => q.at, p.at)]));
  count.steps += layer.reduce((sum, p) => sum + p[side].length + 1, 0);
  layer.sort((a, b) => wish.get(a) - wish.get(b) || a.at - b.at);
  number(layer);
}

function orderLayers(layers, count) {
  layers.forEach(number);
  let best = crossings(layers, count), kept = layers.map(layer => [...layer]);
  for (let sweep = 0; sweep < SWEEPS && best > 0; sweep++) {
    const down = sweep % 2 === 0;
    for (let i = 1; i < layers.length; i++)
      down ? reorder(layers[i], "up", count) : reorder(layers[layers.length - 1 - i], "down", count);
    const now = crossings(layers, count);
    if (now < best) {
      best = now;
      kept = layers.map(layer => [...layer]);
    }
  }
  kept.forEach((layer, i) => {
    layers[i] = layer;
    number(layer);
  });
  return best;
}

/* The places nearest to `wish` (weighted squares) with at least `apart[i]` between i - 1 and i. */
export function isotonic(wish, weight, apart) {
  const offset = [], blocks = [];
  for (let i = 0, sum = 0; i < wish.length; i++) {
    sum += i ? apart[i] : 0;
    offset.push(sum);
    blocks.push({ sum: (wish[i] - sum) * weight[i], weight: weight[i], n: 1 });
    while (blocks.length > 1 && blocks.at(-2).sum / blocks.at(-2).weight > blocks.at(-1).sum / blocks.at(-1).weight) {
      const last = blocks.pop(), into = blocks.at(-1);
      into.sum += last.sum;
      into.weight += last.weight;
      into.n += last.n;
    }
  }
  return blocks.flatMap(b => Array(b.n).fill(b.sum / b.weight)).map((x, i) => x + offset[i]);
}

/* The centre of each place across the layers. `size` is a place's extent across. */
function settle(layers, size, count) {
  const apart = layers.map(layer => layer.map((p, i) => (i ? (size(layer[i - 1]) + size(p)) / 2 + (p.node < 0 || layer[i - 1].node < 0 ? GAP_BEND : GAP_ACROSS) : 0)));
  layers.forEach((layer, l) => layer.reduce((y, p, i) => (p.y = y + apart[l][i]), 0));
  const run = (l, side) => {
    const layer = layers[l];
    const wish = layer.map(p => mean(p[side], q => q.y, mean(p[side === "up" ? "down" : "up"], q => q.y, p.y)));
    const weight = layer.map(p => (p.node < 0 ? 2 : 1) * (p[side].length ? 1 : 0.1));
    isotonic(wish, weight, apart[l]).forEach((y, i) => { layer[i].y = y; });
    count.steps += layer.reduce((sum, p) => sum + p[side].length + 3, 0);
  };
  for (let round = 0; round < SETTLES; round++)
    for (let i = 0; i < layers.length; i++)
      round % 2 === 0 ? run(i, "up") : run(layers.length - 1 - i, "down");
}

/* The line of an edge: leaves its node's right side, passes columns level, enters the left side. */
function pointsOf(link, along, extent, sizes) {
  const points = [];
  link.path.forEach((p, i) => {
    const left = [along[p.layer], p.y], right = [along[p.layer] + (p.node < 0 ? extent[p.layer] : sizes[p.node].along), p.y];
    if (i > 0)
      points.push(left);
    if (i < link.path.length - 1)
      points.push(right);
  });
  return link.back ? points.reverse() : points;
}

/* nodes: [{id, ...}], edges: [{from, to, ...}]. size(node) -> {w, h}; gap: room between layers; direction "right" or "down".
 * -> {nodes: [{node, x, y, w, h, layer}], edges: [{edge, from, to, points, back, self}], width, height, crossings, layers, dropped, steps}.
 * x and y are a node's upper left corner; points go from the edge's own start to its end, also where it was turned round. */
export function layoutGraph(nodes, edges, { size, gap = 64, direction = "right" }) {
  const count = { steps: 0 }, down = direction === "down";
  const { kept, links, loops, dropped } = cleaned(nodes, edges);
  const sizes = kept.map(node => (({ w, h }) => (down ? { along: h, across: w } : { along: w, across: h }))(size(node)));
  breakCycles(kept.length, links);
  const { layers, own } = placesOf(kept, links, layersOf(kept.length, links));
  const crossed = orderLayers(layers, count);
  settle(layers, p => (p.node < 0 ? 0 : sizes[p.node].across), count);
  const extent = layers.map(layer => Math.max(0, ...layer.filter(p => p.node >= 0).map(p => sizes[p.node].along)));
  const along = [];
  extent.forEach((_, i) => along.push(i ? along[i - 1] + extent[i - 1] + gap : MARGIN));
  const top = Math.min(0, ...layers.flat().map(p => p.y - (p.node < 0 ? 0 : sizes[p.node].across / 2)));
  for (const p of layers.flat())
    p.y += MARGIN - top;
  const turn = ([a, b]) => (down ? [b, a] : [a, b]);
  const placed = own.map((p, i) => {
    const [x, y] = turn([along[p.layer], p.y - sizes[i].across / 2]);
    return { node: kept[i], x, y, w: down ? sizes[i].across : sizes[i].along, h: down ? sizes[i].along : sizes[i].across, layer: p.layer };
  });
  const lines = links.map(link => ({ edge: link.edge, from: link.from, to: link.to, back: link.back, self: false, points: pointsOf(link, along, extent, sizes).map(turn) }));
  for (const loop of loops)
    lines.push({ edge: loop.edge, from: loop.from, to: loop.to, back: true, self: true, points: [[placed[loop.from].x + placed[loop.from].w / 2, placed[loop.from].y]] });
  return { nodes: placed, edges: lines, layers: layers.length, crossings: crossed, dropped, steps: count.steps,
    width: Math.max(0, ...placed.map(n => n.x + n.w)) + MARGIN, height: Math.max(0, ...placed.map(n => n.y + n.h)) + MARGIN };
}

/* An SVG path through the points: level at each, so that lines leave and enter their nodes straight. A loop is a small arc above its node. */
export function pathOf(line, down = false) {
  if (line.self) {
    const [x, y] = line.points[0];
    return `M${x - 14} ${y}C${x - 22} ${y - 22} ${x + 22} ${y - 22} ${x + 14} ${y}`;
  }
  return line.points.map(([x, y], i) => {
    if (!i)
      return `M${round(x)} ${round(y)}`;
    const [px, py] = line.points[i - 1];
    if (down ? px === x : py === y)
      return `L${round(x)} ${round(y)}`;
    const c = down ? [px, (py + y) / 2, x, (py + y) / 2] : [(px + x) / 2, py, (px + x) / 2, y];
    return `C${c.map(round).join(" ")} ${round(x)} ${round(y)}`;
  }).join("");
}

function round(x) {
  return Math.round(x * 10) / 10;
}

/* The middle of the line's longest stretch, of a turned edge its first: where its label stands. */
export function middleOf(line) {
  if (line.self)
    return [line.points[0][0], line.points[0][1] - 20];
  let best = 0, at = line.points[0];
  for (let i = 1; i < (line.back ? 2 : line.points.length); i += 2) { /* 0-1, 2-3 ...: between layers, where nothing else stands */
    const [ax, ay] = line.points[i - 1], [bx, by] = line.points[i], size = Math.hypot(bx - ax, by - ay);
    if (size > best) {
      best = size;
      at = [(ax + bx) / 2, (ay + by) / 2];
    }
  }
  return at;
}

/* Where an arrow key leads from node `at`: along an edge to the nearest of its ends, or to the next node of the layer. -1: nowhere. */
export function neighbour(layout, at, key, down = false) {
  const turn = down ? { ArrowDown: "on", ArrowUp: "back", ArrowLeft: "before", ArrowRight: "after" } : { ArrowRight: "on", ArrowLeft: "back", ArrowUp: "before", ArrowDown: "after" };
  const way = turn[key], me = layout.nodes[at], across = n => (down ? n.x + n.w / 2 : n.y + n.h / 2);
  let best = -1;
  const take = i => {
    if (i !== at && (best < 0 || Math.abs(across(layout.nodes[i]) - across(me)) < Math.abs(across(layout.nodes[best]) - across(me))))
      best = i;
  };
  if (way === "on" || way === "back")
    for (const e of layout.edges)
      if ((way === "on" ? e.from : e.to) === at)
        take(way === "on" ? e.to : e.from);
  if (way === "before" || way === "after")
    layout.nodes.forEach((n, i) => n.layer === me.layer && (way === "after" ? across(n) > across(me) : across(n) < across(me)) && take(i));
  return best;
}

/* A name that fits in `room` columns (wide characters take two): the middle goes, as ends tell names apart. */
export function shorten(text, room) {
  const chars = [...text], wide = c => (c.codePointAt(0) > 0x2e7f ? 2 : 1), width = list => list.reduce((sum, c) => sum + wide(c), 0);
  if (width(chars) <= room)
    return text;
  let head = [], tail = [], used = 1;
  for (let i = 0; i < chars.length; i++) {
    const front = i % 2 === 0, c = front ? chars[head.length] : chars[chars.length - 1 - tail.length];
    if (used + wide(c) > room)
      break;
    used += wide(c);
    front ? head.push(c) : tail.unshift(c);
  }
  return head.join("") + "…" + tail.join("");
}
