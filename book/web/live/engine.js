/**
 * Models in the worker: fetched once, checked in, kept. Everything comes from this book's own host; nothing is fetched
 * a second time, so what is loaded works without a network.
 */

import { env, InferenceSession, Tensor } from "../ort/ort.wasm.bundle.min.mjs";
import { filesOf, kept, listed, opened } from "./addresses.js";
import { Helper } from "./shelf.js";
import { Tokenizer } from "./tokenizer.js";

export class Engine {
  /**
   * @param {(progress: {bytes: number, total: number}) => void} progress
   * @param {() => Promise<any>} [quiet] when nobody waits for an answer
   */
  constructor(progress, quiet = () => Promise.resolve()) {
    this.progress = progress;
    this.quiet = quiet;
    this.bytes = 0;
    this.total = 0;
    /** What every question needs: index, runtime, tokenizer. @type {Map<string, Promise<any>>} */
    this.common = new Map();
    /** @type {Map<string, Promise<import("./shelf.js").Model>>} */
    this.parts = new Map();
    /** @type {Map<string, Promise<any>>} */
    this.sessions = new Map();
    /** @type {Map<string, Promise<Float32Array>>} */
    this.texts = new Map();
    this.count = (bytes) => this.progress({ bytes: (this.bytes += bytes), total: this.total });
    this.shelf = new Helper(this.count);
    this.runtime().catch(() => null); // said by the first session that waits for it
    /** @type {Promise<any>} */
    this.last = Promise.resolve();
    this.evaluations = 0;
    this.milliseconds = 0;
  }

  /** The runtime, once it has started. @returns {Promise<void>} */
  runtime() {
    return kept(this.common, "runtime", () => this.shelf.runtime().then((module) => this.start(module)));
  }

  /**
   * The runtime, from WebAssembly that is compiled already: onnxruntime knows files and bytes only, and would compile them
   * once more. A model of no bytes is refused, but makes everything ready before the first one comes.
   * @param {WebAssembly.Module} module
   */
  async start(module) {
    const instantiate = WebAssembly.instantiate;
    WebAssembly.instantiate = async (_, imports) => ({ module, instance: await instantiate(module, imports) });
    Object.assign(env.wasm, { numThreads: 1, wasmBinary: new Uint8Array(1) });
    env.logLevel = "error";
    await InferenceSession.create(new Uint8Array(0)).catch(() => null);
    WebAssembly.instantiate = instantiate;
  }

  /** What models there are. @returns {Promise<Record<string, any>>} */
  index() {
    return kept(this.common, "index", listed);
  }

  /**
   * Fetch and prepare models: all files at the same time, and what no question needs yet when no question waits, so that
   * the first picture need not wait for the models of the second.
   * @param {string[]} names
   * @returns {Promise<Record<string, any>>} their entries in the index
   */
  async load(names) {
    const index = await this.index();
    const missing = names.filter((name) => !index[name]);
    if (missing.length) throw new Error(`this copy of the book has no model called ${missing.join(", ")}`);
    const sizes = new Map(names.flatMap((name) => Object.entries(index[name].bytes)));
    this.total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
    const lacking = names.filter((name) => !this.sessions.has(name));
    for (const name of lacking) this.fetched(name).catch(() => null); // said by the session below
    for (const name of names) {
      await this.quiet();
      await this.session(name);
    }
    return Object.fromEntries(names.map((name) => [name, index[name]]));
  }

  /** A model's graph and weights. @param {string} name @returns {Promise<import("./shelf.js").Model>} */
  fetched(name) {
    return kept(this.parts, name, () => this.index().then((index) => this.shelf.assembled(filesOf(index[name]))));
  }

  /**
   * Made one after the other, in the order in which they are asked for: the runtime holds external data by its path alone.
   * @param {string} name @returns {Promise<any>}
   */
  session(name) {
    return kept(this.sessions, name, () => {
      const made = this.prepared(name, this.last);
      this.last = Promise.allSettled([this.last, made]); // one that failed early lets no other overtake the one before
      return made;
    });
  }

  /** @param {string} name @param {Promise<any>} before */
  async prepared(name, before) {
    const [{ graph, data }] = await Promise.all([this.fetched(name), this.runtime(), before]);
    this.parts.delete(name); // the session has a copy of its own
    const externalData = [{ path: "weights", data }];
    return InferenceSession.create(graph, { externalData, graphOptimizationLevel: "disabled" }); // takes longer than it saves
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
    return kept(this.texts, prompt, async () => (await this.run("text", { ids: await this.ids(prompt) })).states);
  }

  /** @param {string} prompt */
  async ids(prompt) {
    const words = await kept(this.common, "tokenizer", async () =>
      new Tokenizer(await (await opened("models/tokenizer.json")).json()));
    return words.encode(prompt);
  }
}
