/**
 * A demo in a notebook: its state is the widget's traits. At the course's own scale the page computes, as in the book;
 * at a larger one, or where the page cannot, the kernel does, in the place of the worker.
 */

import { elsewhere } from "./addresses.js";
import { Host } from "./host.js";
import { Runtime, runtime, startWith } from "./runtime.js";

const KINDS = { Float32Array, Uint8ClampedArray };

/** Arrays out of a message, into buffers beside it. @param {any} value @param {ArrayBuffer[]} buffers @returns {any} */
export function packed(value, buffers) {
  if (ArrayBuffer.isView(value)) {
    buffers.push(/** @type {ArrayBuffer} */ (value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength)));
    return { array: buffers.length - 1, kind: value.constructor.name };
  }
  if (Array.isArray(value)) return value.map((item) => packed(item, buffers));
  if (!value || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, packed(item, buffers)]));
}

/** Arrays back into a message. @param {any} value @param {DataView[]} buffers @returns {any} */
export function unpacked(value, buffers) {
  if (Array.isArray(value)) return value.map((item) => unpacked(item, buffers));
  if (!value || typeof value !== "object") return value;
  if (value.kind in KINDS) {
    const { buffer, byteOffset, byteLength } = buffers[value.array];
    return new KINDS[value.kind](buffer.slice(byteOffset, byteOffset + byteLength));
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpacked(item, buffers)]));
}

/** The kernel in the place of a worker. It answers one question after the other, and cannot stop half way. */
class Port {
  /** @param {any} model */
  constructor(model) {
    [this.model, this.where] = [model, "computed by the kernel"];
    this.name = Math.random().toString(36).slice(2); // each view of a widget has answers of its own
    /** @type {(event: {data: any}) => void} */
    this.onmessage = () => {};
    model.on("msg:custom", (content, buffers) =>
      content.to === this.name && this.onmessage({ data: unpacked(content, buffers) }));
  }

  /** @param {any} data */
  postMessage(data) {
    if (!data.job) return;
    const buffers = [];
    this.model.send(packed({ ...data, to: this.name }, buffers), undefined, buffers);
  }
}

export class Link {
  /** @param {any} model the widget's */
  constructor(model) {
    [this.model, this.due] = [model, false];
    /** Pictures that the notebook gave, by name. @type {string[]} */
    this.pictures = model.get("pictures") ?? [];
  }

  /** A picture that the notebook gave. @param {string} name @returns {Promise<Blob>} */
  picture(name) {
    const file = `pictures/${name}`;
    return new Promise((resolve, reject) => {
      const hear = (content, [bytes]) => {
        if (content.file !== file) return;
        this.model.off("msg:custom", hear);
        if (content.error) reject(new Error(content.error));
        else resolve(new Blob([bytes], { type: "image/png" }));
      };
      this.model.on("msg:custom", hear);
      this.model.send({ file });
    });
  }

  /** Where to compute, best first. @returns {(() => Runtime)[]} */
  starts() {
    const kernel = () => new Runtime(new Port(this.model));
    return this.model.get("computes") === "kernel" ? [kernel] : [runtime, kernel];
  }

  /** The traits; what none has set is as the page has it. @param {Record<string, any>} defaults */
  state(defaults) {
    const entries = Object.entries(defaults).map(([key, value]) => [key, this.model.get(key) ?? value]);
    for (const [key, value] of entries) this.tell(key, value);
    return Object.fromEntries(entries);
  }

  /** Many changes of one moment go together. @param {string} key @param {any} value */
  tell(key, value) {
    this.model.set(key, value);
    if (this.due) return;
    this.due = true;
    queueMicrotask(() => {
      this.due = false;
      this.model.save_changes();
    });
  }

  /** @param {string[]} keys @param {(key: string, value: any) => void} change */
  listen(keys, change) {
    for (const key of keys) this.model.on(`change:${key}`, () => change(key, this.model.get(key)));
  }
}

/**
 * Bring a figure to life.
 * @param {{model: any, figure: HTMLElement, open: () => Promise<any>, module: (path: string) => string,
 *   address: (path: string) => Promise<string>}} parts `module` and `address`: where modules and files are
 */
export function attend({ model, figure, open, module, address }) {
  elsewhere(address);
  startWith((name) => {
    const made = new Worker(module(`live/${name}.js`), { type: "module" });
    made.postMessage({ elsewhere: true });
    return made;
  });
  return new Host(figure, open, new Link(model)).wake();
}
