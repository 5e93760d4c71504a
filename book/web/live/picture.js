/** Between tensors (3 x h x w, in [-1, 1]) and pixels (RGBA), as `course_utils.models.images` does it. */

/** @param {Float32Array} tensor @param {number} side @returns {Uint8ClampedArray} */
export function pixels(tensor, side) {
  const area = side * side;
  const rgba = new Uint8ClampedArray(4 * area);
  for (let k = 0; k < area; k++) {
    for (let c = 0; c < 3; c++) rgba[4 * k + c] = (tensor[c * area + k] + 1) * 127.5; // rounded and clipped by its type
    rgba[4 * k + 3] = 255;
  }
  return rgba;
}

/** @param {Uint8ClampedArray} rgba @returns {Float32Array} */
export function tensorOf(rgba) {
  const area = rgba.length / 4;
  const tensor = new Float32Array(3 * area);
  for (let k = 0; k < area; k++) for (let c = 0; c < 3; c++) tensor[c * area + k] = rgba[4 * k + c] / 127.5 - 1;
  return tensor;
}

/**
 * Show pixels on a canvas of their own size.
 * @param {HTMLCanvasElement} canvas @param {Uint8ClampedArray} rgba
 */
export function show(canvas, rgba) {
  const side = Math.sqrt(rgba.length / 4);
  if (canvas.width !== side) canvas.width = canvas.height = side;
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, side, side), 0, 0);
}
