/** Guidance: two predictions, their sum, and what the scale does to the picture. */

import { button, element, line, menu, range } from "../controls.js";
import { arrowsIn } from "../arrows.js";
import { show } from "../picture.js";
import { quoted, SEED, within } from "../state.js";
import { BACKGROUNDS, caption, COATS, SPECIES, STANCES, TEXTURES } from "../words.js";

const MODEL = "text_to_image";
const FRAMES = 6;
const PAUSE = 200; // milliseconds after the last change, so that a slider on its way does not start a picture for each value
const NOTHING = { picture: "A: nothing kept yet", caption: "A: keep a picture to compare" }; // A at first
const MENUS = { species: SPECIES, texture: TEXTURES, coat: COATS, background: BACKGROUNDS, stance: STANCES };

export default class Guidance {
  static title = "Guidance: how far beyond the prompt?";
  static limits = { scale: [0, 15, 0], steps: [2, 50, 1], at: [0, 49, 1], seed: SEED };

  static models(index) {
    return ["text", MODEL, ...(index.preview ? ["preview"] : []), "decoder", "critic"];
  }

  static defaults() {
    return { prompt: "a scaly blue fox sitting on a yellow background, facing right", negative: "", scale: 3, steps: 25,
      seed: 0, at: 12 };
  }

  /** @param {import("../host.js").Host} host @param {Record<string, any>} index */
  constructor(host, index) {
    this.host = host;
    this.decoder = index.preview ? "preview" : "decoder";
    this.timer = 0;
    /** The last picture that was drawn to its end, and how. @type {any} */
    this.drawn = null;
    this.words = { species: "fox", texture: "scaly", coat: "blue", background: "yellow", stance: "sitting", facing: "right" };
    this.canvas = picture("B");
    this.kept = picture(NOTHING.picture);
    this.arrows = element("canvas", { class: "demo-arrows", width: 960, height: 480, role: "img",
      "aria-label": "Not drawn yet" });
    const film = "The film: the picture implied at some steps";
    this.film = element("div", { class: "demo-film", role: "group", "aria-label": film });
    const slide = (name, label, bounds) =>
      range(label, { value: host.state[name], ...bounds }, (value) => this.change({ [name]: value }));
    this.controls = {
      scale: slide("scale", "scale w", { min: 0, max: 15, step: 0.5 }),
      steps: slide("steps", "steps", { min: 2, max: 50, step: 1 }),
      seed: slide("seed", "seed", { min: 0, max: 20, step: 1 }),
      at: range("arrows at step", { min: 0, max: 49, step: 1, value: host.state.at }, (at) => this.look(at)),
    };
    const text = (name, label) => line(label, host.state[name], (value) => this.change({ [name]: value }));
    this.texts = { prompt: text("prompt", "Prompt"),
      negative: text("negative", "Negative prompt: what to lead away from") };
    this.menus = Object.entries(MENUS).map(([name, options]) =>
      [name, menu(name, options, this.words[name], (value) => this.compose({ [name]: value }))]);
    const labelled = (canvas, label) => element("div", {}, canvas, label);
    this.labelA = element("p", { class: "demo-caption" }, NOTHING.caption);
    this.labelB = element("p", { class: "demo-caption" });
    this.node = element("div", { class: "demo-guidance" },
      element("div", { class: "demo-controls" }, ...this.menus.map(([, { node }]) => node)),
      ...Object.values(this.texts).map(({ node }) => node),
      element("div", { class: "demo-controls" }, ...Object.values(this.controls).map(({ node }) => node)),
      element("div", { class: "demo-pair" }, labelled(this.kept, this.labelA), labelled(this.canvas, this.labelB)),
      button("Keep this picture as A", () => this.keep()), this.film, this.arrows);
  }

  /** The menus write the prompt. @param {Record<string, string>} words */
  compose(words) {
    Object.assign(this.words, words);
    this.change({ prompt: caption(/** @type {any} */ (this.words)) });
  }

