/** Pictures from files, and what files of a picture weigh, by the browser's own encoders. */

import { kept, opened } from "./addresses.js";

const SIDE = 128;

function surface() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  return { canvas, pen: /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true })) };
}

/** @type {Map<string, Promise<ImageBitmap>>} */
const sheets = new Map();

/** One of the six held-out scenes. @param {number} index @returns {Promise<Uint8ClampedArray>} */
export async function scenes(index) {
  const sheet = await kept(sheets, "models/scenes.png", async () =>
    createImageBitmap(await (await opened("models/scenes.png")).blob(), { colorSpaceConversion: "none" }));
  const { pen } = surface();
  pen.drawImage(sheet, -index * SIDE, 0);
  return pen.getImageData(0, 0, SIDE, SIDE).data;
}

/** The middle of a photo, as a square. @param {Blob} file @returns {Promise<Uint8ClampedArray>} */
export async function photo(file) {
  const image = await createImageBitmap(file);
  const side = Math.min(image.width, image.height);
  const { pen } = surface();
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  return pen.getImageData(0, 0, SIDE, SIDE).data;
}

/** @param {Uint8ClampedArray} rgba @param {string} type @param {number} [quality] @returns {Promise<Blob>} */
async function encoded(rgba, type, quality) {
  const { canvas, pen } = surface();
  pen.putImageData(new ImageData(new Uint8ClampedArray(rgba), SIDE, SIDE), 0, 0);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(`this browser writes no ${type}`))), type, quality));
}

/** @param {Uint8ClampedArray} rgba */
export async function pngBytes(rgba) {
  return (await encoded(rgba, "image/png")).size;
}

/** Peak signal-to-noise ratio in decibels. @param {Uint8ClampedArray} a @param {Uint8ClampedArray} b */
export function psnr(a, b) {
  let sum = 0;
  for (let k = 0; k < a.length; k++) if (k % 4 !== 3) sum += (a[k] - b[k]) ** 2;
  return sum ? 10 * Math.log10(255 ** 2 / (sum / (0.75 * a.length))) : Infinity;
}

/**
 * The smallest JPEG at least as good as that, or null when even the worst one is better or the best one worse.
 * @param {Uint8ClampedArray} rgba @param {number} wanted in decibels
 * @returns {Promise<{bytes: number, quality: number} | null>}
 */
export async function jpegOfQuality(rgba, wanted) {
  let [low, high, best] = [1, 100, /** @type {{bytes: number, quality: number} | null} */ (null)];
  while (low <= high) {
    const quality = (low + high) >> 1;
    const blob = await encoded(rgba, "image/jpeg", quality / 100);
    if (psnr(rgba, await photo(blob)) >= wanted) [best, high] = [{ bytes: blob.size, quality }, quality - 1];
    else low = quality + 1;
  }
  return best?.quality === 1 ? null : best;
}
