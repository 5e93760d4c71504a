/** Two spaces: the same two animals, one slider, four ways between them. */

import { element, menu, range } from "../controls.js";
import { show } from "../picture.js";
import { quoted, restrict, SEED, student } from "../state.js";
import { BACKGROUNDS, caption, COATS, SPECIES, STANCES, TEXTURES } from "../words.js";

const SIDE = 128;
const REST = 250; // milliseconds without a move, after which the better pictures are drawn
const TEACHER = "text_to_image";
const BACK = { model: TEACHER, steps: 25, corrections: 2 }; // of inversion and of the way back, as in section 2
const MENUS = { species: SPECIES, texture: TEXTURES, coat: COATS, background: BACKGROUNDS, stance: STANCES };
const WAYS = {
  codes: "latents blended",
  noise: "noise along the arc",
  words: "conditioning blended",
  inversion: "inverted and back",
};

/** @param {string} label */
function panel(label) {
  return element("canvas", { class: "demo-picture", width: SIDE, height: SIDE, role: "img", "aria-label": label });
}

export default class Spaces {
  static title = "Two spaces: four ways between two animals";
  static limits = { a_seed: SEED, b_seed: SEED, t: [0, 1, 0] };

  /** The student where there is one; it has no path to walk back, so inversion is its teacher's. */
  static denoiser(index) {
    const model = student(index) ?? TEACHER;
    const { steps, guidance } = index[model].use;
    return { model, scale: guidance, draft: Math.min(2, steps), rest: steps };
  }

  static models(index) {
    return ["text", Spaces.denoiser(index).model, ...(index.preview ? ["preview"] : []), "decoder", "critic"];
  }

  static defaults() {
    return { a_species: "dog", a_texture: "fluffy", a_coat: "brown", a_background: "green", a_stance: "sitting", a_seed: 0,
      b_species: "cat", b_texture: "scaly", b_coat: "blue", b_background: "pink", b_stance: "walking", b_seed: 1, t: 0.5 };
  }

  /** @param {import("../host.js").Host} host @param {Record<string, any>} index */
  constructor(host, index) {
    [this.host, this.timer] = [host, 0];
    this.denoiser = Spaces.denoiser(index);
    this.preview = index.preview ? "preview" : "decoder";
    this.panels = Object.fromEntries(Object.entries(WAYS).map(([way, label]) => [way, panel(label)]));
    this.notes = Object.fromEntries(Object.keys(WAYS).map((way) => [way, element("small", {})]));
    this.controls = { t: range("from the first to the second", { min: 0, max: 1, step: 0.05, value: host.state.t,
      say: (t) => t.toFixed(2) }, (t) => host.set({ t }, { draft: true })) };
    const animals = ["a", "b"].map((which) => this.animal(which, which === "a" ? "The first" : "The second"));
    const ways = Object.entries(WAYS).map(([way, label]) =>
      element("div", {}, this.panels[way], element("p", { class: "demo-caption" }, label, element("br"), this.notes[way])));
    this.node = element("div", { class: "demo-spaces" }, element("div", { class: "demo-panels" }, ...ways),
      this.controls.t.node, element("div", { class: "demo-animals" }, ...animals));
  }

  /** The menus of one animal. @param {string} which @param {string} name */
  animal(which, name) {
    const { state } = this.host;
    const change = (key) => (value) => this.host.set({ [key]: value }, { draft: true });
    for (const [word, options] of Object.entries(MENUS)) {
      const key = `${which}_${word}`;
      this.controls[key] = menu(`${name}: ${word}`, options, state[key], change(key));
    }
    const key = `${which}_seed`;
    this.controls[key] = range(`${name}: seed`, { min: 0, max: 20, step: 1, value: state[key] }, change(key));
    const mine = Object.entries(this.controls).filter(([control]) => control.startsWith(which + "_"));
    return element("div", { class: "demo-controls" }, ...mine.map(([, { node }]) => node));
  }

  reset() {}

  /** All four beside each other, to be saved. */
  get canvas() {
    const sheet = element("canvas", { width: 4 * SIDE, height: SIDE });
    Object.values(this.panels).forEach((canvas, k) => sheet.getContext("2d").drawImage(canvas, k * SIDE, 0, SIDE, SIDE));
    return sheet;
  }

