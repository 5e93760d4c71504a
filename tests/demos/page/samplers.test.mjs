import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { Generator } from "../../../book/web/live/noise.js";
import { ddim, eulerFlow, guided, invert, lcm, lcmFlow, slerp } from "../../../book/web/live/samplers.js";
import { consistency, trailing } from "../../../book/web/live/schedule.js";

const expected = JSON.parse(readFileSync(new URL("expected.json", import.meta.url)));

/** A denoiser that needs no weights; the same stands in the Python that made expected.json. */
const toy = async (z, t, states = [1]) => z.map((value) => Math.sin(value + t / 1000) * states[0]);

function close(found, wanted, tolerance) {
  for (const [at, value] of Object.entries(wanted)) assert.ok(Math.abs(found[at] - value) < tolerance, `${at}: ${found[at]}, ${value}`);
}

test("timesteps are those of the stock schedulers", () => {
  for (const [count, times] of expected.trailing) assert.deepEqual(trailing(count), times);
  for (const [count, times] of expected.consistency) assert.deepEqual(consistency(count), times);
});

test("DDIM leads where the course's own does", async () => {
  close(await ddim(toy, new Generator(3).normal(1024), 25), expected.ddim, 2e-4);
});

test("the latent consistency sampler leads where the stock scheduler does, noise on the way included", async () => {
  const source = new Generator(3);
  close(await lcm(toy, source.normal(1024), 4, undefined, () => source.normal(1024)), expected.lcm, 2e-4);
});

test("on a flow, Euler and consistency lead where the stock schedulers do", async () => {
  const source = new Generator(3);
  close(await eulerFlow(toy, source.normal(1024), 7), expected.euler_flow, 2e-4);
  const other = new Generator(3);
  close(await lcmFlow(toy, other.normal(1024), 4, undefined, () => other.normal(1024)), expected.lcm_flow, 2e-4);
});

test("DDIM backwards leads where the course's own does, and DDIM back again", async () => {
  const gentle = async (z, t) => (await toy(z, t)).map((value) => 0.2 * value);
  const z = new Generator(3).normal(1024);
  const found = await invert(gentle, z, 25, 2);
  close(found, expected.invert, 2e-4);
  const back = await ddim(gentle, found, 25);
  assert.ok(Math.max(...back.map((value, k) => Math.abs(value - z[k]))) < 1e-2);
});

test("the arc is the course's own, and parallel vectors are borne", () => {
  const [a, b] = [new Generator(1).normal(1024), new Generator(2).normal(1024)];
  close(slerp(a, b, 0.3), expected.slerp, 1e-5);
  assert.deepEqual([...slerp(Float32Array.of(1, 2), Float32Array.of(1, 2), 0.5)], [1, 2]);
});

test("guidance is the sum of two predictions, and costs one where the scale is 0 or 1", async () => {
  let evaluations = 0;
  const counted = (z, t, states) => (evaluations++, toy(z, t, states));
  const z = Float32Array.of(0.5);
  const at = async (scale) => (await guided(counted, [2], [1], scale)(z, 0))[0];
  const u = Math.sin(0.5);
  assert.ok(Math.abs((await at(0)) - u) < 1e-6 && Math.abs((await at(1)) - 2 * u) < 1e-6);
  assert.equal(evaluations, 2);
  assert.ok(Math.abs((await at(3)) - (u + 3 * u)) < 1e-6);
  assert.equal(evaluations, 4);
});

test("a watcher sees every step and can stop the loop", async () => {
  const seen = [];
  const watch = async ({ index }) => {
    seen.push(index);
    if (index === 2) throw new Error("enough");
  };
  await assert.rejects(ddim(toy, new Generator(0).normal(16), 5, watch), /enough/);
  assert.deepEqual(seen, [0, 1, 2]);
});
