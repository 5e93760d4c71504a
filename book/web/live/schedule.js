/**
 * The 1000-step noise schedule of Stable Diffusion, and the timesteps of its samplers; the same numbers as
 * `course_utils.diffusion.schedule`.
 */

export const STEPS = 1000;
const FIRST = 0.00085;
const LAST = 0.012;

/** The signal's share of the variance at each timestep. @type {Float64Array} */
export const ALPHAS_BAR = (() => {
  const alphas = new Float64Array(STEPS);
  let product = 1;
  for (let t = 0; t < STEPS; t++) {
    const root = Math.sqrt(FIRST) + ((Math.sqrt(LAST) - Math.sqrt(FIRST)) * t) / (STEPS - 1);
    product *= 1 - root * root;
    alphas[t] = product;
  }
  return alphas;
})();

/** Round half to even, as Python and NumPy do. @param {number} x */
function rounded(x) {
  const near = Math.round(x);
  return Math.abs(x % 1) === 0.5 && near % 2 ? near - 1 : near;
}

/**
 * Timesteps from high to low, beginning at 999, where the latent is noise: 25 give 999, 959, ..., 39.
 * @param {number} count
 * @returns {number[]}
 */
export function trailing(count) {
  return Array.from({ length: count }, (_, k) => rounded(STEPS - (k * STEPS) / count) - 1);
}

/**
 * The timesteps at which a latent consistency model is asked: spread over the 50 of its teacher.
 * @param {number} count 1 to 50
 * @returns {number[]}
 */
export function consistency(count) {
  const teacher = 50;
  return Array.from({ length: count }, (_, k) => (teacher - Math.floor((k * teacher) / count)) * (STEPS / teacher) - 1);
}
