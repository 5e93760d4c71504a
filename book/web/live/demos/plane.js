/** The plane: fluffy to scaly by small to large. Drag the cursor, and the animal changes. */

import { element, menu, range } from "../controls.js";
import { Pad } from "../pad.js";
import { show } from "../picture.js";
import { quoted, restrict, same, SEED, student } from "../state.js";
import { caption, COATS, SPECIES, STANCES } from "../words.js";

const REST = 250; // milliseconds without a move, after which the better picture is drawn
const BACKGROUND = "green";
const REMEMBERED = 8;
const MENUS = { species: SPECIES, coat: COATS, stance: STANCES };

export default class Plane {
  static title = "The plane: fluffy to scaly, small to large";
  static limits = { scaly: [0, 1, 0], large: [0, 1, 0], seed: SEED };

  /** The student where there is one: a picture of it costs four evaluations, one of the teacher fifty. */
  static denoiser(index) {
    const model = student(index) ?? "text_to_image";
    const { steps, guidance } = index[model].use;
    return { model, scale: guidance, draft: Math.min(student(index) ? 2 : 4, steps), rest: steps };
  }

  static models(index) {
    const decoders = index.preview ? ["preview", "decoder"] : ["decoder"];
    return ["text", Plane.denoiser(index).model, ...decoders, "critic"]; // in the order in which the first picture needs them
  }

  static defaults() {
    return { species: "fox", coat: "orange", stance: "sitting", seed: 0, scaly: 0.5, large: 0.5 };
  }

  /** @param {import("../host.js").Host} host @param {Record<string, any>} index */
  constructor(host, index) {
    this.host = host;
    this.denoiser = Plane.denoiser(index);
    this.preview = index.preview ? "preview" : "decoder";
    this.timer = 0;
    /** @type {{state: any, thumb: HTMLCanvasElement}[]} */
    this.trail = [];
    this.canvas = element("canvas", { class: "demo-picture", width: 128, height: 128, role: "img",
      "aria-label": "Not drawn yet" });
    this.pad = new Pad("scaly", "large", ["fluffy", "scaly", "small", "large"], host.state, (place) => this.move(place));
    const choose = ([name, options]) =>
      [name, menu(name, options, host.state[name], (value) => this.choose({ [name]: value }))];
    const slide = (name) =>
      range(name, { min: 0, max: 1, step: 0.05, value: host.state[name], say: (v) => v.toFixed(2) },
        (value) => this.move({ [name]: value }));
    this.controls = {
      ...Object.fromEntries(Object.entries(MENUS).map(choose)),
      scaly: slide("scaly"), large: slide("large"),
      seed: range("seed", { min: 0, max: 20, step: 1, value: host.state.seed }, (seed) => this.choose({ seed })),
    };
    this.been = element("div", { class: "demo-trail", role: "group", "aria-label": "Where you have been" });
    this.node = element("div", { class: "demo-plane" }, this.pad.node, this.canvas,
      element("div", { class: "demo-controls" }, ...Object.values(this.controls).map(({ node }) => node)), this.been);
  }

  /** While the cursor moves: one quick picture after another, then, at rest, the better one. @param {any} place */
  move(place) {
    this.host.set(place, { draft: true });
  }

  /** Another animal or noise. @param {any} changes */
  choose(changes) {
    this.host.set(changes, { draft: true });
  }

  reset() {
    this.trail = [];
    this.pad.corners = [];
    this.been.replaceChildren();
  }

  /** @param {{draft?: boolean, first?: boolean}} [how] `first`: the quick picture, and then the better one at once */
  async update({ draft = false, first = false } = {}) {
    const { state, defaults } = this.host;
    restrict(state, MENUS, defaults);
    for (const [name, control] of Object.entries(this.controls)) control.set(state[name]);
    if (this.pad.of !== Plane.animal(state)) this.pad.corners = [];
    this.pad.place(state, this.trail);
    clearTimeout(this.timer);
    if (draft) this.timer = window.setTimeout(() => this.rest(), REST);
    if (draft || first) {
      const answer = await this.host.ask("plane", this.options(state, false));
      if (answer) show(this.canvas, answer.pixels);
      this.host.arrive();
    }
    return draft ? undefined : this.rest();
  }

