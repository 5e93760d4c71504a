import assert from "node:assert/strict";
import test from "node:test";
import { pixels, tensorOf } from "../../../book/web/live/picture.js";
import { reading } from "../../../book/web/live/reading.js";
import { fromHash, toHash } from "../../../book/web/live/state.js";
import { caption } from "../../../book/web/live/words.js";

const defaults = { species: "fox", scaly: 0.5, seed: 0, keep: false };

test("a state survives its way through the address", () => {
  const state = { species: "cat", scaly: 0.35, seed: 7, keep: true };
  assert.deepEqual(fromHash(toHash("plane", state), "plane", defaults), state);
  const text = { prompt: "a fox & a cat = 2?" };
  assert.deepEqual(fromHash(toHash("guidance", text), "guidance", { prompt: "" }), text);
});

test("an address of something else is none, and what is malformed keeps its default", () => {
  assert.equal(fromHash("#guidance?seed=1", "plane", defaults), null);
  assert.equal(fromHash("#plane-heading", "plane", defaults), null);
  assert.deepEqual(fromHash("#plane?seed=many&scaly=&other=1", "plane", defaults), defaults);
});

test("pixels are rounded and clipped, and come back", () => {
  const rgba = pixels(Float32Array.of(-1, 2, 0), 1);
  assert.deepEqual([...rgba], [0, 255, 128, 255]);
  assert.deepEqual([...pixels(tensorOf(rgba), 1)], [...rgba]);
});

test("the critic's answers become a sentence", () => {
  const answers = {
    species: [0, 3, 0], texture: [0, 3], coat: [3, 0, 0, 0, 0], background: [3, 0, 0, 0], stance: [3, 0, 0],
    facing: [0, 3], size: [0.8],
  };
  assert.equal(reading(answers).sentence, "a large scaly orange fox, sitting");
  assert.equal(reading({ ...answers, size: [0.65] }).sentence, "a scaly orange fox, sitting");
  assert.ok(Math.abs(reading(answers).scaly - 1 / (1 + Math.exp(-3))) < 1e-6);
});

test("captions are the world's own", () => {
  const scene = { texture: "scaly", coat: "orange", species: "fox", background: "pink", stance: "walking", facing: "left" };
  assert.equal(caption({ ...scene, size: "small" }), "a small scaly orange fox walking on a pink background, facing left");
});
