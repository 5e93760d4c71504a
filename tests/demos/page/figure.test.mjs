import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { drawPose, moved, pythonOfPose, SIDE, toMoves, toText } from "../../../book/web/live/figure.js";

const expected = JSON.parse(readFileSync(new URL("expected.json", import.meta.url)));
const tables = JSON.parse(readFileSync(new URL("../../../book/web/models/poses.json", import.meta.url)));
const cat = Object.fromEntries(tables.joints.map((name, k) => [name, tables.poses["cat walking right"][k]]));

test("a skeleton is drawn as the world draws it, moved joints and the border included", () => {
  const moves = new Map([["nose", [6.5, -9]], ["tail_tip", [-80, 3]]]);
  const map = drawPose(moved(cat, moves), tables.bones);
  const sums = new Array(16 * 16 * 3).fill(0);
  for (let c = 0; c < 3; c++) {
    for (let k = 0; k < SIDE * SIDE; k++) {
      const block = Math.floor(k / SIDE / 8) * 16 + Math.floor((k % SIDE) / 8);
      sums[3 * block + c] += 255 * map[c * SIDE * SIDE + k];
    }
  }
  const all = expected.skeleton.reduce((a, b) => a + b, 0);
  const off = sums.reduce((sum, value, k) => sum + Math.abs(value - expected.skeleton[k]), 0);
  assert.ok(off / all < 0.03, `${((100 * off) / all).toFixed(2)} % of the colour lies elsewhere`);
});

test("moves survive their way through the address, and what is malformed is passed over", () => {
  const moves = new Map([["nose", [6.5, -9]], ["tail_tip", [-80, 0]]]);
  assert.deepEqual(toMoves(toText(moves), tables.joints), moves);
  assert.deepEqual(toMoves("nose=1;=3,4;neck=x,y;hip=1,2", tables.joints), new Map([["hip", [1, 2]]]));
});

test("only joints that there are move, and none through more than the picture", () => {
  const far = "9".repeat(400);
  assert.deepEqual(toMoves(`wing=1,1;nose=${far},-500`, tables.joints), new Map([["nose", [SIDE, -SIDE]]]));
});

test("the code of a skeleton quotes whatever a word may hold", () => {
  const state = { species: 'fox"', figure: "sitting", facing: "left", seed: 3 };
  const moves = new Map([["nose", [1, -2]]]);
  const how = { role: "lcm", steps: 4, conditioning: 1, prompt: 'a "fox"', moves, checkpoint: 600 };
  const code = pythonOfPose(state, how);
  assert.ok(code.includes('scene = Scene("fox\\"", stance="sitting", facing="left", size=0.65)\n'));
  assert.ok(code.includes("draw.control = checkpoint(600)\njoints = keypoints(scene)\n"));
  assert.ok(code.includes('joints = moved(joints, "nose", 1, -2)\n'));
  assert.ok(code.includes('prompt = "a \\"fox\\""'));
  assert.ok(!pythonOfPose(state, { ...how, checkpoint: null }).includes("checkpoint"));
});

test("a joint stays inside of the picture, and the others where they are", () => {
  const there = moved(cat, new Map([["nose", [1000, -1000]]]));
  assert.deepEqual(there.nose, [SIDE - 1, 0]);
  assert.deepEqual(there.neck, cat.neck);
});