  async rest() {
    const state = { ...this.host.state };
    const answer = await this.host.ask("plane", this.options(state, true), { drops: true });
    if (!answer) return;
    show(this.canvas, answer.pixels);
    this.canvas.setAttribute("aria-label", answer.reading.sentence);
    this.host.say(`${answer.reading.sentence}. Cursor at ${state.scaly.toFixed(2)} scaly, ${state.large.toFixed(2)} large.`);
    this.host.meter(answer.step);
    this.remember(state, answer.pixels);
    await this.settled();
  }

  /** Once there is time: the four corners, as a map behind the cursor. */
  async settled() {
    if (this.host.figure.dataset.state !== "live") return;
    if (this.pad.corners.length) {
      this.host.figure.toggleAttribute("data-settled", true);
      return;
    }
    const state = { ...this.host.state };
    const corners = [];
    for (const [scaly, large] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
      const options = { ...this.options({ ...state, scaly, large }, true), read: false };
      const answer = await this.host.ask("plane", options, { channel: "corners" }).catch(() => null);
      if (!answer || Plane.animal(state) !== Plane.animal(this.host.state)) return;
      corners.push({ scaly, large, thumb: thumbnail(answer.pixels) });
    }
    Object.assign(this.pad, { corners, of: Plane.animal(state) });
    this.pad.place(this.host.state, this.trail);
    this.host.figure.toggleAttribute("data-settled", true);
  }

  /** What the corners depend on. @param {any} state */
  static animal({ species, coat, stance, seed }) {
    return [species, coat, stance, seed].join();
  }

  /** @param {any} state @param {boolean} rest */
  options(state, rest) {
    const corners = ["small", "large"].flatMap((size) =>
      ["fluffy", "scaly"].map((texture) => caption({ ...state, size, texture, background: BACKGROUND, facing: "right" })));
    const { model, scale } = this.denoiser;
    return {
      corners, model, scale, scaly: state.scaly, large: state.large, seed: state.seed, read: rest,
      steps: rest ? this.denoiser.rest : this.denoiser.draft, decoder: rest ? "decoder" : this.preview,
    };
  }

  /** A place where one has been; once, also when one comes back. @param {any} state @param {Uint8ClampedArray} rgba */
  remember(state, rgba) {
    if (this.trail.some((been) => same(been.state, state))) return;
    const thumb = thumbnail(rgba);
    this.trail = [...this.trail, { state, thumb }].slice(-REMEMBERED);
    const where = `${state.scaly.toFixed(2)} scaly, ${state.large.toFixed(2)} large, ${state.coat} ${state.species}`;
    const back = () => this.host.set({ ...state });
    this.been.append(element("button", { type: "button", onclick: back, "aria-label": `Back to ${where}` }, thumb));
    while (this.been.children.length > REMEMBERED) {
      const [first, second] = this.been.children;
      if (first === document.activeElement) second.focus(); // else the keyboard would fall to the page's start
      first.remove();
    }
    this.pad.place(this.host.state, this.trail);
  }

  /** A cell that draws the same picture. */
  python() {
    const { seed, scaly, large, ...words } = this.host.state;
    const [species, coat, stance] = [words.species, words.coat, words.stance].map(quoted);
    return `from course_utils.critters import Scene
from course_utils.diffusion.generate import TextToImage
from course_utils.measure.sweeps.paths import corners, on_plane
from PIL import Image

draw = TextToImage.load(${quoted(this.denoiser.model)})
scene = Scene(${species}, coat=${coat}, stance=${stance}, background="${BACKGROUND}", facing="right")
place = on_plane(corners(draw, scene), scaly=${scaly}, large=${large})
Image.fromarray(draw(place, seeds=[${seed}])[0])`;
  }
}

/** @param {Uint8ClampedArray} rgba @returns {HTMLCanvasElement} */
function thumbnail(rgba) {
  const canvas = element("canvas", { width: 128, height: 128, "aria-hidden": "true" });
  show(canvas, rgba);
  return canvas;
}
