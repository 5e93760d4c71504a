import assert from "node:assert/strict";
import { test } from "node:test";

import { elsewhere } from "../../../book/web/live/addresses.js";
import { kept } from "../../../book/web/live/addresses.js";
import { Engine } from "../../../book/web/live/engine.js";
import { runtime, startWith } from "../../../book/web/live/runtime.js";
import { Helper, Shelf } from "../../../book/web/live/shelf.js";

const NAMES = ["a", "b", "c"];
const INDEX = Object.fromEntries(NAMES.map((name) =>
  [name, { graph: `${name}.onnx.gz`, weights: [], bytes: { [`${name}.onnx.gz`]: 1 }, stamps: {} }]));
const there = async () => `data:application/json,${encodeURIComponent(JSON.stringify(INDEX))}`;
const nowhere = async () => Promise.reject(new Error("no network"));
elsewhere(there);

/** Long enough for whatever is ready. */
const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

test("a model that no question needs is prepared when no question waits", async () => {
  let calm = () => null;
  const [made, asked] = [[], []];
  const engine = new Engine(() => null, () => new Promise((resolve) => (calm = resolve)));
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
  page.load(["a", "b"]).catch(() => null);
  await soon();
  page.load(["b", "c"]).catch(() => null);
  await soon();
  const urls = said.filter(([name, { urls }]) => name === "unpacker" && urls).map(([, { urls: [graph] }]) => graph[7]);
  assert.deepEqual(urls, NAMES);
  const jobs = said.filter(([name, { job }]) => name === "worker" && job).map(([, { options }]) => options.models);
  assert.deepEqual(jobs, [["a", "b"], ["b", "c"]], "the worker is asked for all");
});

test("what failed is forgotten, and what is there is made once", async () => {
  const known = new Map();
  await assert.rejects(kept(known, "a", nowhere), /no network/);
  let made = 0;
  const make = async () => ++made;
  assert.deepEqual(await Promise.all([kept(known, "a", make), kept(known, "a", make)]), [1, 1]);
});

test("after a failed fetch an engine asks again: index, files, runtime, sessions, texts", async () => {
  const engine = new Engine(() => null);
  elsewhere(nowhere);
  await assert.rejects(engine.index(), /no network/);
  await assert.rejects(engine.ids("a fox"), /no network/);
  await assert.rejects(engine.states("a fox"), /no network/);
  elsewhere(there);
  assert.deepEqual(Object.keys(await engine.index()), NAMES);

  engine.shelf.assembled = nowhere;
  await assert.rejects(engine.session("a"), /no network/);
  engine.shelf.assembled = async () => ({});
  engine.prepared = async (name) => (await engine.fetched(name), name);
  assert.equal(await engine.session("a"), "a");

  const other = new Engine(() => null);
  other.shelf.asked.get(1).reject(new Error("no runtime"));
  await assert.rejects(other.runtime(), /no runtime/);
  other.shelf.runtime = async () => "a module";
  other.start = async (module) => module;
  assert.equal(await other.runtime(), "a module");
});

test("a session that failed early does not let the next overtake the one before", async () => {
  const engine = new Engine(() => null);
  let first = () => null;
  const made = [];
  engine.prepared = async (name, before) => {
    if (name === "a") await new Promise((resolve) => (first = resolve));
    if (name === "b") throw new Error("is missing");
    await before;
    made.push(name);
  };
  const all = NAMES.map((name) => engine.session(name).catch(() => null));
  await soon();
  assert.deepEqual(made, []);
  first();
  await Promise.all(all);
  assert.deepEqual(made, ["a", "c"]);
});

test("a shelf fetches again what failed, whether it was begun or asked for", async () => {
  const shelf = new Shelf(() => null);
  elsewhere(nowhere);
  await assert.rejects(shelf.begin(["a"]), /no network/);
  await assert.rejects(shelf.assembled(["a"]), /no network/);
  await assert.rejects(shelf.runtime(), /no network/);
  elsewhere(there);
  const { graph } = await shelf.assembled(["a"]);
  assert.equal(new TextDecoder().decode(graph), JSON.stringify(INDEX));
  await assert.rejects(shelf.runtime(), /Wasm|WebAssembly|mime|body/i); // it came, though it is none
});

test("without a second worker the runtime can be asked for again, too", async () => {
  const helper = new Helper(() => null);
  helper.alone();
  helper.shelf.runtime = async () => "a module";
  assert.equal(await helper.runtime(), "a module");
});

test("a page whose worker failed gets a new one, and an index that failed is asked for again", async () => {
  const ended = [];
  startWith((name) => ({ postMessage: () => null, terminate: () => ended.push(name) }));
  runtime().fail("the worker did not start"); // the one of another test
  const page = runtime();
  elsewhere(nowhere);
  await assert.rejects(page.index(), /no network/);
  elsewhere(there);
  assert.deepEqual(Object.keys(await page.index()), NAMES);
  page.port.onerror({ message: "out of memory" });
  await assert.rejects(page.load(["a"]), /out of memory/);
  assert.deepEqual(ended, ["worker", "unpacker"]);
  assert.notEqual(runtime(), page);
});
