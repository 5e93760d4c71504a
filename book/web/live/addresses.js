/** Where the book's files lie: beside these modules, or, in a notebook, wherever a kernel has brought them. */

export const RUNTIME = "ort/ort-wasm-simd-threaded.wasm.gz";

/** @type {((path: string) => Promise<string>) | null} */
let find = null;

/** Look elsewhere from now on. @param {(path: string) => Promise<string>} finder */
export function elsewhere(finder) {
  find = finder;
}

/** The address of a file of the book's folder `web`. @param {string} path @returns {Promise<string>} */
export async function address(path) {
  return find ? find(path) : new URL(`../${path}`, import.meta.url).href;
}

/** A file that is there. @param {string} path @returns {Promise<any>} */
export async function opened(path) {
  const response = await fetch(await address(path));
  if (response.ok && response.body) return response;
  throw new Error(`${path.replace(/^.*\/|\?.*$/g, "")} is missing (${response.status})`);
}

/**
 * A model's graph, and what fills it: a base first, then what changes it. The stamp changes with the file, so that no cache
 * mixes two versions.
 * @param {{graph: string, weights: string[], stamps: Record<string, string>}} entry of the index
 */
export const filesOf = ({ graph, weights, stamps }) => [graph, ...weights].map((name) => `models/${name}?${stamps[name]}`);

/**
 * What is fetched or made once. What failed is forgotten: whoever asks next begins anew.
 * @param {Map<string, Promise<any>>} known @param {string} key @param {() => Promise<any>} make
 * @returns {Promise<any>}
 */
export function kept(known, key, make) {
  const found = known.get(key);
  if (found) return found;
  const made = make();
  known.set(key, made);
  made.catch(() => known.get(key) === made && known.delete(key));
  return made;
}

/**
 * What models weigh: each graph's parameters and each file's bytes once.
 * @param {{graph: string, parameters: number, bytes: Record<string, number>}[]} entries of the index
 */
export function weighed(entries) {
  const sum = (pairs) => [...new Map(pairs).values()].reduce((total, value) => total + value, 0);
  return { parameters: sum(entries.map(({ graph, parameters }) => [graph, parameters])),
    bytes: sum(entries.flatMap(({ bytes }) => Object.entries(bytes))) };
}

/** What models there are. @returns {Promise<Record<string, any>>} */
export async function listed() {
  return (await opened("models/models.json")).json();
}

/** Files that a worker has asked its page for. @type {Map<string, {resolve: Function, reject: Function}[]>} */
const wanted = new Map();

/** In a worker of a notebook: ask the page where files are. @param {(message: any) => void} post */
export function askPage(post) {
  elsewhere((path) => new Promise((resolve, reject) => {
    wanted.set(path, [...(wanted.get(path) ?? []), { resolve, reject }]);
    post({ want: path });
  }));
}

/** The page's answer. @param {{found: string, url?: string, reason?: string}} answer */
export function told({ found, url, reason }) {
  for (const { resolve, reject } of wanted.get(found) ?? []) url ? resolve(url) : reject(new Error(reason));
  wanted.delete(found);
}
