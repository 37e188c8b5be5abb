/* graph.test.mjs - the layout of graphs: nothing overlaps, edges go onwards, cycles are shown, the work is bounded. */
import assert from "node:assert/strict";
import test from "node:test";
import { EDGES_MAX, NODES_MAX, isotonic, layoutGraph, middleOf, neighbour, pathOf, shorten } from "../../ui/parts/graph_layout.js";

const size = node => ({ w: 200, h: 48 + (node.tall ?? 0) });
const named = n => Array.from({ length: n }, (_, i) => ({ id: `n${i}`, title: `node ${i}`, tall: (i % 3) * 20 }));

/* A generator that is the same everywhere (mulberry32). */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

function acyclic(n, m, seed) {
  const next = random(seed), edges = [];
  for (let i = 0; i < m; i++) {
    const a = Math.floor(next() * n), b = Math.floor(next() * n);
    if (a !== b)
      edges.push({ from: `n${Math.min(a, b)}`, to: `n${Math.max(a, b)}` });
  }
  return edges;
}

function assertApart(layout) {
  const list = layout.nodes;
  for (let i = 0; i < list.length; i++) {
    const a = list[i];
    assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.w <= layout.width && a.y + a.h <= layout.height, `${a.node.id} lies inside`);
    for (let j = i + 1; j < list.length; j++) {
      const b = list[j];
      assert.ok(a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y + 1e-6 || b.y + b.h <= a.y + 1e-6, `${a.node.id} and ${b.node.id} overlap`);
    }
  }
}

for (const direction of ["right", "down"])
  for (const [n, m, seed] of [[1, 0, 1], [2, 1, 2], [12, 20, 3], [60, 90, 4], [200, 400, 5]])
    test(`random graph of ${n} nodes and ${m} edges, ${direction}`, () => {
      const layout = layoutGraph(named(n), acyclic(n, m, seed), { size, direction });
      assert.equal(layout.nodes.length, n);
      assertApart(layout);
      for (const e of layout.edges) {
        assert.equal(e.back, false);
        assert.ok(layout.nodes[e.from].layer < layout.nodes[e.to].layer, "an edge leads to a later layer");
        const a = layout.nodes[e.from], b = layout.nodes[e.to], p = e.points[0], q = e.points.at(-1);
        assert.deepEqual(p.map(Math.round), (direction === "right" ? [a.x + a.w, a.y + a.h / 2] : [a.x + a.w / 2, a.y + a.h]).map(Math.round));
        assert.deepEqual(q.map(Math.round), (direction === "right" ? [b.x, b.y + b.h / 2] : [b.x + b.w / 2, b.y]).map(Math.round));
      }
    });

test("layers are longest paths, and a source stands beside what uses it", () => {
  const nodes = ["a", "b", "c", "d", "late"].map(id => ({ id }));
  const layout = layoutGraph(nodes, [["a", "b"], ["b", "c"], ["a", "c"], ["c", "d"], ["late", "d"]].map(([from, to]) => ({ from, to })), { size });
  assert.deepEqual(layout.nodes.map(n => n.layer), [0, 1, 2, 3, 2]);
});

test("an edge over layers goes round the nodes between", () => {
  const layout = layoutGraph(["a", "b", "c"].map(id => ({ id })), [["a", "b"], ["b", "c"], ["a", "c"]].map(([from, to]) => ({ from, to })), { size });
  const b = layout.nodes[1], long = layout.edges.find(e => e.edge.from === "a" && e.edge.to === "c");
  assert.equal(long.points.length, 4);
  for (const [x, y] of long.points.slice(1, 3)) {
    assert.ok(x >= b.x && x <= b.x + b.w);
    assert.ok(y < b.y || y > b.y + b.h, "passes above or below b");
  }
});

test("crossings that need not be are gone", () => {
  const nodes = ["a", "b", "c", "x", "y", "z"].map(id => ({ id }));
  assert.equal(layoutGraph(nodes, [["a", "z"], ["b", "y"], ["c", "x"]].map(([from, to]) => ({ from, to })), { size }).crossings, 0);
  const square = [["a", "x"], ["a", "y"], ["b", "x"], ["b", "y"]].map(([from, to]) => ({ from, to }));
  assert.equal(layoutGraph(nodes, square, { size }).crossings, 1, "two pairs that share both ends cross once at least");
});