  /** @param {any} changes */
  change(changes) {
    Object.assign(this.host.state, changes);
    this.write();
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.host.set({}), PAUSE);
  }

  /** Controls as the state has it. */
  write() {
    const { state } = this.host;
    const said = state.prompt.split(/\W+/);
    for (const [name, { set }] of this.menus) {
      this.words[name] = MENUS[name].find((word) => said.includes(word)) ?? this.words[name];
      set(this.words[name]);
    }
    const last = state.steps - 1;
    this.controls.at.input.max = String(last);
    const shown = { ...state, at: Math.min(state.at, last) };
    for (const [name, control] of Object.entries({ ...this.texts, ...this.controls })) control.set(shown[name]);
  }

  reset() {
    this.kept.setAttribute("aria-label", NOTHING.picture);
    this.labelA.textContent = NOTHING.caption;
    this.kept.getContext("2d").clearRect(0, 0, this.kept.width, this.kept.height);
  }

  async update() {
    this.write();
    const { prompt, negative, scale, steps, seed } = this.host.state;
    const frames = [];
    const partial = (frame) => {
      frames.push(frame);
      show(this.canvas, frame.pixels);
      this.roll(frames);
      this.host.arrive();
    };
    const options = { prompt, negative, scale, steps, seed, model: MODEL, decoder: this.decoder, frames: FRAMES };
    const answer = await this.host.ask("guidance", options, { drops: true, show: partial });
    if (!answer) return;
    const { sentence, words } = answer.reading;
    this.drawn = { ...answer, sentence, scale, label: `w = ${scale}, ${steps} steps, seed ${seed}` };
    show(this.canvas, answer.pixels);
    this.roll([...frames, { pixels: answer.pixels, t: 0 }]);
    this.canvas.setAttribute("aria-label", `B: ${sentence}`);
    this.labelB.textContent = `B: ${this.drawn.label}`;
    this.look(this.host.state.at); // which may have been chosen meanwhile
    this.host.meter(answer.step);
    this.host.say(`At scale ${scale}: ${sentence}, on ${words.background}. ${this.lengths()}`);
    this.host.figure.toggleAttribute("data-settled", true);
  }

  /** @param {{pixels: Uint8ClampedArray, t: number}[]} frames */
  roll(frames) {
    this.film.replaceChildren(...frames.map(({ pixels, t }) => {
      const label = t ? `the picture implied at timestep ${t}` : "the picture";
      const canvas = element("canvas", { width: 128, height: 128, role: "img", "aria-label": label });
      show(canvas, pixels);
      return element("div", {}, canvas, element("small", {}, `t = ${t}`));
    }));
  }

  /** The arrows before another step. @param {number} at */
  look(at) {
    const { state } = this.host;
    state.at = within(at, [0, state.steps - 1, 1]);
    this.controls.at.set(state.at);
    if (!this.drawn) return;
    arrowsIn(this.arrows, this.arrow(), this.drawn.scale);
    this.arrows.setAttribute("aria-label", this.lengths());
  }

  /** The two predictions at the step that is looked at, or the last one there is. */
  arrow() {
    const { arrows } = this.drawn;
    return arrows[Math.min(this.host.state.at, arrows.length - 1)];
  }

  /** Two predictions in words. */
  lengths() {
    const { length, along, across, t } = this.arrow();
    const degrees = (Math.atan2(across, along) * 180) / Math.PI;
    const lengths = `${length.toFixed(1)} and ${Math.hypot(along, across).toFixed(1)}`;
    return `At timestep ${t} the two predictions are ${lengths} long and ${degrees.toPrecision(2)} degrees apart.`;
  }

  /** Keep as A what was drawn last; a picture still on its way is not it. */
  keep() {
    if (!this.drawn) return this.host.say("The first picture is still being drawn. Keep it in a moment.");
    show(this.kept, this.drawn.pixels);
    this.labelA.textContent = `A: ${this.drawn.label}`;
    this.kept.setAttribute("aria-label", `A: kept, ${this.drawn.sentence}`);
    return this.host.say("Kept as A. Change the scale, and compare: the noise stays the same.");
  }

  /** A cell that draws the same picture. */
  python() {
    const { prompt, negative, scale, steps, seed } = this.host.state;
    return `from course_utils.diffusion.generate import TextToImage
from PIL import Image

draw = TextToImage.load("${MODEL}")
prompt, negative = ${quoted(prompt)}, ${quoted(negative)}
options = {"guidance_scale": ${scale}, "steps": ${steps}, "negative_prompt": negative}
Image.fromarray(draw([prompt], seeds=[${seed}], **options)[0])`;
  }
}

/** @param {string} label */
function picture(label) {
  return element("canvas", { class: "demo-picture", width: 128, height: 128, role: "img", "aria-label": label });
}
