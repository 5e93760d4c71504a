/** Steps: the same noise through every model of the page, with as few evaluations as one likes, and the path each takes. */

import { element, menu, range } from "../controls.js";
import { show } from "../picture.js";
import { quoted, restrict, SEED } from "../state.js";
import { BACKGROUNDS, caption, COATS, SPECIES, STANCES, TEXTURES } from "../words.js";

const SIDE = 128;
const PAUSE = 200; // milliseconds after the last change
const COUNTS = [1, 2, 3, 4, 6, 8, 12, 16, 25, 50];
const MENUS = { species: SPECIES, texture: TEXTURES, coat: COATS, background: BACKGROUNDS, stance: STANCES };
const WORDS = { text_to_image: "teacher", flow: "flow", reflow: "reflow", lcm: "consistency student", dmd: "DMD student",
  adversarial: "adversarial student", flow_consistency: "consistency student of the flow" };
const SHARP = 2;
const COLOUR = "#69398f";

export default class Steps {
  static title = "Steps: one noise, every model";
  static limits = { seed: SEED };

  /** Denoisers that need nothing but a latent, a time and a prompt. @param {Record<string, any>} index */
  static roles(index) {
    return Object.keys(index).filter((name) => index[name].use.sampler && Object.keys(index[name].inputs).length === 3);
  }

  static models(index) {
    const [first, ...others] = Steps.roles(index);
    return ["text", first, "decoder", "critic", ...others]; // in the order in which pictures need them
  }

  static defaults() {
    return { species: "fox", texture: "fluffy", coat: "orange", background: "pink", stance: "walking", evaluations: 4, seed: 0 };
  }

  /** @param {import("../host.js").Host} host @param {Record<string, any>} index */
  constructor(host, index) {
    [this.host, this.index, this.timer] = [host, index, 0];
    this.roles = Steps.roles(index);
    const make = (tag, label) => element("canvas", { ...tag, role: "img", "aria-label": label });
    this.panels = Object.fromEntries(this.roles.map((role) => {
      const name = WORDS[role] ?? role;
      return [role, { note: element("small", {}), picture: make({ class: "demo-picture", width: SIDE, height: SIDE }, name),
        path: make({ class: "demo-path", width: 400, height: 200 }, `the path of the ${name}`) }];
    }));
    const change = (name, value) => this.change({ [name]: value });
    this.controls = {
      ...Object.fromEntries(Object.entries(MENUS).map(([name, options]) =>
        [name, menu(name, options, host.state[name], (value) => change(name, value))])),
      evaluations: range("network evaluations", { min: 0, max: COUNTS.length - 1, step: 1,
        value: COUNTS.indexOf(host.state.evaluations), say: (k) => String(COUNTS[k]) }, (k) => change("evaluations", COUNTS[k])),
      seed: range("seed", { min: 0, max: 20, step: 1, value: host.state.seed }, (seed) => change("seed", seed)),
    };
    const places = this.roles.map((role) => element("div", {}, this.panels[role].picture, this.panels[role].path,
      element("p", { class: "demo-caption" }, WORDS[role] ?? role, element("br"), this.panels[role].note)));
    this.node = element("div", { class: "demo-steps" },
      element("div", { class: "demo-controls" }, ...Object.values(this.controls).map(({ node }) => node)),
      element("div", { class: "demo-panels" }, ...places));
  }

  reset() {}

  /** All pictures beside each other, to be saved. */
  get canvas() {
    const sheet = element("canvas", { width: this.roles.length * SIDE, height: SIDE });
    this.roles.forEach((role, k) => sheet.getContext("2d").drawImage(this.panels[role].picture, k * SIDE, 0, SIDE, SIDE));
    return sheet;
  }

