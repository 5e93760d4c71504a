import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import "./dom.mjs";
import { line, range } from "../../../book/web/live/controls.js";

test("a slider reaches as far as what it is given, and says that number", () => {
  const { node, input, set } = range("seed", { min: 0, max: 20, step: 1, value: 42 }, () => null);
  const shown = () => [input.value, input.max, input.getAttribute("aria-valuetext"), node.children[1].textContent];
  assert.deepEqual(shown(), ["42", "42", "42", "42"]);
  set(7);
  assert.deepEqual(shown(), ["7", "42", "7", "7"], "it does not shrink below a finger that slides");
});

test("a slider says a number between its steps as it is", () => {
  const { input } = range("scale", { min: 0, max: 15, step: 0.5, value: 3.3, say: (v) => v.toFixed(1) }, () => null);
  assert.equal(input.getAttribute("aria-valuetext"), "3.3");
});

test("nobody writes into a line while somebody types there", () => {
  const told = [];
  const { input, set } = line("Prompt", "a fox", (text) => told.push(text));
  input.focus();
  input.value = "a fox and";
  set("a fox");
  assert.equal(input.value, "a fox and");
  input.fire("change");
  set("a cat");
  assert.deepEqual([told, input.value], [["a fox and"], "a cat"], "what was told may be replaced");
  input.value = "a cat and";
  document.activeElement = document.body;
  set("a dog");
  assert.equal(input.value, "a dog");
});

test("on the whole screen a demo is never a sliver", () => {
  const css = readFileSync(new URL("../../../book/web/live/live.css", import.meta.url), "utf8");
  const [, rule] = css.match(/\.demo-large \.demo-live \{ max-width: ([^;]+);/);
  const at = (height) => {
    const units = { rem: 16, vh: height / 100 };
    const pixels = rule.replaceAll(/([\d.]+)(rem|vh)/g, (_, count, unit) => String(count * units[unit]));
    return new Function("min", "max", `return ${pixels}`)(Math.min, Math.max);
  };
  const shown = (width, height) => Math.round(Math.min(width - 32, at(height)));
  assert.deepEqual([shown(1280, 720), shown(390, 844), shown(844, 390), shown(568, 320)], [832, 358, 544, 536]);
});