test("cycles are broken, marked and drawn from their own start", () => {
  const layout = layoutGraph(["a", "b", "c"].map(id => ({ id })), [["a", "b"], ["b", "c"], ["c", "a"], ["b", "b"]].map(([from, to]) => ({ from, to })), { size });
  assertApart(layout);
  assert.deepEqual(layout.edges.map(e => [e.edge.from, e.edge.to, e.back, e.self]),
    [["a", "b", false, false], ["b", "c", false, false], ["c", "a", true, false], ["b", "b", true, true]]);
  const back = layout.edges[2], a = layout.nodes[0], c = layout.nodes[2];
  assert.ok(back.points[0][0] <= c.x && back.points.at(-1)[0] >= a.x + a.w, "from c's left to a's right");
  assert.match(pathOf(layout.edges[3]), /^M.*C/);
  assert.equal(middleOf(layout.edges[3]).length, 2);
});

test("the same graph gives the same picture", () => {
  const make = () => JSON.stringify(layoutGraph(named(80), acyclic(80, 160, 9), { size }));
  assert.equal(make(), make());
});

test("what is no graph is left out; what is too much is counted", () => {
  const layout = layoutGraph([{ id: "a" }, { id: "a" }, { id: "b" }], [{ from: "a", to: "b" }, { from: "a", to: "b" }, { from: "a", to: "gone" }], { size });
  assert.equal(layout.nodes.length, 2);
  assert.equal(layout.edges.length, 1);
  assert.deepEqual(layout.dropped, { nodes: 0, edges: 0 });
  const pairs = named(60).flatMap((_, i) => named(60).map((_, k) => ({ from: `n${i}`, to: `n${k}` }))), dense = layoutGraph(named(60), pairs, { size });
  assert.deepEqual([dense.edges.length, dense.dropped], [EDGES_MAX, { nodes: 0, edges: 3600 - EDGES_MAX }]);
  assert.equal(layoutGraph(named(2000), [{ from: "n1", to: "n1999" }], { size }).dropped.nodes, 2000 - NODES_MAX);
  const none = layoutGraph([], [], { size });
  assert.deepEqual([none.nodes.length, none.layers], [0, 0]);
});

test("500 nodes: the work is bounded", () => {
  for (const edges of [acyclic(500, 900, 11), acyclic(500, 2500, 12), named(499).map((_, i) => ({ from: `n${i}`, to: `n${i + 1}` }))]) {
    const layout = layoutGraph(named(600), edges, { size });
    assert.equal(layout.nodes.length, NODES_MAX);
    assert.ok(layout.edges.length <= EDGES_MAX);
    assert.ok(layout.steps < 3e6, `${layout.steps} steps`); /* about 10 ns each */
  }
});

test("a layer of 499 and one of 1", () => {
  const layout = layoutGraph(named(500), named(499).map((_, i) => ({ from: `n${i}`, to: "n499" })), { size });
  assertApart(layout);
  assert.equal(layout.crossings, 0);
});

test("isotonic: nearest places that keep order and distance", () => {
  assert.deepEqual(isotonic([0, 100], [1, 1], [0, 10]), [0, 100]);
  assert.deepEqual(isotonic([50, 50], [1, 1], [0, 10]), [45, 55]);
  const next = random(3), wish = Array.from({ length: 50 }, () => next() * 100), got = isotonic(wish, wish.map(() => 1), wish.map(() => 7));
  for (let i = 1; i < got.length; i++)
    assert.ok(got[i] - got[i - 1] >= 7 - 1e-9);
});

test("arrow keys follow edges and layers", () => {
  const layout = layoutGraph(["a", "b", "c", "d"].map(id => ({ id })), [["a", "b"], ["a", "c"], ["b", "d"], ["c", "d"]].map(([from, to]) => ({ from, to })), { size });
  const b = layout.nodes[1].y < layout.nodes[2].y ? 1 : 2, c = 3 - b;
  assert.equal(neighbour(layout, b, "ArrowRight"), 3);
  assert.equal(neighbour(layout, b, "ArrowLeft"), 0);
  assert.equal(neighbour(layout, b, "ArrowDown"), c);
  assert.equal(neighbour(layout, c, "ArrowUp"), b);
  assert.equal(neighbour(layout, b, "ArrowUp"), -1);
  assert.equal(neighbour(layout, 3, "ArrowRight"), -1);
});

test("long names lose their middle", () => {
  assert.equal(shorten("short", 10), "short");
  assert.equal(shorten("abcdefghijkl", 7), "abc…jkl");
  assert.equal(shorten("航班延误预测模型", 16), "航班延误预测模型");
  assert.equal(shorten("航班延误预测模型", 9), "航班…模型");
  assert.ok([...shorten("x".repeat(500), 24)].length <= 24);
});
