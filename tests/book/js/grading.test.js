import assert from "node:assert/strict";
import { test } from "node:test";

import { grade, typed } from "../../../book/web/course/grading.js";
import { alphaBar, gaussians, moments } from "../../../book/web/course/painters.js";

test("numbers as people type them", () => {
  const read = ["48", " 1,024 ", "1,234,567.5", "0.5", ".5", "48×", "27.6 %", "−3", "1e3"].map(typed);
  assert.deepEqual(read, [48, 1024, 1234567.5, 0.5, 0.5, 48, 27.6, -3, 1000]);
  for (const text of ["", "many", "0,5", "0,125", "1,02", "1024,000", "3 or 4", "--1", "Infinity"])
    assert.ok(Number.isNaN(typed(text)), text);
});

test("a number is right within its share, and else too low or too high", () => {
  const answer = { kind: "number", value: 40, within: 0.1 };
  assert.deepEqual(
    ["36", "44", "40"].map((given) => grade(answer, given).right),
    [true, true, true],
  );
  assert.equal(grade(answer, "35.9").say, "Too low.");
  assert.equal(grade(answer, "44.1").say, "Too high.");
  assert.equal(grade(answer, "40").say, "Right.");
});

test("what is no answer does not count as one", () => {
  assert.equal(grade({ kind: "number", value: 1, within: 0.1 }, "one").counts, false);
  assert.equal(grade({ kind: "choice", right: 0 }, "").counts, false);
});

test("choices and sliders", () => {
  assert.equal(grade({ kind: "choice", right: 2 }, "2").right, true);
  assert.equal(grade({ kind: "choice", right: 2 }, "0").right, false);
  const slider = { kind: "slider", from: 3, to: 5 };
  assert.deepEqual(
    ["2", "3", "5", "6"].map((at) => grade(slider, at).right),
    [false, true, true, false],
  );
  assert.match(grade(slider, "2").say, /up/);
  assert.match(grade(slider, "6").say, /down/);
});

test("the page has the schedule that the refresher has", () => {
  assert.equal(alphaBar(500).toFixed(3), "0.276");
  assert.ok(alphaBar(353) > 0.5 && alphaBar(354) < 0.5);
  assert.ok(alphaBar(999) < 0.005);
});

test("the noise is Gaussian and the same on every visit", () => {
  const noise = gaussians(20000, 1);
  const mean = noise.reduce((sum, x) => sum + x, 0) / noise.length;
  const variance = noise.reduce((sum, x) => sum + (x - mean) ** 2, 0) / noise.length;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.03);
  assert.deepEqual(noise.slice(0, 5), gaussians(5, 1));
  assert.notDeepEqual(gaussians(5, 1), gaussians(5, 2));
});

test("a picture is scaled by its colours alone, not by how opaque it is", () => {
  assert.deepEqual(moments([10, 20, 30, 255, 30, 20, 10, 255]), [20, Math.sqrt(400 / 6)]);
});
