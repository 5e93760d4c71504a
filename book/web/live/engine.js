/**
 * Models in the worker: fetched once, checked in, kept. Everything comes from this book's own host; nothing is fetched
 * a second time, so what is loaded works without a network.
 */

import { env, InferenceSession, Tensor } from "../ort/ort.wasm.bundle.min.mjs";
import { Tokenizer } from "./tokenizer.js";
import { assemble, parse } from "./weights.js";

const MODELS = new URL("../models/", import.meta.url);
const RUNTIME = new URL("../ort/ort-wasm-simd-threaded.wasm.gz", import.meta.url);

/**
 * A gzipped file, unpacked here, whatever its host thinks of compression.
 * @param {URL} url @param {(bytes: number) => void} [count] is told how many bytes came
 * @returns {Promise<ArrayBuffer>}
 */
async function unzipped(url, count) {
  const response = await fetch(url);
  if (!response.ok || !response.body) throw new Error(`${url.pathname.split("/").pop()} is missing (${response.status})`);
  const packed = await response.arrayBuffer();
  count?.(packed.byteLength);
  const gzipped = new Uint8Array(packed, 0, 2);
  if (gzipped[0] !== 0x1f || gzipped[1] !== 0x8b) return packed; // a host that says it is gzipped: unpacked already
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

export class Engine {
  /** @param {(progress: {bytes: number, total: number}) => void} progress */
  constructor(progress) {
    this.progress = progress;
    this.bytes = 0;
    this.total = 0;
    /** @type {Map<string, Promise<ArrayBuffer>>} */
    this.files = new Map();
    /** @type {Map<string, Promise<any>>} */
    this.sessions = new Map();
    /** @type {Map<string, Promise<Float32Array>>} */
    this.texts = new Map();
    /** Sessions are made one after the other: the runtime holds external data by its path alone. */
    this.last = Promise.resolve();
    this.evaluations = 0;
    this.milliseconds = 0;
  }

  /** What models there are. @returns {Promise<Record<string, any>>} */
  index() {
    this.listed ??= fetch(new URL("models.json", MODELS)).then((response) => {
      if (!response.ok) throw new Error(`models.json is missing (${response.status})`);
      return response.json();
    });
    return this.listed;
  }

  /** The runtime: one thread, its WebAssembly from our own file. */
  runtime() {
    this.started ??= unzipped(RUNTIME, (bytes) => this.count(bytes)).then((binary) => {
      env.wasm.numThreads = 1;
      env.wasm.wasmBinary = binary;
      env.logLevel = "error";
    });
    return this.started;
  }

  /** @param {number} bytes */
  count(bytes) {
    this.bytes += bytes;
    this.progress({ bytes: this.bytes, total: this.total });
  }

  /** @param {string} name @param {string} stamp changes with the file, so that no cache mixes two versions */
  file(name, stamp) {
    if (!this.files.has(name)) {
      this.files.set(name, unzipped(new URL(`${name}?${stamp}`, MODELS), (bytes) => this.count(bytes)));
    }
    return /** @type {Promise<ArrayBuffer>} */ (this.files.get(name));
  }

  /**
   * Fetch and prepare models, all files at the same time.
   * @param {string[]} names
   * @returns {Promise<Record<string, any>>} their entries in the index
   */
  async load(names) {
    const index = await this.index();
    const missing = names.filter((name) => !index[name]);
    if (missing.length) throw new Error(`this copy of the book has no model called ${missing.join(", ")}`);
    const sizes = new Map(names.flatMap((name) => Object.entries(index[name].bytes)));
    this.total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
    await Promise.all(names.map((name) => this.session(name)));
    return Object.fromEntries(names.map((name) => [name, index[name]]));
  }

  /** @param {string} name @returns {Promise<any>} */
  session(name) {
    if (!this.sessions.has(name)) this.sessions.set(name, this.prepared(name));
    return /** @type {Promise<any>} */ (this.sessions.get(name));
  }

  /** @param {string} name */
  async prepared(name) {
    const { graph, weights, stamps } = (await this.index())[name];
    const files = [graph, ...weights].map((file) => this.file(file, stamps[file]));
    const [[bytes, ...numbers]] = await Promise.all([Promise.all(files), this.runtime()]);
    const made = this.last.then(() => {
      const data = assemble(numbers.map(parse));
      return InferenceSession.create(new Uint8Array(bytes), { externalData: [{ path: "weights", data }] });
    });
    this.last = made.catch(() => null);
    return made;
  }

  /**
   * One evaluation of a model.
   * @param {string} name @param {Record<string, Float32Array | BigInt64Array>} inputs
   * @returns {Promise<Record<string, Float32Array>>}
   */
  async run(name, inputs) {
    const session = await this.session(name);
    const shapes = (await this.index())[name].inputs;
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([key, values]) => [
        key,
        new Tensor(values instanceof BigInt64Array ? "int64" : "float32", values, shapes[key]),
      ]),
    );
    const results = await session.run(feeds);
    return Object.fromEntries(Object.entries(results).map(([key, tensor]) => [key, tensor.data]));
  }

  /** A denoiser as samplers want it. @param {string} name */
  network(name) {
    return async (z, t, states) => {
      const began = performance.now();
      const { predicted } = await this.run(name, { z, t: Float32Array.of(t), states });
      this.evaluations += 1;
      this.milliseconds += performance.now() - began;
      return predicted;
    };
  }

  /**
   * A denoiser with a ControlNet at its side, as samplers want it. Where the scale is 0 nothing is added.
   * @param {string} name @param {string} control @param {Float32Array} map @param {number} scale
   */
  async controlled(name, control, map, scale) {
    const hint = scale ? await this.hint(control, map) : null;
    const silence = hint ? {} : await this.zeros(name);
    return async (z, t, states) => {
      const began = performance.now();
      const shown = { z, t: Float32Array.of(t), states };
      const added = hint ? await this.run(control, { ...shown, hint, scale: Float32Array.of(scale) }) : silence;
      const { predicted } = await this.run(name, { ...shown, ...added });
      this.evaluations += 1;
      this.milliseconds += performance.now() - began;
      return predicted;
    };
  }

  /** What a ControlNet makes of a map; of the last one, remembered. @param {string} control @param {Float32Array} map */
  async hint(control, map) {
    const { from, by, hint } = this.hinted ?? {};
    if (by === control && from.every((value, k) => value === map[k])) return hint;
    const made = (await this.run(`hint_${control}`, { shown: map })).hint;
    this.hinted = { from: map, by: control, hint: made };
    return made;
  }

  /** A ControlNet's silence. @param {string} name */
  async zeros(name) {
    const shapes = Object.entries((await this.index())[name].inputs).filter(([key]) => key.startsWith("added_"));
    return Object.fromEntries(shapes.map(([key, shape]) => [key, new Float32Array(shape.reduce((a, b) => a * b, 1))]));
  }

  /** Hidden states of a prompt, computed once. @param {string} prompt @returns {Promise<Float32Array>} */
  states(prompt) {
    if (!this.texts.has(prompt)) {
      this.texts.set(prompt, this.ids(prompt).then((ids) => this.run("text", { ids })).then(({ states }) => states));
    }
    return /** @type {Promise<Float32Array>} */ (this.texts.get(prompt));
  }

  /** @param {string} prompt */
  async ids(prompt) {
    this.words ??= fetch(new URL("tokenizer.json", MODELS)).then(async (r) => new Tokenizer(await r.json()));
    return (await this.words).encode(prompt);
  }
}
