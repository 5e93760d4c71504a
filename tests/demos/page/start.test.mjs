import assert from "node:assert/strict";
import { test } from "node:test";

import { elsewhere } from "../../../book/web/live/addresses.js";
import { Engine } from "../../../book/web/live/engine.js";
import { runtime, startWith } from "../../../book/web/live/runtime.js";

const NAMES = ["a", "b", "c"];
const INDEX = Object.fromEntries(NAMES.map((name) =>
  [name, { graph: `${name}.onnx.gz`, weights: [], bytes: { [`${name}.onnx.gz`]: 1 }, stamps: {} }]));
elsewhere(async () => `data:application/json,${encodeURIComponent(JSON.stringify(INDEX))}`);

/** Long enough for whatever is ready. */
const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

test("a model that no question needs is prepared when no question waits", async () => {
  let calm = () => null;
  const [made, asked] = [[], []];
  const engine = new Engine(() => null, () => new Promise((resolve) => (calm = resolve)));
  engine.runtime = Promise.resolve();
  engine.shelf.assembled = async ([graph]) => asked.push(graph[7]); // of models/a.onnx.gz
  engine.prepared = async (name) => (await engine.fetched(name), made.push(name));

  const loaded = engine.load(NAMES);
  await soon();
  assert.deepEqual([asked, made], [NAMES, []], "all files at once, no session yet");
  await engine.session("b"); // a question needs it
  calm();
  await soon();
  assert.deepEqual(made, ["b", "a"]);
  for (let k = 0; k < 2; k++) calm(), await soon();
  await loaded;
  assert.deepEqual([asked, made], [NAMES, ["b", "a", "c"]], "each once");
});

test("two demos that share a model have it put together once", async () => {
  const said = [];
  startWith((name) => ({ postMessage: (message) => said.push([name, message]) }));
  const page = runtime();
  page.load(["a", "b"]);
  await soon();
  page.load(["b", "c"]);
  await soon();
  const urls = said.filter(([name, { urls }]) => name === "unpacker" && urls).map(([, { urls: [graph] }]) => graph[7]);
  assert.deepEqual(urls, NAMES);
  const jobs = said.filter(([name, { job }]) => name === "worker" && job).map(([, { options }]) => options.models);
  assert.deepEqual(jobs, [["a", "b"], ["b", "c"]], "the worker is asked for all");
});
