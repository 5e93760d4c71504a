/** Pictures that a question's slider changes as it moves. */

const STEPS = 1000;
const [FIRST, LAST] = [0.00085, 0.012];

/** Stable Diffusion's schedule, as in the refresher: the picture's share of the variance at a timestep. @param {number} t 0 to 999 */
export function alphaBar(t) {
  let share = 1;
  for (let s = 0; s <= t; s += 1) {
    const root = FIRST ** 0.5 + (s / (STEPS - 1)) * (LAST ** 0.5 - FIRST ** 0.5);
    share *= 1 - root * root;
  }
  return share;
}

/** Gaussian numbers that are the same on every visit (mulberry32, Box-Muller). @param {number} n @param {number} seed */
export function gaussians(n, seed) {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float32Array.from(
    { length: n },
    () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

/**
 * Mean and standard deviation of the colours, transparency left out: scaled by them, a picture has variance one, and its
 * share of the noisy picture's variance is what the schedule says.
 * @param {ArrayLike<number>} rgba
 */
export function moments(rgba) {
  const colours = Array.from(rgba).filter((_, k) => k % 4 !== 3);
  const middle = colours.reduce((sum, x) => sum + x, 0) / colours.length;
  return [middle, Math.sqrt(colours.reduce((sum, x) => sum + (x - middle) ** 2, 0) / colours.length)];
}

/** Shows the first of two stacked pictures under noise. @param {HTMLElement} stage holds the picture */
function noise(stage) {
  const image = stage.querySelector("img");
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let clean, epsilon, middle, spread;
  const load = () => {
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    context.drawImage(image, 0, 0);
    clean = context.getImageData(0, 0, canvas.width, canvas.height);
    epsilon = gaussians(clean.data.length, 1);
    [middle, spread] = moments(clean.data);
    canvas.setAttribute("role", "img");
    image.after(canvas);
    image.hidden = true;
  };
  return (/** @type {number} */ t) => {
    if (!image.complete || !image.naturalWidth)
      return void image.addEventListener("load", () => paint(t), { once: true });
    paint(t);
  };
  function paint(t) {
    if (!clean) load();
    const [keep, add] = [Math.sqrt(alphaBar(t)), Math.sqrt(1 - alphaBar(t))];
    const shown = new ImageData(canvas.width, canvas.height);
    for (let k = 0; k < shown.data.length; k += 1) {
      shown.data[k] = k % 4 === 3 ? 255 : middle + keep * (clean.data[k] - middle) + add * spread * epsilon[k];
    }
    canvas.setAttribute("aria-label", `${image.alt} Under noise, at timestep ${t}.`);
    context.putImageData(shown, 0, 0);
  }
}

/** Shows one picture out of several, by its place. @param {HTMLElement} stage */
function pictures(stage) {
  const all = [...stage.querySelectorAll("img")];
  return (/** @type {number} */ place) =>
    all.forEach((image, k) => {
      image.hidden = k !== place;
    });
}

/** @type {Record<string, (stage: HTMLElement) => (value: number) => void>} */
export const PAINTERS = { noise, pictures };
