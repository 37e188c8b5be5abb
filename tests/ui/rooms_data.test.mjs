/* rooms_data.test.mjs - what the rooms of features and data make of answers and fields. */
import assert from "node:assert/strict";
import test from "node:test";
import { profileRows, schemaRows, sourceText } from "../../ui/rooms/data_rows.js";
import { lookupBody, lookupTime } from "../../ui/rooms/features_lookup.js";

test("a form becomes the request of one row", () => {
  const view = { keys: ["origin", "destination"], numbers: ["distance", "delay"] };
  assert.equal(lookupTime(993945540000000), "2001-06-30T23:59:00");
  assert.equal(lookupTime(undefined, 0), "1970-01-01T00:00:00");
  assert.deepEqual(lookupBody(view, { time: "2001-06-30T23:59:00", "key.origin": "JFK", "key.destination": "", "number.distance": "12.5", "number.delay": "" }),
    { time_us: [993945540000000], keys: { origin: ["JFK"], destination: [null] }, numbers: { distance: [12.5], delay: [null] } });
  assert.deepEqual(lookupBody(view, { time: "2001-06-30T23:59" }).time_us, [993945540000000]);
  assert.deepEqual(lookupBody(view, { time: "" }).time_us, [0]);
});

test("schemas, profiles and sources as clients log them", () => {
  assert.deepEqual(schemaRows({ mlflow_colspec: [{ type: "double", name: "x", required: true }] }).map(r => [r.name, r.type]), [["x", "double"]]);
  assert.deepEqual(schemaRows({ mlflow_tensorspec: { features: [{ type: "tensor", "tensor-spec": { dtype: "float64", shape: [-1, 3] } }] } }).map(r => [r.name, r.type]), [["features 0", "tensor float64 [-1, 3]"]]);
  for (const nothing of [null, "text", 3, {}])
    assert.deepEqual(schemaRows(nothing), []);
  assert.deepEqual(profileRows({ num_rows: 4, shape: [1, 2] }), [["num_rows", "4"], ["shape", "[1,2]"]]);
  assert.deepEqual(profileRows(null), []);
  assert.deepEqual(profileRows("text"), [["", "text"]]);
  assert.equal(sourceText('{"uri": "s3://b/x"}'), "s3://b/x");
  assert.equal(sourceText("no json"), "no json");
  assert.equal(sourceText("null"), "null");
});
