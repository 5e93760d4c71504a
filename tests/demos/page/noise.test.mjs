import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { Generator } from "../../../book/web/live/noise.js";

const expected = JSON.parse(readFileSync(new URL("expected.json", import.meta.url)));

test("the generator draws PyTorch's noise, also the second time", () => {
  for (const { seed, first, second } of expected.noise) {
    const source = new Generator(seed);
    for (const wanted of [first, second]) {
      const drawn = source.normal(1024);
      for (const [at, value] of Object.entries(wanted)) assert.ok(Math.abs(drawn[at] - value) < 2e-6, `seed ${seed}, ${at}`);
    }
  }
});

test("noise is standard normal over many numbers", () => {
  const drawn = new Generator(5).normal(65536);
  const mean = drawn.reduce((a, b) => a + b, 0) / drawn.length;
  const variance = drawn.reduce((a, b) => a + (b - mean) ** 2, 0) / drawn.length;
  assert.ok(Math.abs(mean) < 0.02 && Math.abs(variance - 1) < 0.03);
});

test("a count that PyTorch would draw in another way is refused", () => {
  assert.throws(() => new Generator(0).normal(8), RangeError);
  assert.throws(() => new Generator(0).normal(20), RangeError);
});
