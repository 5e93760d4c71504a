/**
 * Models, fetched and put together: in a worker of their own where there can be one, so that the runtime is compiled and
 * starts meanwhile. Each file is fetched once and kept, since students and ControlNets share their base's.
 */

import { kept, RUNTIME } from "./addresses.js";
import { compiled, fetched, unzipped } from "./unzip.js";
import { assemble, parse } from "./weights.js";

/** @typedef {{graph: Uint8Array, data: Uint8Array}} Model */

export class Shelf {
  /** @param {(bytes: number) => void} count is told how many bytes came */
  constructor(count) {
    this.count = count;
    /** @type {Map<string, Promise<any>>} */
    this.files = new Map();
    /** By their files. @type {Map<string, Promise<Model>>} */
    this.begun = new Map();
    /** @type {Promise<any>} */
    this.last = Promise.resolve();
  }

  /** The runtime's WebAssembly. */
  runtime() {
    return kept(this.files, RUNTIME, () => compiled(RUNTIME, this.count));
  }

  /** @param {string} url @param {(content: ArrayBuffer) => any} read */
  file(url, read) {
    return kept(this.files, url, () => fetched(url, this.count).then(unzipped).then(read));
  }

  /** Put together what will be asked for. @param {string[]} urls of a graph, a base, and what changes it */
  begin(urls) {
    return kept(this.begun, urls.join(), () => this.together(urls));
  }

  /** @param {string[]} urls @returns {Promise<Model>} */
  together([graph, ...weights]) {
    const files = Promise.all([this.file(graph, (bytes) => bytes), ...weights.map((url) => this.file(url, parse))]);
    const before = this.last;
    const model = files.then(([bytes, ...numbers]) =>
      before.then(() => ({ graph: new Uint8Array(bytes.slice(0)), data: assemble(numbers) })));
    this.last = model.catch(() => null);
    return model;
  }

  /** A graph and its external data; what is asked first comes first. @param {string[]} urls @returns {Promise<Model>} */
  assembled(urls) {
    const model = this.begin(urls);
    this.begun.delete(urls.join()); // it is given away, and with it its memory
    return model;
  }
}

/** The same, by a worker at the other end of a port; here, where the page could start none. */
export class Helper {
  /** @param {(bytes: number) => void} count */
  constructor(count) {
    /** @type {Map<number, {urls: string[] | null, resolve: Function, reject: Function}>} */
    this.asked = new Map();
    this.asks = 0;
    this.count = count;
  }

  /** @param {MessagePort} port */
  by(port) {
    this.port = port;
    port.onmessage = ({ data }) => this.hear(data);
    for (const [id, { urls }] of this.asked) port.postMessage({ id, urls });
  }

  /** Without a worker: what was asked is done here. */
  alone() {
    this.shelf ??= new Shelf(this.count);
    for (const { urls, resolve } of this.asked.values()) resolve(urls ? this.shelf.assembled(urls) : this.shelf.runtime());
    this.asked.clear();
  }

  /** @param {any} message */
  hear({ id, bytes, found, error }) {
    if (bytes) return this.count(bytes);
    const question = this.asked.get(id);
    this.asked.delete(id);
    return error ? question?.reject(new Error(error)) : question?.resolve(found);
  }

  /** As a shelf does. @returns {Promise<WebAssembly.Module>} */
  runtime() {
    return this.shelf ? this.shelf.runtime() : this.ask(null);
  }

  /** As a shelf does. @param {string[]} urls @returns {Promise<Model>} */
  assembled(urls) {
    return this.shelf ? this.shelf.assembled(urls) : this.ask(urls);
  }

  /** @param {string[] | null} urls of a model; none, and it is the runtime @returns {Promise<any>} */
  ask(urls) {
    return new Promise((resolve, reject) => {
      this.asked.set(++this.asks, { urls, resolve, reject });
      this.port?.postMessage({ id: this.asks, urls });
    });
  }
}
