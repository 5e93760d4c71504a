/** Latents on the page: quantised, painted, and the painting as text for the address. */

import { within } from "./state.js";

export const REACH = 5; // standard deviations; what lies beyond is cut off
const SIDE = 16;

/** Each number to the nearest of 2**bits levels from -5 to 5. @param {Float32Array} z @param {number} bits */
export function quantise(z, bits) {
  const levels = 2 ** bits - 1;
  return z.map((value) => {
    const share = (Math.min(REACH, Math.max(-REACH, value)) + REACH) / (2 * REACH);
    return (Math.round(share * levels) / levels) * 2 * REACH - REACH;
  });
}

/**
 * What is painted, by "channel.row.column", no stroke beyond the numbers' own reach.
 * @param {string} text "0.3.4=2.5,1.0.0=-3" @returns {Map<string, number>}
 */
export function toEdits(text) {
  const edits = new Map();
  for (const part of text.split(",")) {
    const [, key, value] = part.match(/^([0-3]\.(?:\d|1[0-5])\.(?:\d|1[0-5]))=(-?\d+(?:\.\d+)?)$/) ?? [];
    if (key) edits.set(key, within(Number(value), [-REACH, REACH, 0]));
  }
  return edits;
}

/** @param {Map<string, number>} edits */
export function toText(edits) {
  return [...edits].map(([key, value]) => `${key}=${value}`).join(",");
}

/** @param {Float32Array} z @param {Map<string, number>} edits @returns {Float32Array} */
export function apply(z, edits) {
  const painted = z.slice();
  for (const [key, value] of edits) {
    const [channel, row, column] = key.split(".").map(Number);
    painted[(channel * SIDE + row) * SIDE + column] += value;
  }
  return painted;
}
