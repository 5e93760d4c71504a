import assert from "node:assert/strict";
import test from "node:test";
import { pixels, tensorOf } from "../../../book/web/live/picture.js";
import { reading } from "../../../book/web/live/reading.js";
import { toEdits } from "../../../book/web/live/latent.js";
import { bounded, fromHash, quoted, restrict, same, SEED, toHash } from "../../../book/web/live/state.js";
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

test("numbers of an address are rounded, and kept within their limits", () => {
  const limits = { steps: [2, 50, 1], at: [0, 49, 1], scale: [0, 15, 0], brush: [-5, 5, 0.5], seed: SEED };
  const first = { steps: 25, at: 12, scale: 3, brush: 1, seed: 0 };
  const given = (text) => fromHash(`#guidance?${text}`, "guidance", first, limits);
  for (const [text, found] of [["steps=0", 2], ["steps=2.5", 3], ["steps=1e9", 50], ["steps=-Infinity", 25]]) {
    assert.equal(given(text)?.steps, found, text);
  }
  assert.deepEqual([given("at=1.5")?.at, given("at=-1")?.at], [2, 0]);
  assert.deepEqual([given("scale=3.3")?.scale, given("scale=-1")?.scale], [3.3, 0]);
  assert.equal(given("brush=0.2")?.brush, 0);
  assert.deepEqual(["42", "1.5", "-1", "1e99"].map((seed) => given(`seed=${seed}`)?.seed), [42, 2, 0, 2 ** 32 - 1]);
});

test("what a notebook sets is of its default's type, and within limits", () => {
  const limits = { seed: SEED };
  assert.deepEqual(bounded({ seed: 1.4, species: null }, defaults, limits), { seed: 1, species: "fox" });
  assert.deepEqual(bounded({ seed: null, scaly: NaN }, defaults, limits), { seed: 0, scaly: 0.5 });
});

test("a stroke of an address reaches no further than the numbers do", () => {
  const far = "9".repeat(400);
  assert.deepEqual(toEdits(`0.1.2=${far},1.0.0=-7,2.3.4=2.5`), new Map([["0.1.2", 5], ["1.0.0", -5], ["2.3.4", 2.5]]));
});

test("what no menu has becomes the default, or, where that is none, the first", () => {
  const state = { species: "wolf", coat: "blue", stance: "flying" };
  const options = { species: ["dog", "fox"], coat: ["orange", "blue"], stance: ["sitting"] };
  restrict(state, options, { species: "fox", coat: "orange", stance: "floating" });
  assert.deepEqual(state, { species: "fox", coat: "blue", stance: "sitting" });
});

test("states are the same that show the same", () => {
  assert.ok(same({ a: 1, b: "x" }, { a: 1, b: "x" }));
  assert.ok(!same({ a: 1, b: "x" }, { a: 2, b: "x" }));
});

test("a string in Python's source ends where it should", () => {
  assert.equal(quoted('fox"); import os #\n'), '"fox\\"); import os #\\n"');
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
