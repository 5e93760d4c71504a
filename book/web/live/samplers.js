/**
 * Samplers as short loops, the same as `course_utils.diffusion`'s. Latents are Float32Arrays of 4 x 16 x 16 numbers; a
 * `predict(z, t)` gives the noise; `watch` sees each step and may stop the loop by throwing.
 */

import { ALPHAS_BAR, consistency, STEPS, trailing } from "./schedule.js";

/**
 * @typedef {Float32Array} Latent
 * @typedef {(z: Latent, t: number) => Promise<Latent>} Predict
 * @typedef {(step: {z: Latent, x0: Latent, t: number, index: number, steps: number}) => Promise<void>} Watch
 */

/** a x + b y. @param {number} a @param {Latent} x @param {number} b @param {Latent} y @returns {Latent} */
export function mix(a, x, b, y) {
  return x.map((value, k) => a * value + b * y[k]);
}

/** The picture that a noise implies. @param {Latent} z @param {Latent} epsilon @param {number} alpha */
export function impliedPicture(z, epsilon, alpha) {
  return mix(1 / Math.sqrt(alpha), z, -Math.sqrt((1 - alpha) / alpha), epsilon);
}

/**
 * Unconditional + scale (conditional - unconditional); one evaluation where the scale is 0 or 1.
 * @param {(z: Latent, t: number, states: Float32Array) => Promise<Latent>} network
 * @param {Float32Array} conditional @param {Float32Array} unconditional @param {number} scale
 * @param {(pair: {unconditional: Latent, conditional: Latent, t: number}) => void} [look] sees both predictions
 * @returns {Predict}
 */
export function guided(network, conditional, unconditional, scale, look) {
  return async (z, t) => {
    if ((scale === 0 || scale === 1) && !look) return network(z, t, scale ? conditional : unconditional);
    const without = await network(z, t, unconditional);
    const having = await network(z, t, conditional);
    look?.({ unconditional: without, conditional: having, t });
    return mix(1 - scale, without, scale, having);
  };
}

/**
 * DDIM (Song et al., 2021), without noise on the way.
 * @param {Predict} predict @param {Latent} z @param {number} steps @param {Watch} [watch]
 */
export async function ddim(predict, z, steps, watch) {
  const times = trailing(steps);
  for (const [index, t] of times.entries()) {
    const epsilon = await predict(z, t);
    const x0 = impliedPicture(z, epsilon, ALPHAS_BAR[t]);
    const then = index + 1 < steps ? ALPHAS_BAR[times[index + 1]] : 1;
    z = mix(Math.sqrt(then), x0, Math.sqrt(1 - then), epsilon);
    await watch?.({ z, x0, t, index, steps });
  }
  return z;
}

const SIGMA_DATA = 0.5;
const TIMESTEP_SCALING = 10;

/**
 * Latent consistency (Luo et al., 2023): to the picture, back to a lower level with fresh noise, again.
 * @param {Predict} predict @param {Latent} z @param {number} steps @param {Watch | undefined} watch
 * @param {() => Latent} draw fresh noise
 */
export async function lcm(predict, z, steps, watch, draw) {
  const times = consistency(steps);
  for (const [index, t] of times.entries()) {
    const implied = impliedPicture(z, await predict(z, t), ALPHAS_BAR[t]);
    const scaled = (t * TIMESTEP_SCALING) ** 2;
    const skip = SIGMA_DATA ** 2 / (scaled + SIGMA_DATA ** 2);
    const x0 = mix(Math.sqrt(scaled / (scaled + SIGMA_DATA ** 2)), implied, skip, z);
    const then = index + 1 < steps ? ALPHAS_BAR[times[index + 1]] : 1;
    z = index + 1 < steps ? mix(Math.sqrt(then), x0, Math.sqrt(1 - then), draw()) : x0;
    await watch?.({ z, x0, t, index, steps });
  }
  return z;
}

/**
 * Euler's method along a flow, whose network predicts noise minus picture (Lipman et al., 2023).
 * @param {Predict} predict @param {Latent} z @param {number} steps @param {Watch} [watch]
 */
export async function eulerFlow(predict, z, steps, watch) {
  for (let index = 0; index < steps; index++) {
    const [now, then] = [1 - index / steps, 1 - (index + 1) / steps];
    const velocity = await predict(z, STEPS * now);
    const x0 = mix(1, z, -now, velocity);
    z = mix(1, z, then - now, velocity);
    await watch?.({ z, x0, t: STEPS * now, index, steps });
  }
  return z;
}

/**
 * Consistency on a flow: to the picture, back to a lower level with fresh noise, again.
 * @param {Predict} predict @param {Latent} z @param {number} steps @param {Watch | undefined} watch
 * @param {() => Latent} draw fresh noise
 */
export async function lcmFlow(predict, z, steps, watch, draw) {
  for (let index = 0; index < steps; index++) {
    const [now, then] = [1 - index / steps, 1 - (index + 1) / steps];
    const x0 = mix(1, z, -now, await predict(z, STEPS * now));
    z = index + 1 < steps ? mix(1 - then, x0, then, draw()) : x0;
    await watch?.({ z, x0, t: STEPS * now, index, steps });
  }
  return z;
}

/** By the names of `course_utils.models.schedulers`. */
export const SAMPLERS = { ddim, lcm, euler_flow: eulerFlow, lcm_flow: lcmFlow };

/**
 * DDIM backwards: the noise from which it returns to z, or nearly (Song et al., 2021); each step is repeated with the noise
 * predicted for the latent it found (Pan et al., 2023).
 * @param {Predict} predict @param {Latent} z @param {number} steps @param {number} corrections
 * @param {(index: number) => Promise<void>} [watch]
 */
export async function invert(predict, z, steps, corrections, watch) {
  let now = 1;
  for (const [index, t] of trailing(steps).reverse().entries()) {
    const then = ALPHAS_BAR[t];
    let found = z;
    for (let k = 0; k <= corrections; k++) {
      const epsilon = await predict(found, t);
      found = mix(Math.sqrt(then), impliedPicture(z, epsilon, now), Math.sqrt(1 - then), epsilon);
    }
    [z, now] = [found, then];
    await watch?.(index);
  }
  return z;
}

/**
 * Along the arc between two vectors, on which noise keeps its length (Shoemake, 1985); straight where they nearly agree.
 * @param {Latent} a @param {Latent} b @param {number} t
 */
export function slerp(a, b, t) {
  const norm = (x) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
  const [u, v] = [mix(1 / norm(a), a, 0, a), mix(1 / norm(b), b, 0, b)];
  const omega = 2 * Math.atan2(norm(mix(1, u, -1, v)), norm(mix(1, u, 1, v)));
  if (!(omega > 1e-4)) return mix(1 - t, a, t, b);
  return mix(Math.sin((1 - t) * omega) / Math.sin(omega), a, Math.sin(t * omega) / Math.sin(omega), b);
}
