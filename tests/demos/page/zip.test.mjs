import assert from "node:assert/strict";
import test from "node:test";

import { framed, grey, promised, soon } from "./dom.mjs";
import { elsewhere } from "../../../book/web/live/addresses.js";
import Zip from "../../../book/web/live/demos/zip.js";
import { scenes } from "../../../book/web/live/files.js";

const there = async () => "data:image/png,x";
elsewhere(there);
const NUMBERS = { z: new Float32Array(1024) };

/** The zip demo; each encoding waits until it is answered. */
function zip(state = {}) {
  const encodings = [];
  const host = framed(Zip, {}, state, (job) => {
    if (job !== "encode") return { pixels: grey(encodings.length) };
    encodings.push(promised());
    return encodings.at(-1);
  });
  return { host, encodings };
}

test("the scenes are fetched again where they did not come", async () => {
  elsewhere(async () => Promise.reject(new Error("no network")));
  await assert.rejects(scenes(0), /no network/);
  elsewhere(there);
  assert.equal((await scenes(0)).length, 4 * 128 * 128);
});

test("a picture that took longer does not take the place of a newer one", async () => {
  const { host, encodings } = zip();
  const first = host.set({ scene: "2" });
  await soon();
  const second = host.set({ scene: "1" });
  await soon();
  encodings[1].resolve(NUMBERS);
  await second;
  const asked = host.asked.length;
  assert.ok(host.figure.attributes.has("data-settled"));
  encodings[0].resolve(NUMBERS);
  await first;
  assert.equal(host.asked.length, asked, "the older one is encoded, and that is all");
});

test("while one paints, each answer is shown, and the last one's numbers are told", async () => {
  const { host, encodings } = zip();
  const shown = [];
  host.demo.canvas.getContext = () => ({ putImageData: () => shown.push(1) });
  const all = [host.set({})];
  await soon();
  encodings[0].resolve(NUMBERS);
  await all[0];
  shown.length = 0;
  host.figure.removeAttribute("data-settled");
  const waiting = [];
  host.ask = () => (waiting.push(promised()), waiting.at(-1));
  for (const bits of [8, 4]) all.push(host.set({ bits }));
  await soon();
  waiting[0].resolve({ pixels: grey(1) });
  await all[1];
  assert.equal(shown.length, 1);
  assert.ok(!host.figure.attributes.has("data-settled"), "another is on its way");
  waiting[1].resolve({ pixels: grey(2) });
  await all[2];
  assert.deepEqual([shown.length, host.figure.attributes.has("data-settled")], [2, true]);
  assert.match(host.said.at(-1), /^The latent takes 512 bytes/);
});

test("of two photos the later one is shown, and none in the place of a picture chosen meanwhile", async () => {
  const { host, encodings } = zip();
  const { demo } = host;
  const own = () => demo.controls.scene.input.options.filter(({ textContent }) => textContent === "your photo").length;
  const [first, second] = [demo.take(new Blob(["1"])), demo.take(new Blob(["2"]))];
  await soon();
  encodings[1].resolve({ z: new Float32Array(1024).fill(2) });
  await second;
  encodings[0].resolve({ z: new Float32Array(1024).fill(1) });
  await first;
  assert.deepEqual([host.state.scene, own()], ["your photo", 1]);
  assert.equal((await demo.sources.get("your photo")).z[0], 2);
  const third = demo.take(new Blob(["3"]));
  await soon();
  host.state.scene = "3";
  encodings[2].resolve(NUMBERS);
  await third;
  assert.deepEqual([host.state.scene, own()], ["3", 1]);
  assert.match(host.said.at(-1), /Your photo is here/);
});

test("a picture whose encoding failed is encoded again", async () => {
  const { host, encodings } = zip();
  const failed = assert.rejects(host.set({}), /no network/);
  await soon();
  encodings[0].reject(new Error("no network"));
  await failed;
  host.set({});
  await soon();
  assert.equal(encodings.length, 2);
});

test("the code reads a photo as the page does, and says what to put in", () => {
  const { host } = zip({ scene: "your photo", bits: 4, edits: "0.1.2=3" });
  const code = host.demo.python();
  assert.match(code, /# Your photo is on your device alone: put its name in the place of photo\.jpg\.\n/);
  assert.match(code, /ImageOps\.fit\(Image\.open\("photo\.jpg"\)\.convert\("RGB"\), \(128, 128\)\)/);
  assert.match(code, /latent\[0, 0, 1, 2\] \+= 3\n/);
  assert.match(host.demo.stays(), /photo stays with you/);
  host.state.scene = "4";
  assert.match(host.demo.python(), /picture = render\(sample\(6, HELD_OUT_SEED\)\[3\]\)\n/);
  assert.equal(host.demo.stays(), "");
});

test("the code says which picture the notebook gave", () => {
  const { host } = zip({ scene: 'a "held-out" critter\n' });
  host.demo.given = [host.state.scene];
  const [line] = host.demo.python().match(/^#.*$/m);
  assert.match(line, /^# The notebook gave "a \\"held-out\\" critter\\n": put its array/);
  assert.doesNotMatch(host.demo.python(), /Image\.open/);
});

test("a link's bits and brush are kept within what there is", () => {
  assert.deepEqual(Zip.limits, { bits: [2, 16, 1], brush: [-5, 5, 0.5] });
});
