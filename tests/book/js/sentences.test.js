import assert from "node:assert/strict";
import { test } from "node:test";

import { sentences } from "../../../book/web/course/sentences.js";

const split = (text) => sentences(text).map(([from, to]) => text.slice(from, to));

test("sentences end at full stops, question marks and colons do not", () => {
  assert.deepEqual(split("It is so. Is it? “Yes!” Good: it is."), ["It is so.", "Is it?", "“Yes!”", "Good: it is."]);
});

test("numbers, abbreviations and initials do not end one", () => {
  const whole = ["See Rombach et al. 2022, at 0.5 of a step (e.g. Fig. 3), by D. Kingma and others."];
  assert.deepEqual(split(whole[0]), whole);
});

test("the number of a title or a question belongs to it", () => {
  assert.deepEqual(split("1. What a latent keeps"), ["1. What a latent keeps"]);
  assert.deepEqual(split("It has 3. Then it has none."), ["It has 3.", "Then it has none."]);
});

test("what has no letter and no number is not read", () => {
  assert.deepEqual(split(" … — "), []);
  assert.deepEqual(split("  A title without a stop  "), ["A title without a stop"]);
});

test("brackets belong to the sentence that they close", () => {
  assert.deepEqual(split("(It is old.) New things follow."), ["(It is old.)", "New things follow."]);
});
