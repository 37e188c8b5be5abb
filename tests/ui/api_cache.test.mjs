/* api_cache.test.mjs - what is kept of the server's answers: those asked for last, bounded in number and in size, by what they were asked for as. */
import assert from "node:assert/strict";
import test from "node:test";
import "./page_globals.mjs";
import { get } from "../../ui/lib/api.js";
import { onEvent, startEvents } from "../../ui/lib/events.js";

const asked = [];
/* "/n/5000" is answered with JSON of that many characters, and with 304 where the question names its ETag. */
globalThis.fetch = async (address, { headers }) => {
  const path = new URL(address, "http://x").pathname, known = headers["If-None-Match"] === `"${path}"`;
  asked.push([path, known]);
  return known ? new Response(null, { status: 304 }) : new Response(JSON.stringify("x".repeat(Number(path.split("/").at(-1)) - 2)), { headers: { ETag: `"${path}"` } });
};

async function isKept(path, options) {
  await get(path, options);
  return asked.at(-1)[1];
}

test("answers are kept up to a size in all, the ones asked for last", async () => {
  for (const path of ["/a/6000000", "/b/6000000"])
    assert.equal(await isKept(path), false);
  assert.equal(await isKept("/a/6000000"), true);
  assert.equal(await isKept("/c/6000000"), false); /* /b goes: /a was asked for later */
  assert.equal(await isKept("/a/6000000"), true);
  assert.equal(await isKept("/c/6000000"), true);
  assert.equal(await isKept("/b/6000000"), false);
  assert.equal(await isKept("/huge/17000000"), false);
  assert.equal(await isKept("/huge/17000000"), false, "one that is larger than all of it is not kept");
  assert.equal(await isKept("/b/6000000"), true, "and drives nothing out");
});

test("answers are kept up to a number", async () => {
  for (let i = 0; i <= 200; i++)
    await get(`/s${i}/10`);
  assert.equal(await isKept("/s200/10"), true);
  assert.equal(await isKept("/s0/10"), false);
});

test("an answer as text is none as JSON", async () => {
  assert.equal(await get("/t/5"), "xxx");
  assert.equal(await get("/t/5", { text: true }), '"xxx"');
  assert.equal(await get("/t/5", { text: true }), '"xxx"');
  assert.equal((await get("/t/5", { binary: true })).byteLength, 5);
  assert.equal(await get("/t/5"), "xxx");
});

test("one listener that fails keeps no event from the others", async () => {
  const heard = [], reported = [], sources = [];
  globalThis.reportError = error => reported.push(error.message);
  globalThis.EventSource = class {
    constructor() {
      sources.push(this);
    }
    addEventListener() {}
  };
  const stops = [onEvent(() => { throw new Error("odd"); }), onEvent(event => heard.push(event.id))];
  startEvents();
  for (const id of ["1", "2"])
    sources[0].onmessage({ data: JSON.stringify({ kind: "run", id }) });
  for (let i = 0; i < 500 && heard.length < 2; i++)
    await new Promise(done => setTimeout(done, 10));
  assert.deepEqual([heard, reported], [["1", "2"], ["odd", "odd"]]);
  stops.forEach(stop => stop());
});
