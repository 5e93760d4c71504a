import assert from "node:assert/strict";
import { test } from "node:test";

import { Runtime, Stale } from "../../../book/web/live/runtime.js";

/** A worker that notes what it is told; `answer` tells the page. */
function worker() {
  const port = { told: [], postMessage: (message) => port.told.push(message),
    answer: (data) => port.onmessage({ data }) };
  const asked = () => port.told.filter(({ job }) => job);
  const drops = () => port.told.filter(({ drop }) => drop).map(({ drop }) => drop);
  return { port, asked, drops, runtime: new Runtime(port) };
}

/** Time that passes only as it is told: the way to let some milliseconds pass. */
function clock(context) {
  const { setTimeout, clearTimeout } = globalThis;
  let [now, count, due] = [0, 0, []];
  globalThis.setTimeout = /** @type {any} */ ((run, wait) => (due.push({ id: ++count, at: now + wait, run }), count));
  globalThis.clearTimeout = /** @type {any} */ ((id) => (due = due.filter((one) => one.id !== id)));
  context.after(() => Object.assign(globalThis, { setTimeout, clearTimeout }));
  return (milliseconds) => {
    now += milliseconds;
    const ripe = due.filter(({ at }) => at <= now);
    due = due.filter(({ at }) => at > now);
    for (const { run } of ripe) run();
  };
}

test("a channel that is dropped forgets what waits, and stops what may be stopped", async () => {
  const { runtime, port, asked, drops } = worker();
  const now = runtime.ask("way", {}, { channel: "inversion", drops: true });
  const next = runtime.ask("way", {}, { channel: "inversion", drops: true });
  const other = runtime.ask("way", {}, { channel: "codes" });
  const before = drops().length;
  runtime.drop("inversion");
  runtime.drop("nobody");
  await assert.rejects(next, Stale);
  assert.deepEqual(drops().slice(before), [1]);
  port.answer({ id: 1, stale: true });
  await assert.rejects(now, Stale);
  port.answer({ id: 3, result: "a picture" });
  assert.equal(await other, "a picture");
  assert.equal(asked().length, 2, "what waited was never asked");
});

test("what may not be stopped is answered, dropped or not", async () => {
  const { runtime, port, drops } = worker();
  const draft = runtime.ask("plane", {}, { channel: "plane" });
  runtime.drop("plane");
  assert.deepEqual(drops(), []);
  port.answer({ id: 1, result: "a picture" });
  assert.equal(await draft, "a picture");
});

test("what can wait gives way to another channel, and is asked again when nobody waits", async (context) => {
  const tick = clock(context);
  const { runtime, port, asked, drops } = worker();
  const inversion = runtime.ask("way", { t: 0.5 }, { channel: "inversion", drops: true, yields: true });
  const draft = runtime.ask("plane", {}, { channel: "plane" });
  const again = runtime.ask("plane", {}, { channel: "plane" });
  assert.deepEqual(drops(), [1], "told once");
  port.answer({ id: 1, stale: true });
  tick(600);
  assert.equal(asked().length, 2, "the plane still waits");
  port.answer({ id: 2, result: "a picture" });
  port.answer({ id: 3, result: "a better one" });
  assert.deepEqual([await draft, await again], ["a picture", "a better one"]);
  assert.equal(asked().length, 3);
  tick(600);
  assert.deepEqual(asked().at(-1), { id: 4, job: "way", options: { t: 0.5 } });
  port.answer({ id: 4, result: "inverted" });
  assert.equal(await inversion, "inverted");
});

test("what gave way is dropped by its own channel, and with a worker that fails", async (context) => {
  const tick = clock(context);
  const { runtime, port, asked } = worker();
  const ask = (t) => runtime.ask("way", { t }, { channel: "inversion", drops: true, yields: true });
  const first = ask(0);
  runtime.ask("plane", {}, { channel: "plane" }).catch(() => null);
  port.answer({ id: 1, stale: true });
  const second = ask(1);
  await assert.rejects(first, Stale);
  runtime.ask("plane", {}, { channel: "plane" }).catch(() => null);
  port.answer({ id: 3, stale: true });
  tick(600);
  assert.equal(asked().length, 3);
  runtime.fail("out of memory");
  await assert.rejects(second, /out of memory/);
  tick(2000);
  assert.equal(asked().length, 3, "nothing is asked of a worker that is gone");
});

test("a kernel, which cannot stop half way, answers all the same", async () => {
  const { runtime, port } = worker();
  const inversion = runtime.ask("way", {}, { channel: "inversion", drops: true, yields: true });
  runtime.ask("plane", {}, { channel: "plane" });
  port.answer({ id: 1, result: "inverted" });
  assert.equal(await inversion, "inverted");
});