  /** @param {any} changes */
  change(changes) {
    Object.assign(this.host.state, changes);
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.host.set({}), PAUSE);
  }

  /** What a model does with so many evaluations: a guided step costs two, so one evaluation cannot be guided. */
  plan(role) {
    const { evaluations } = this.host.state;
    const { guidance } = this.index[role].use;
    const twice = guidance !== 1 && evaluations > 1;
    return { steps: twice ? Math.floor(evaluations / 2) : evaluations, scale: twice ? guidance : 1 };
  }

  async update() {
    const { state, defaults } = this.host;
    restrict(state, { ...MENUS, evaluations: COUNTS }, defaults);
    const shown = { ...state, evaluations: COUNTS.indexOf(state.evaluations) };
    for (const [name, control] of Object.entries(this.controls)) control.set(shown[name]);
    const now = { ...state };
    const said = [];
    for (const role of this.roles) {
      const plan = this.plan(role);
      const options = { prompt: caption({ ...now, facing: "right" }), model: role, seed: now.seed, read: true, ...plan };
      const answer = await this.host.ask("paths", options, { drops: true });
      if (!answer) return;
      this.place(role, plan, answer);
      this.host.arrive();
      said.push(`${WORDS[role] ?? role}: ${answer.reading.sentence}, path ${answer.detour.toFixed(2)} times the straight line`);
      this.host.meter(answer.step);
    }
    const many = `${now.evaluations} network evaluation${now.evaluations > 1 ? "s" : ""}`;
    this.host.say(`With ${many} from the same noise. ${said.join("; ")}.`);
    this.host.figure.toggleAttribute("data-settled", true);
  }

  /** @param {string} role @param {{steps: number, scale: number}} plan @param {any} answer */
  place(role, { steps, scale }, answer) {
    const { picture, path, note } = this.panels[role];
    const name = WORDS[role] ?? role;
    show(picture, answer.pixels);
    picture.setAttribute("aria-label", `${name}: ${answer.reading.sentence}`);
    const guided = scale === 1 ? "" : `, each of two evaluations, w = ${scale}`;
    note.textContent = `${steps} step${steps > 1 ? "s" : ""}${guided}; path ` +
      `${answer.detour.toFixed(2)} times the straight line`;
    path.setAttribute("aria-label", `The path of the ${name}: ${note.textContent}`);
    this.draw(path, answer.path);
  }

  /** From noise, left, to the picture, right; upwards, how far from the straight line. */
  draw(canvas, points) {
    const pen = canvas.getContext("2d");
    const [width, height] = [canvas.width / SHARP, canvas.height / SHARP];
    const at = ({ along, away }) => [18 + along * (width - 36), height - 16 - Math.min(1.2, away) * (height - 32) / 1.2];
    pen.setTransform(SHARP, 0, 0, SHARP, 0, 0);
    pen.clearRect(0, 0, width, height);
    const line = (colour, ends) => {
      pen.strokeStyle = colour;
      pen.beginPath();
      ends.forEach((end, k) => (k ? pen.lineTo(...at(end)) : pen.moveTo(...at(end))));
      pen.stroke();
    };
    pen.lineWidth = 1;
    line("#b9b2a6", [points[0], points[points.length - 1]]);
    pen.lineWidth = 2;
    line(COLOUR, points);
    pen.fillStyle = COLOUR;
    for (const point of points) {
      pen.beginPath();
      pen.arc(...at(point), 2.5, 0, 2 * Math.PI);
      pen.fill();
    }
  }

  /** A cell that draws the same pictures. */
  python() {
    const { state } = this.host;
    const plans = this.roles.map((role) => {
      const { steps, scale } = this.plan(role);
      return `    ${quoted(role)}: {"steps": ${steps}, "guidance_scale": ${scale}},\n`;
    });
    return `import numpy as np
from course_utils.diffusion.generate import TextToImage
from PIL import Image

plans = {
${plans.join("")}}
prompt = ${quoted(caption({ ...state, facing: "right" }))}
pictures = [TextToImage.load(role)([prompt], seeds=[${state.seed}], **plan)[0] for role, plan in plans.items()]
Image.fromarray(np.hstack(pictures))`;
  }
}
