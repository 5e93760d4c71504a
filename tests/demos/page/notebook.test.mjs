import assert from "node:assert/strict";
import { test } from "node:test";

import { Link, packed, unpacked } from "../../../book/web/live/notebook.js";

/** A widget's model as a front end has it. */
class Model {
  constructor(state) {
    Object.assign(this, { state, sent: [], saved: [], hearers: new Map() });
  }

  get = (key) => this.state[key];
  set = (key, value) => (this.state[key] = value);
  save_changes = () => this.saved.push({ ...this.state });
  send = (content, _, buffers) => this.sent.push({ content, buffers });
  on = (event, hear) => this.hearers.set(event, [...(this.hearers.get(event) ?? []), hear]);
  off = (event, hear) => this.hearers.set(event, this.hearers.get(event).filter((one) => one !== hear));
  say = (event, ...message) => [...(this.hearers.get(event) ?? [])].forEach((hear) => hear(...message));
}

test("a message comes back as it went, arrays beside it", () => {
  const buffers = [];
  const message = { a: Float32Array.of(1, 2.5), list: [{ b: Uint8ClampedArray.of(7, 8) }, "x"], nothing: null };
  const plain = JSON.parse(JSON.stringify(packed(message, buffers)));
  assert.deepEqual(unpacked(plain, buffers.map((buffer) => new DataView(buffer))), message);
});

test("a part of an array is sent as that part", () => {
  const buffers = [];
  packed({ a: Float32Array.of(1, 2, 3).subarray(1) }, buffers);
  assert.deepEqual([...new Float32Array(buffers[0])], [2, 3]);
});

test("what no trait has set is as the page has it, and many changes go together", async () => {
  const model = new Model({ scaly: 0.2, large: null });
  const link = new Link(model);
  assert.deepEqual(link.state({ scaly: 0.5, large: 0.5 }), { scaly: 0.2, large: 0.5 });
  link.tell("scaly", 0.9);
  await Promise.resolve();
  assert.deepEqual(model.saved, [{ scaly: 0.9, large: 0.5 }]);
});

test("the kernel is asked where the page should not compute", async () => {
  const model = new Model({ computes: "kernel" });
  const starts = new Link(model).starts();
  assert.equal(starts.length, 1);
  const runtime = starts[0]();
  const answer = runtime.ask("decode", { z: Float32Array.of(1) });
  const { content, buffers } = model.sent[0];
  assert.equal(content.job, "decode");
  assert.deepEqual([...new Float32Array(buffers[0])], [1]);
  model.say("msg:custom", { to: "another view", id: content.id, result: "not ours" }, []);
  model.say("msg:custom", { to: content.to, id: content.id, result: { pixels: { array: 0, kind: "Uint8ClampedArray" } } },
    [new DataView(Uint8Array.of(9).buffer)]);
  assert.deepEqual((await answer).pixels, Uint8ClampedArray.of(9));
  assert.equal(new Link(new Model({ computes: "page" })).starts().length, 2);
});

test("a picture of the notebook comes from its own widget", async () => {
  const model = new Model({ pictures: ["a fox"] });
  const coming = new Link(model).picture("a fox");
  assert.deepEqual(model.sent[0].content, { file: "pictures/a fox" });
  model.say("msg:custom", { file: "pictures/a fox" }, [new DataView(Uint8Array.of(1, 2, 3).buffer)]);
  assert.equal((await coming).size, 3);
  const missing = new Link(model).picture("a cat");
  model.say("msg:custom", { file: "pictures/a cat", error: "no picture" }, []);
  await assert.rejects(missing, /no picture/);
});
