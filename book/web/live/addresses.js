/** Where the models lie. */

export const MODELS = new URL("../models/", import.meta.url);
export const RUNTIME = new URL("../ort/ort-wasm-simd-threaded.wasm.gz", import.meta.url);

/**
 * A model's graph, and what fills it: a base first, then what changes it. The stamp changes with the file, so that no cache
 * mixes two versions.
 * @param {{graph: string, weights: string[], stamps: Record<string, string>}} entry of the index
 */
export const filesOf = ({ graph, weights, stamps }) =>
  [graph, ...weights].map((name) => new URL(`${name}?${stamps[name]}`, MODELS).href);

/** What models there are. @returns {Promise<Record<string, any>>} */
export async function listed() {
  const response = await fetch(new URL("models.json", MODELS));
  if (!response.ok) throw new Error(`models.json is missing (${response.status})`);
  return response.json();
}
