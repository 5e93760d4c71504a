/** The same noise through one model after the other, and the path that each takes (section 5). */

import { Generator } from "./noise.js";
import { pixels } from "./picture.js";
import { reading } from "./reading.js";
import { mix } from "./samplers.js";
import { COUNT, decoded, sample, spent } from "./sampling.js";

const SIDE = 128;

/** @param {Float32Array} a @param {Float32Array} b */
const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);

/**
 * A path seen from the side: how far along the straight line from its first to its last latent each point lies, and how far
 * from the line, both as shares of the line's length.
 * @param {Float32Array[]} points @returns {{along: number, away: number}[]}
 */
export function profile(points) {
  const [first, last] = [points[0], points[points.length - 1]];
  const line = mix(1, last, -1, first);
  const squared = dot(line, line) || 1;
  return points.map((point) => {
    const rest = mix(1, point, -1, first);
    const along = dot(rest, line) / squared;
    const left = mix(1, rest, -along, line);
    return { along, away: Math.sqrt(dot(left, left) / squared) };
  });
}

/**
 * How far a path is from straight: the way walked, over the straight line's length. 1 is straight.
 * @param {Float32Array[]} points
 */
export function detour(points) {
  const far = (a, b) => Math.sqrt(dot(mix(1, a, -1, b), mix(1, a, -1, b)));
  const walked = points.slice(1).reduce((sum, point, k) => sum + far(point, points[k]), 0);
  return walked / far(points[0], points[points.length - 1]);
}

/**
 * A picture by one model with so many evaluations, and its path.
 * @param {import("./engine.js").Engine} engine
 * @param {{prompt: string, model: string, steps: number, scale: number, seed: number, read: boolean}} options
 * @param {import("./sampling.js").Report} report
 */
export async function paths(engine, options, report) {
  const states = await engine.states(options.prompt);
  const without = options.scale === 1 ? null : await engine.states("");
  const points = [new Generator(options.seed).normal(COUNT)];
  const watch = async ({ z }) => points.push(z);
  const z = await sample(engine, options, states, without, report, watch);
  const picture = await decoded(engine, z);
  const seen = options.read ? reading(await engine.run("critic", { picture })) : null;
  return { pixels: pixels(picture, SIDE), reading: seen, path: profile(points), detour: detour(points), step: spent(engine) };
}