  /** Controls as the state has them. */
  write() {
    const { state, defaults } = this.host;
    for (const which of ["a_", "b_"]) {
      const menus = Object.entries(MENUS).map(([word, options]) => [which + word, options]);
      restrict(state, Object.fromEntries(menus), defaults);
    }
    for (const [name, control] of Object.entries(this.controls)) control.set(state[name]);
  }

  /** @param {{draft?: boolean, first?: boolean}} [how] `first`: the quick pictures, and then the better ones at once */
  async update({ draft = false, first = false } = {}) {
    this.host.drop("inversion"); // else what is asked now would wait behind seconds of it
    this.write();
    clearTimeout(this.timer);
    if (first) await this.three({ ...this.host.state }, false);
    if (!draft) return this.rest();
    this.timer = window.setTimeout(() => this.rest(), REST);
    return this.three({ ...this.host.state }, false);
  }

  /** Blends, noise and words. @param {any} state @param {boolean} rest @returns {Promise<boolean>} whether still wanted */
  async three(state, rest) {
    for (const way of ["codes", "noise", "words"]) {
      const answer = await this.host.ask("way", this.options(state, way, rest), { channel: way, drops: rest });
      if (!answer) return false;
      show(this.panels[way], answer.pixels);
      this.host.arrive();
      if (rest) this.tell(way, answer);
    }
    return true;
  }

  async rest() {
    const state = { ...this.host.state };
    if (await this.three(state, true)) await this.settled();
  }

  /** Inversion, which takes longest, once there is time, other demos' time included. */
  async settled() {
    if (this.host.figure.dataset.state !== "live") return;
    const state = { ...this.host.state };
    const show_ = ({ share }) => (this.notes.inversion.textContent = `inverting, ${Math.round(100 * share)} %`);
    const options = this.options(state, "inversion", true);
    const how = { channel: "inversion", drops: true, yields: true, show: show_ };
    const answer = await this.host.ask("way", options, how);
    if (!answer) return;
    show(this.panels.inversion, answer.pixels);
    this.tell("inversion", answer);
    this.host.meter(answer.step);
    const seen = Object.keys(WAYS).map((way) => `${WAYS[way]}: ${this.notes[way].textContent}`);
    this.host.say(`At ${state.t.toFixed(2)} of the way the critic sees, ${seen.join("; ")}. The first three are drawn by the ` +
      `${this.denoiser.model === TEACHER ? "teacher" : `student in ${this.denoiser.rest} evaluations`}, the last by the ` +
      `teacher in ${BACK.steps}: only it has a path that can be walked back.`);
    this.host.figure.toggleAttribute("data-settled", true);
  }

  /** @param {string} way @param {any} answer */
  tell(way, answer) {
    this.notes[way].textContent = answer.reading.sentence;
    this.panels[way].setAttribute("aria-label", `${WAYS[way]}: ${answer.reading.sentence}`);
  }

  /** @param {any} state @param {"a" | "b"} which */
  static scene(state, which) {
    return { ...Object.fromEntries(Object.keys(MENUS).map((word) => [word, state[`${which}_${word}`]])), facing: "right" };
  }

  /** @param {any} state @param {string} way @param {boolean} rest */
  options(state, way, rest) {
    const { model, scale, draft, rest: full } = this.denoiser;
    const ends = ["a", "b"].map((which) => ({ prompt: caption(Spaces.scene(state, which)), seed: state[`${which}_seed`] }));
    return { way, ends, t: state.t, model, scale, steps: rest ? full : draft, rest: full, back: BACK, read: rest,
      decoder: rest ? "decoder" : this.preview };
  }

  /** A cell that draws the same pictures. */
  python() {
    const { state } = this.host;
    const [a, b] = this.options(state, "codes", true).ends;
    return `import numpy as np
from course_utils.demos.spaces import between
from course_utils.diffusion.generate import TextToImage
from PIL import Image

draw, teacher = TextToImage.load(${quoted(this.denoiser.model)}), TextToImage.load("${TEACHER}")
prompts = [
    ${quoted(a.prompt)},
    ${quoted(b.prompt)},
]
four = between(draw, teacher, prompts, seeds=(${a.seed}, ${b.seed}), t=${state.t})
Image.fromarray(np.hstack(list(four.values())))`;
  }
}
