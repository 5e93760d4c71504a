/** From noise and words to latents and pictures: what all jobs of the worker share. */

import { Generator } from "./noise.js";
import { guided, SAMPLERS } from "./samplers.js";

/** @typedef {{alive: () => Promise<void>, show: (partial: any) => void}} Report */

export const COUNT = 4 * 16 * 16;

/**
 * Latents from noise by a denoiser of the page, with its own sampler.
 * @param {import("./engine.js").Engine} engine
 * @param {{model: string, steps: number, scale: number, seed: number, noise?: Float32Array, network?: any}} options
 * @param {Float32Array} states @param {Float32Array | null} without states that guidance leads away from
 * @param {Report} report @param {(step: any) => Promise<void>} [watch] @param {(pair: any) => void} [look]
 */
export async function sample(engine, options, states, without, report, watch, look) {
  const { model, steps, scale, seed, noise, network = engine.network(model) } = options;
  const { use } = (await engine.index())[model];
  const source = new Generator(noise ? 0 : seed); // as the package has it: what is given goes with the source of seed 0
  const predict = without ? guided(network, states, without, scale, look) : (z, t) => network(z, t, states);
  const each = async (step) => {
    await watch?.(step);
    await report.alive();
  };
  const start = noise ?? source.normal(COUNT);
  return SAMPLERS[use.sampler](predict, start, steps, each, () => source.normal(COUNT));
}

/** @param {import("./engine.js").Engine} engine @param {Float32Array} z @param {string} decoder */
export async function decoded(engine, z, decoder = "decoder") {
  return (await engine.run(decoder, { z })).picture;
}

/** Milliseconds of an evaluation since the last time. @param {import("./engine.js").Engine} engine */
export function spent(engine) {
  const step = engine.evaluations ? engine.milliseconds / engine.evaluations : 0;
  engine.evaluations = engine.milliseconds = 0;
  return step;
}
