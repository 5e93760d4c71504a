/** Four ways between two animals, as section 2 walks them (`course_utils.measure.sweeps.paths`). */

import { Generator } from "./noise.js";
import { pixels } from "./picture.js";
import { reading } from "./reading.js";
import { ddim, invert, mix, slerp } from "./samplers.js";
import { COUNT, decoded, sample, spent } from "./sampling.js";

const SIDE = 128;
const KEPT = 8;

/** A number of things that took long to compute, by what they depend on; the oldest is forgotten. */
const known = new Map();

/** @param {string} key @param {() => Promise<any>} make */
async function once(key, make) {
  if (!known.has(key)) {
    const made = await make();
    if (known.size >= KEPT) known.delete(known.keys().next().value);
    known.set(key, made);
  }
  return known.get(key);
}

/**
 * @typedef {{prompt: string, seed: number}} Animal
 * @typedef {{way: "codes" | "noise" | "words" | "inversion", ends: [Animal, Animal], t: number, model: string, steps: number,
 *   rest: number, scale: number, back: {model: string, steps: number, corrections: number}, decoder: string, read: boolean}}
 *   Options  `steps` for what is drawn now, `rest` for the two ends
 */

/** An animal with its address: noise, conditioning, and the latent they lead to. @param {Options} options */
function end(engine, options, animal, report) {
  const { model, rest, scale } = options;
  return once(JSON.stringify([animal, model, rest, scale]), async () => {
    const [states, noise] = [await engine.states(animal.prompt), new Generator(animal.seed).normal(COUNT)];
    const latent = await drawn(engine, { ...options, steps: rest }, noise, states, report);
    return { states, noise, latent };
  });
}

async function drawn(engine, options, noise, states, report) {
  const without = options.scale === 1 ? null : await engine.states("");
  return sample(engine, { ...options, noise }, states, without, report);
}

/** The noise that leads to an animal at a guidance scale of 1. @param {Options} options */
function inverted(engine, options, animal, { states, latent }, report) {
  const { model, steps, corrections } = options.back;
  const network = engine.network(model);
  return once(JSON.stringify([animal, options.model, options.rest, options.back]), () =>
    invert((z, t) => network(z, t, states), latent, steps, corrections, async (index) => {
      report.show({ share: (index + 1) / steps });
      await report.alive();
    }));
}

/**
 * A picture on one of the ways.
 * @param {import("./engine.js").Engine} engine @param {Options} options @param {import("./sampling.js").Report} report
 */
export async function way(engine, options, report) {
  const { t, ends } = options;
  const [a, b] = [await end(engine, options, ends[0], report), await end(engine, options, ends[1], report)];
  const near = t < 0.5 ? a : b; // what a way leaves alone changes once, in the middle
  let z;
  if (options.way === "codes") z = mix(1 - t, a.latent, t, b.latent);
  else if (options.way === "noise") z = await drawn(engine, options, slerp(a.noise, b.noise, t), near.states, report);
  else if (options.way === "words") {
    z = await drawn(engine, options, near.noise, mix(1 - t, a.states, t, b.states), report);
  } else {
    const from = await inverted(engine, options, ends[0], a, report);
    const to = await inverted(engine, options, ends[1], b, report);
    const [states, network] = [mix(1 - t, a.states, t, b.states), engine.network(options.back.model)];
    z = await ddim((x, time) => network(x, time, states), slerp(from, to, t), options.back.steps, () => report.alive());
  }
  const picture = await decoded(engine, z, options.decoder);
  const seen = options.read ? reading(await engine.run("critic", { picture })) : null;
  return { pixels: pixels(picture, SIDE), reading: seen, step: spent(engine) };
}
