/**
 * Brings a demo of the book to life in a notebook. No server has the book's files there, so the kernel sends them: modules
 * as text, joined here by the addresses of blobs; models when something is computed with them. What one demo has fetched
 * all demos of the page share.
 */

const SHARED = Symbol.for("Latent Space and Control");
const PATIENCE = 20_000; // milliseconds after which a reader is told that no kernel answers
const LATE = "No answer from the kernel yet: it is busy, or this cell has not been run.";
const KINDS = { js: "text/javascript", json: "application/json", png: "image/png" };

/** Files from a kernel, and where they are now. */
class Library {
  constructor() {
    /** @type {Map<string, {promise: Promise<ArrayBuffer>, ask: () => void, resolve: Function, reject: Function}>} */
    this.waiting = new Map();
    /** @type {Map<string, Promise<string>>} */
    this.addresses = new Map();
    /** @type {Map<string, string>} */
    this.linked = new Map();
  }

  /** Ask this widget's kernel from now on, also for what another has not sent. @param {any} model */
  use(model) {
    this.model = model;
    model.on("msg:custom", (content, buffers) => content.file !== undefined && this.hear(content, buffers));
    for (const { ask } of this.waiting.values()) ask();
  }

  /** @param {any} content @param {DataView[]} buffers */
  hear({ file, error }, [bytes]) {
    const { resolve, reject } = this.waiting.get(file) ?? {};
    this.waiting.delete(file);
    if (error) reject?.(new Error(error));
    else resolve?.(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  }

  /** @param {string} path @returns {Promise<ArrayBuffer>} */
  fetch(path) {
    const known = this.waiting.get(path);
    if (known) return known.promise;
    const ask = () => this.model.send({ file: path });
    const entry = { ask };
    entry.promise = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
    this.waiting.set(path, entry);
    ask();
    return entry.promise;
  }

  /** The address of a file. @param {string} path @returns {Promise<string>} */
  address(path) {
    const [file] = path.split("?");
    if (!this.addresses.has(file)) {
      const type = KINDS[file.split(".").pop()] ?? "";
      const made = this.fetch(file).then((bytes) => URL.createObjectURL(new Blob([bytes], { type })));
      this.addresses.set(file, made);
      made.catch(() => this.addresses.delete(file));
    }
    return this.addresses.get(file);
  }

  /** All modules, as text. @returns {Promise<Record<string, string>>} */
  modules() {
    this.sources ??= this.fetch("modules").then((bytes) => JSON.parse(new TextDecoder().decode(bytes)));
    return this.sources;
  }

  /** The address of a module whose own imports have addresses. @param {Record<string, string>} sources @param {string} path */
  join(sources, path) {
    if (!this.linked.has(path)) {
      const text = sources[path].replace(/\bfrom\s*"(\.[^"]+)"/g, (_, name) =>
        `from "${this.join(sources, new URL(name, `https://book/${path}`).pathname.slice(1))}"`);
      this.linked.set(path, URL.createObjectURL(new Blob([text], { type: KINDS.js })));
    }
    return this.linked.get(path);
  }
}

/** The library of this version of the book. @param {any} model */
function library(model) {
  globalThis[SHARED] ??= new Map();
  const version = model.get("book");
  if (!globalThis[SHARED].has(version)) globalThis[SHARED].set(version, new Library());
  const found = globalThis[SHARED].get(version);
  found.use(model);
  return found;
}

/** @param {string} tag @param {Record<string, string>} [attributes] @param {...(Node | string)} children */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** @param {{model: any, el: HTMLElement}} view */
async function render({ model, el }) {
  const name = model.get("demo");
  const says = element("figcaption", {}, "Fetching the demo from the kernel…");
  const figure = element("figure", { class: "course-demo", "data-demo": name, "data-lm-suppress-shortcuts": "true" }, says);
  el.classList.add("course-notebook");
  el.append(figure);
  const late = setTimeout(() => (says.textContent = LATE), PATIENCE);
  const books = library(model);
  const sources = await books.modules();
  clearTimeout(late);
  says.textContent = model.get("words");
  figure.before(element("style", {}, sources["live/live.css"], sources["live/notebook.css"]));
  const { attend } = await import(books.join(sources, "live/notebook.js"));
  await attend({ model, figure, open: () => import(books.join(sources, `live/demos/${name}.js`)),
    module: (path) => books.join(sources, path), address: (path) => books.address(path) });
}

export default { render };
