/** As much of a browser as the demos' modules touch, for tests without one. */

const PEN = new Proxy({}, {
  get: (pen, key) => pen[key] ?? (key === "getImageData" ? (_x, _y, width, height) =>
    ({ data: new Uint8ClampedArray(4 * width * height) }) : () => ({ width: 0 })),
});

class Element {
  constructor(tag) {
    Object.assign(this, { tag, parent: null, childNodes: [], attributes: new Map(), heard: new Map() });
    Object.assign(this, { captured: new Set(), dataset: {}, hidden: false, own: "", width: 0, height: 0 });
  }

  get children() {
    return this.childNodes.filter((child) => child instanceof Element);
  }

  get options() {
    return this.children;
  }

  /** All elements in here. */
  get all() {
    return this.children.flatMap((child) => [child, ...child.all]);
  }

  get textContent() {
    return this.childNodes.map((child) => child.textContent ?? child).join("");
  }

  set textContent(text) {
    this.replaceChildren(...(text === "" ? [] : [String(text)]));
  }

  get value() {
    return this.tag === "option" ? this.textContent : this.own;
  }

  /** A slider has no value between its steps or beyond its ends. */
  set value(to) {
    const [min, max, step] = ["min", "max", "step"].map((name) => Number(this.getAttribute(name)));
    const slid = () => Math.min(max, Math.max(min, min + Math.round((Number(to) - min) / step) * step));
    this.own = this.getAttribute("type") === "range" ? String(slid()) : String(to);
  }

  get max() {
    return this.getAttribute("max");
  }

  set max(to) {
    this.setAttribute("max", to);
  }

  setAttribute(name, value) {
    this.attributes.set(name, String(value));
    if (name === "value") this.value = String(value);
    if (name === "width" || name === "height") this[name] = Number(value);
  }

  getAttribute(name) {
    return this.attributes.get(name) ?? null;
  }

  toggleAttribute(name, on) {
    if (name === "hidden") this.hidden = on;
    if (on) this.attributes.set(name, "");
    else this.attributes.delete(name);
  }

  removeAttribute(name) {
    this.attributes.delete(name);
  }

  append(...nodes) {
    for (const node of nodes) {
      node.remove?.();
      if (node instanceof Element) node.parent = this;
      this.childNodes.push(node);
    }
  }

  replaceChildren(...nodes) {
    for (const child of [...this.childNodes]) child.remove ? child.remove() : this.childNodes.splice(0, 1);
    this.append(...nodes);
  }

  /** What is taken away loses the focus. */
  remove() {
    if (this.contains(document.activeElement)) document.activeElement = document.body;
    if (this.parent) this.parent.childNodes = this.parent.childNodes.filter((child) => child !== this);
    this.parent = null;
  }

  contains(node) {
    return node === this || this.children.some((child) => child.contains(node));
  }

  addEventListener(kind, hear) {
    this.heard.set(kind, [...(this.heard.get(kind) ?? []), hear]);
  }

  /** Tell those who listen here; whether one of them kept the browser from doing what it does. */
  fire(kind, event = {}) {
    let prevented = false;
    const told = { type: kind, preventDefault: () => (prevented = true), ...event };
    for (const hear of this.heard.get(kind) ?? []) hear(told);
    return prevented;
  }

  click() {
    this.fire("click");
  }

  focus() {
    document.activeElement = this;
  }

  scrollIntoView() {
    this.scrolled = (this.scrolled ?? 0) + 1;
  }

  getBoundingClientRect() {
    return { left: 0, top: 0, bottom: 128, right: 128, width: 128, height: 128 };
  }

  setPointerCapture(pointer) {
    this.captured.add(pointer);
  }

  hasPointerCapture(pointer) {
    return this.captured.has(pointer);
  }

  getContext() {
    return PEN;
  }

  toBlob(done) {
    setTimeout(() => done(new Blob(["x"])));
  }

  /** The first button in here with this text or label. */
  find(name) {
    const named = (node) => [node.getAttribute("aria-label"), node.textContent].includes(name);
    return this.all.find((node) => node.tag === "button" && named(node));
  }
}

const heard = new Map();
const define = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
const body = new Element("body");
define("document", { body, activeElement: body, createElement: (tag) => new Element(tag), readyState: "complete",
  querySelectorAll: () => [] });
define("window", globalThis);
define("location", { hash: "", pathname: "/page", search: "", href: "https://book/page" });
define("history", { replaceState: (_state, _title, url) => {
  location.hash = url.includes("#") ? url.slice(url.indexOf("#")) : "";
} });
define("navigator", { clipboard: { writeText: async () => undefined } });
define("addEventListener", (kind, hear) => heard.set(kind, [...(heard.get(kind) ?? []), hear]));
define("ImageData", class {
  constructor(data, side) {
    this.data = typeof data === "number" ? new Uint8ClampedArray(4 * data * side) : data;
  }
});
define("createImageBitmap", async () => ({ width: 128, height: 128 }));

/** Something happens to the window. */
export function happens(kind, event = {}) {
  for (const hear of heard.get(kind) ?? []) hear(event);
}

/** A figure of the page with a poster in it. @param {string} name of a demo */
export function figure(name) {
  const made = new Element("figure");
  made.dataset.demo = name;
  made.append(new Element("img"));
  body.append(made);
  return made;
}

/** A promise that is answered from outside. */
export function promised() {
  const parts = {};
  return Object.assign(new Promise((resolve, reject) => Object.assign(parts, { resolve, reject })), parts);
}

/** Long enough for whatever is ready. */
export const soon = (milliseconds = 5) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * The frame around a demo as a demo sees it: it answers as it is told, and notes what was asked and said.
 * @param {any} Demo @param {Record<string, any>} index @param {Record<string, any>} [state] @param {any} [answer]
 */
export function framed(Demo, index, state = {}, answer = () => null) {
  const defaults = Demo.defaults(index);
  const host = {
    defaults, state: { ...defaults, ...state }, figure: figure("demo"), asked: [], dropped: [], said: [],
    async ask(job, options, how = {}) {
      host.asked.push({ job, options, how });
      return answer(job, options, how);
    },
    drop: (channel) => host.dropped.push(channel),
    say: (text) => host.said.push(text),
    set: (changes, how) => (Object.assign(host.state, changes), host.demo.update(how)),
    runtime: { ask: (job, options) => Promise.resolve(answer(job, options)) },
    arrive: () => null, meter: () => null,
  };
  host.figure.dataset.state = "live";
  host.demo = new Demo(host, index);
  return host;
}

/** A picture of one colour, as the worker sends it. */
export const grey = (value) => new Uint8ClampedArray(4 * 128 * 128).fill(value);

/** What the critic says of a picture. */
export const reading = { sentence: "a fox, sitting", words: { background: "green" } };
