import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { framed, grey, promised, reading, soon } from "./dom.mjs";
import { elsewhere } from "../../../book/web/live/addresses.js";
import Guidance from "../../../book/web/live/demos/guidance.js";
import Plane from "../../../book/web/live/demos/plane.js";
import Skeleton from "../../../book/web/live/demos/skeleton.js";
import Spaces from "../../../book/web/live/demos/spaces.js";
import Steps from "../../../book/web/live/demos/steps.js";
import { bounded } from "../../../book/web/live/state.js";

const poses = readFileSync(new URL("../../../book/web/models/poses.json", import.meta.url));
elsewhere(async () => `data:application/json;base64,${poses.toString("base64")}`);

const use = { steps: 4, guidance: 1, sampler: "lcm" };
const INDEX = { text_to_image: { use, inputs: { z: 0, t: 0, states: 0 } }, controlled: { use, inputs: {} },
  controlnet_pose: { trained: 1200, use: {}, inputs: {} } };
const ALL = [Guidance, Plane, Skeleton, Spaces, Steps];
const EVIL = 'fox"); evil() #';

/** An answer that is nothing yet. */
const never = () => new Promise(() => {});

test("no demo's limits refuse its own first state", () => {
  for (const Demo of ALL) {
    const first = Demo.defaults(INDEX);
    assert.deepEqual(bounded(first, first, Demo.limits), first, Demo.title);
    const few = ["trained", "evaluations"]; // of which there are some, as on a menu
    const numbers = Object.keys(first).filter((name) => typeof first[name] === "number" && !few.includes(name));
    assert.deepEqual(numbers.sort(), Object.keys(Demo.limits).sort(), Demo.title);
  }
});

test("what a link brings is quoted in the code, or is what no menu has and left out", async () => {
  for (const Demo of ALL) {
    const words = Object.entries(Demo.defaults(INDEX)).filter(([, value]) => typeof value === "string");
    const host = framed(Demo, INDEX, Object.fromEntries(words.map(([name]) => [name, EVIL])), never);
    host.demo.update();
    await soon();
    for (const line of host.demo.python().split("\n")) {
      const code = line.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
      assert.ok(!code.includes("evil"), `${Demo.title} ${line}`);
    }
  }
});

test("the plane is drawn by the student that tears fewest animals, of those that are there", () => {
  const named = (...names) => Object.fromEntries(["text_to_image", ...names].map((name) => [name, { use }]));
  for (const Demo of [Plane, Spaces]) {
    const models = [named("lcm", "adversarial"), named("lcm"), named()].map((index) => Demo.denoiser(index).model);
    assert.deepEqual(models, ["adversarial", "lcm", "text_to_image"]);
  }
});

test("a menu that a link leaves without its value shows the default", async () => {
  const plane = framed(Plane, INDEX, { species: "wolf", coat: "blue" }, never);
  plane.demo.update();
  const { species, coat } = plane.demo.controls;
  assert.deepEqual([plane.state.species, species.input.value, coat.input.value], ["fox", "fox", "blue"]);
  const skeleton = framed(Skeleton, INDEX, { map: "x", joint: "wing", moves: "wing=1,1;nose=2,3" }, never);
  skeleton.demo.update();
  await soon();
  assert.deepEqual([skeleton.state.map, skeleton.state.joint], ["a skeleton", "head"]);
  assert.match(skeleton.demo.python(), /joints = moved\(joints, "nose", 2, 3\)/);
  assert.doesNotMatch(skeleton.demo.python(), /wing/);
});

test("a place on the plane is remembered once, and the keyboard does not fall out of the trail", () => {
  const { demo, state } = framed(Plane, INDEX);
  for (let k = 0; k < 8; k++) demo.remember({ ...state, seed: k }, grey(k));
  const [first, second] = demo.been.children;
  first.focus();
  demo.remember({ ...state, seed: 0 }, grey(0));
  assert.deepEqual([demo.been.children.length, demo.been.children[0], demo.trail.length], [8, first, 8]);
  assert.equal(document.activeElement, first);
  demo.remember({ ...state, seed: 8 }, grey(8));
  assert.deepEqual([demo.been.children.length, demo.been.children[0], demo.trail.length], [8, second, 8]);
  assert.equal(document.activeElement, second);
});

test("whoever moves the slider between two animals does not wait for the inversion", async () => {
  const host = framed(Spaces, INDEX, {}, () => ({ pixels: grey(1), reading }));
  const order = [];
  [host.drop, host.ask] = [(channel) => order.push(`drop ${channel}`), (_job, { way }, how) => {
    order.push(way);
    host.how = how;
    return Promise.resolve({ pixels: grey(1), reading });
  }];
  await host.demo.update();
  assert.deepEqual(order, ["drop inversion", "codes", "noise", "words", "inversion"]);
  assert.ok(host.how.drops && host.how.yields);
});

const arrows = Array.from({ length: 25 }, (_, k) => ({ t: k, length: 1, along: 1, across: 0 }));
const drawn = { pixels: grey(5), reading, arrows, step: 1 };

test("the step that was chosen while a picture was drawn stays chosen", async () => {
  const answer = promised();
  const host = framed(Guidance, INDEX, {}, () => answer);
  const updated = host.demo.update();
  host.demo.look(3);
  answer.resolve(drawn);
  await updated;
  assert.deepEqual([host.state.at, host.demo.controls.at.input.value], [3, "3"]);
  assert.match(host.said.at(-1), /At timestep 3 /);
});

test("a step is one that there is", async () => {
  const host = framed(Guidance, INDEX, { steps: 10, at: 40 }, () => ({ ...drawn, arrows: arrows.slice(0, 10) }));
  const updated = host.demo.update();
  const { input } = host.demo.controls.at;
  assert.deepEqual([input.value, input.max], ["9", "9"]);
  await updated;
  assert.equal(host.state.at, 9);
  for (const [at, found] of [[1.5, 2], [-1, 0], [1e9, 9]]) {
    host.demo.look(at);
    assert.equal(host.state.at, found);
  }
});

test("what is kept as A is the last whole picture, under its own settings", async () => {
  const answers = [Promise.resolve(drawn), promised()];
  const host = framed(Guidance, INDEX, { scale: 3 }, () => answers.shift());
  const { demo } = host;
  demo.keep();
  assert.equal(demo.labelA.textContent, "A: keep a picture to compare");
  assert.match(host.said.at(-1), /still being drawn/);
  await demo.update();
  host.state.scale = 9;
  demo.update();
  host.asked.at(-1).how.show({ pixels: grey(99), t: 500 });
  const shown = [];
  const pen = { putImageData: ({ data }) => shown.push(data[0]), clearRect: () => shown.push("clear") };
  demo.kept.getContext = () => pen;
  demo.keep();
  assert.deepEqual(shown, [5]);
  assert.equal(demo.labelA.textContent, "A: w = 3, 25 steps, seed 0");
  assert.equal(demo.kept.getAttribute("aria-label"), "A: kept, a fox, sitting");
  demo.reset();
  assert.equal(demo.kept.getAttribute("aria-label"), "A: nothing kept yet");
  assert.equal(shown.at(-1), "clear");
});

test("an answer does not take away what somebody types", async () => {
  const answer = promised();
  const host = framed(Guidance, INDEX, {}, () => answer);
  const updated = host.demo.update();
  const { input } = host.demo.texts.negative;
  input.focus();
  input.value = "green gra";
  host.demo.change({ scale: 4 });
  clearTimeout(host.demo.timer);
  answer.resolve(drawn);
  await updated;
  host.demo.update();
  assert.equal(input.value, "green gra");
  document.activeElement = document.body;
});
