/** What the worker can be asked: each a function of the engine, plain options, and the ways to report. */

import { pixels } from "./picture.js";
import { reading } from "./reading.js";
import { mix } from "./samplers.js";
import { decoded, sample, spent } from "./sampling.js";

export { paths } from "./steps.js";
export { way } from "./ways.js";

/**
 * @typedef {import("./engine.js").Engine} Engine
 * @typedef {import("./sampling.js").Report} Report
 */

const SIDE = 128;

/** Fetch and prepare models. @param {Engine} engine @param {{models: string[]}} options */
export async function load(engine, { models }) {
  return engine.load(models);
}

/** The index of what there is. @param {Engine} engine */
export async function index(engine) {
  return engine.index();
}

/** One model on plain inputs. @param {Engine} engine @param {{model: string, inputs: any}} options */
export async function evaluate(engine, { model, inputs }) {
  return engine.run(model, inputs);
}

/** Ids of a text. @param {Engine} engine @param {{text: string}} options */
export async function tokens(engine, { text }) {
  return Array.from(await engine.ids(text), Number);
}

/**
 * The animal at a place of the plane: conditioning straight between four prompts.
 * @param {Engine} engine
 * @param {{corners: string[], scaly: number, large: number, model: string, decoder: string, steps: number, scale: number,
 *   seed: number, read: boolean}} options corners: small fluffy, small scaly, large fluffy, large scaly
 * @param {Report} report
 */
export async function plane(engine, options, report) {
  const [a, b, c, d] = await Promise.all(options.corners.map((prompt) => engine.states(prompt)));
  const { scaly: x, large: y } = options;
  const states = mix(1 - y, mix(1 - x, a, x, b), y, mix(1 - x, c, x, d));
  const without = options.scale === 1 ? null : await engine.states("");
  const z = await sample(engine, options, states, without, report);
  const picture = await decoded(engine, z, options.decoder);
  const seen = options.read ? reading(await engine.run("critic", { picture })) : null;
  return { pixels: pixels(picture, SIDE), reading: seen, step: spent(engine), z };
}

/** A picture's latent. @param {Engine} engine @param {{picture: Float32Array}} options */
export async function encode(engine, { picture }) {
  return { z: (await engine.run("encoder", { picture })).z };
}

/** A latent's picture. @param {Engine} engine @param {{z: Float32Array}} options */
export async function decode(engine, { z }) {
  return { pixels: pixels(await decoded(engine, z), SIDE) };
}

/**
 * Two predictions in the plane that they span: the first lies along the horizontal axis.
 * @param {Float32Array} u @param {Float32Array} c
 */
function inTheirPlane(u, c) {
  const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);
  const length = Math.sqrt(dot(u, u));
  const along = dot(u, c) / length;
  return { length, along, across: Math.sqrt(Math.max(0, dot(c, c) - along * along)) };
}

/**
 * A picture by classifier-free guidance, with what happens on the way: the implied picture at some steps, and at each step
 * the two predictions.
 * @param {Engine} engine
 * @param {{prompt: string, negative: string, model: string, decoder: string, steps: number, scale: number, seed: number,
 *   frames: number}} options
 * @param {Report} report
 */
export async function guidance(engine, options, report) {
  const [states, without] = [await engine.states(options.prompt), await engine.states(options.negative)];
  const arrows = [];
  const look = ({ unconditional, conditional, t }) => arrows.push({ t, ...inTheirPlane(unconditional, conditional) });
  const stride = Math.ceil(options.steps / options.frames);
  const watch = async ({ x0, t, index }) => {
    if (index % stride) return;
    report.show({ pixels: pixels(await decoded(engine, x0, options.decoder), SIDE), t, index });
  };
  const z = await sample(engine, options, states, without, report, watch, look);
  const picture = await decoded(engine, z);
  const seen = reading(await engine.run("critic", { picture }));
  return { pixels: pixels(picture, SIDE), reading: seen, arrows, step: spent(engine), z };
}

/**
 * A picture by a prompt and a map.
 * @param {Engine} engine
 * @param {{prompt: string, map: Float32Array, control: string, conditioning: number, model: string, decoder: string,
 *   steps: number, scale: number, seed: number, read: boolean}} options
 * @param {Report} report
 */
export async function controlled(engine, options, report) {
  const { prompt, map, control, conditioning, model, scale, decoder, read } = options;
  const states = await engine.states(prompt);
  const without = scale === 1 ? null : await engine.states("");
  const network = await engine.controlled(model, control, map, conditioning);
  const z = await sample(engine, { ...options, network }, states, without, report);
  const picture = await decoded(engine, z, decoder);
  const answers = read ? await engine.run("critic", { picture }) : null;
  return { pixels: pixels(picture, SIDE), reading: answers && reading(answers), keypoints: answers?.keypoints,
    step: spent(engine), z };
}
