import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { SIDE } from "../../../book/web/live/figure.js";
import { drawLines, toStrokes, toText } from "../../../book/web/live/sketch.js";

const expected = JSON.parse(readFileSync(new URL("expected.json", import.meta.url)));

test("lines are drawn as the package draws them, to the last grey", () => {
  const all = Array.from({ length: SIDE }, (_, k) => k);
  for (const { text, rows, columns } of expected.sketch) {
    const map = Array.from(drawLines(toStrokes(text), null), (value) => Math.round(255 * value));
    const sum = (at) => all.reduce((total, k) => total + map[at(k)], 0);
    assert.deepEqual(all.map((y) => sum((x) => y * SIDE + x)), rows);
    assert.deepEqual(all.map((x) => sum((y) => y * SIDE + x)), columns);
  }
});

test("edges that are there stay below the lines", () => {
  const under = new Uint8Array(SIDE * SIDE).fill(51);
  const map = drawLines([[[10, 10]]], under);
  assert.equal(map[10 * SIDE + 10], 1);
  assert.equal(map[0], Math.fround(0.2));
});

test("a drawing survives its way through the address, and what is malformed is passed over", () => {
  const text = "12.34_15.40-40.50";
  assert.equal(toText(toStrokes(text)), text);
  assert.deepEqual(toStrokes("1.2_x_300.1_128.0_3.4-_-"), [[[1, 2], [3, 4]]]);
  assert.deepEqual(toStrokes(""), []);
});
