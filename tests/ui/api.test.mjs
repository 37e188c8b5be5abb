/* Data that is asked for again when something changes: also where the server takes longer to answer than things take to change. */
import assert from "node:assert/strict";
import test from "node:test";
import "./page_globals.mjs";

const sources = [];
globalThis.EventSource = class {
  static CLOSED = 2;
  constructor() {
    sources.push(this);
    this.others = {};
  }
  addEventListener(name, f) {
    this.others[name] = f;
  }
};
globalThis.document = { hidden: false, querySelector: () => null, documentElement: {} };
const asked = [];
globalThis.fetch = (address, { signal }) => new Promise((answer, fail) => {
  const data = { n: asked.length };
  asked.push(() => answer(new Response(JSON.stringify(data), { headers: { "Content-Type": "application/json" } })));
  signal?.addEventListener("abort", () => fail(Object.assign(new Error("aborted"), { name: "AbortError" })));
});
const { html, render } = await import("../../ui/lib/html.js");
const { useData } = await import("../../ui/lib/api.js");
const { onEvent, startEvents } = await import("../../ui/lib/events.js");

const pause = ms => new Promise(done => setTimeout(done, ms));
async function until(f) {
  for (let i = 0; i < 500 && !f(); i++)
    await pause(10);
  assert.ok(f());
}

test("an answer that takes long is waited for, and asked for once more", async () => {
  let shown = null;
  function Shows() {
    shown = useData("/x", { events: ["metric"] });
    return null;
  }
  const place = { childNodes: [], firstChild: null, nodeType: 1, namespaceURI: "", insertBefore() {}, removeChild() {} };
  startEvents();
  render(html`<${Shows} />`, place);
  await until(() => asked.length === 1);
  for (let i = 0; i < 3; i++) { /* three changes while it is under way */
    sources[0].onmessage({ data: JSON.stringify({ kind: "metric", id: `r${i}` }) });
    await pause(300);
  }
  assert.equal(asked.length, 1);
  asked[0]();
  await until(() => asked.length === 2); /* for what changed meanwhile, once */
  assert.deepEqual(shown.data, { n: 0 });
  asked[1]();
  await until(() => shown.data.n === 1 && !shown.loading);
  assert.equal(asked.length, 2);
  render(null, place);
});

test("a stream behind one that was refused begins with a reset", async () => {
  const heard = [];
  const stop = onEvent(event => heard.push(event.kind));
  const before = sources.length;
  sources[before - 1].readyState = EventSource.CLOSED;
  sources[before - 1].onerror();
  await until(() => sources.length === before + 1);
  sources[before].onopen();
  await until(() => heard.includes("reset"));
  stop();
});
