/** The skeleton: pull at its joints, and the animal follows, as closely as its ControlNet has learnt to. */

import { opened } from "../addresses.js";
import { button, element, menu, range } from "../controls.js";
import { edgesOfAnimals, pythonOfEdges } from "../edges.js";
import { drawPose, moved, pythonOfPose, SIDE, toMoves, toText } from "../figure.js";
import { show } from "../picture.js";
import { Puppet } from "../puppet.js";
import { drawLines, Sketch, toStrokes, toText as toLines } from "../sketch.js";
import { restrict, SEED } from "../state.js";
import { BACKGROUNDS, caption, COATS, FACINGS, SPECIES, STANCES, TEXTURES } from "../words.js";

const REST = 250; // milliseconds without a move, after which the better picture is drawn
const CONTROL = "controlnet_pose";
const DRAWN = "controlnet_edge";
const MAPS = ["a skeleton", "edges drawn by hand"];
const [BY_JOINTS, BY_EDGES] = MAPS;
const WORDS = { species: SPECIES, texture: TEXTURES, coat: COATS, background: BACKGROUNDS, stance: STANCES };
const TEACHER = "the model itself";
const STUDENT = "its student, in a few steps";

/** @param {string} joint */
const inWords = (joint) => joint.replaceAll("_", " ");

export default class Skeleton {
  static title = "The skeleton: pull at a joint";
  static limits = { conditioning: [0, 2, 0], seed: SEED };

  /** The student where there is one. @param {Record<string, any>} index */
  static quick(index) {
    return index.controlled_lcm ? "controlled_lcm" : "controlled";
  }

  static models(index) {
    const decoders = index.preview ? ["preview", "decoder"] : ["decoder"];
    const edges = index[DRAWN] ? [DRAWN, `hint_${DRAWN}`] : [];
    return ["text", Skeleton.quick(index), CONTROL, `hint_${CONTROL}`, ...decoders, "critic", ...edges];
  }

  static defaults(index) {
    return { species: "fox", texture: "fluffy", coat: "orange", background: "green", stance: "standing", facing: "right",
      figure: "standing", joint: "head", moves: "", map: BY_JOINTS, under: true, lines: "", conditioning: 1,
      trained: Skeleton.steps(index).at(-1), seed: 0, by: index.controlled_lcm ? STUDENT : TEACHER };
  }

  /** The steps of the training run that can be looked at: before the first, the checkpoints, the end. */
  static steps(index) {
    const kept = Object.keys(index).map((name) => name.match(/^controlnet_pose_(\d{4})$/)).filter(Boolean);
    return [0, ...kept.map(([, step]) => Number(step)).sort((a, b) => a - b), index[CONTROL].trained];
  }

  /** @param {import("../host.js").Host} host @param {Record<string, any>} index */
  constructor(host, index) {
    [this.host, this.index, this.timer] = [host, index, 0];
    this.steps = Skeleton.steps(index);
    this.preview = index.preview ? "preview" : "decoder";
    this.canvas = element("canvas", { class: "demo-picture", width: SIDE, height: SIDE, role: "img",
      "aria-label": "Not drawn yet" });
    this.frame = element("div", { class: "demo-skeleton" });
    this.node = this.frame;
  }

  /** The frame, once the skeletons are here. */
  async fill() {
    this.tables = await (await opened("models/poses.json")).json();
    const { state } = this.host;
    this.puppet = new Puppet(this.tables.bones, (name, place) => this.pull(name, place), (joint) => this.take(joint));
    if (this.index[DRAWN]) {
      this.edges = await edgesOfAnimals();
      this.sketch = new Sketch((strokes) => this.host.set({ lines: toLines(strokes) }, { draft: true }));
    }
    const choose = (name, options, label = name) =>
      menu(label, options, state[name], (value) => this.host.set({ [name]: value }, { draft: true }));
    const slide = (name, label, bounds) =>
      range(label, { value: state[name], ...bounds }, (value) => this.host.set({ [name]: value }, { draft: true }));
    const words = Object.entries(WORDS).map(([name, options]) =>
      [name, choose(name, options, name === "stance" ? "the prompt says" : name)]);
    const last = this.steps.length - 1;
    this.controls = {
      ...Object.fromEntries(words), facing: choose("facing", FACINGS),
      ...(this.sketch ? { map: choose("map", MAPS, "drawn after") } : {}),
      figure: menu("the skeleton is", STANCES, state.figure,
        (figure) => this.host.set({ figure, moves: "" }, { draft: true })),
      joint: menu("joint", this.tables.joints.map(inWords), inWords(state.joint),
        (words) => this.take(words.replaceAll(" ", "_"))),
      conditioning: slide("conditioning", "conditioning scale", { min: 0, max: 2, step: 0.1 }),
      place: range("trained for", { min: 0, max: last, step: 1, value: last, say: (k) => `${this.steps[k]} steps` },
        (k) => this.host.set({ trained: this.steps[k] }, { draft: true })),
      seed: slide("seed", "seed", { min: 0, max: 20, step: 1 }),
      ...(this.index.controlled_lcm ? { by: choose("by", [STUDENT, TEACHER], "drawn by") } : {}),
    };
    const start = (under) => this.host.set({ under, lines: "" }, { draft: true });
    this.tools = element("div", { class: "demo-pen", hidden: true },
      button("Start from an animal's edges", () => start(true)), button("Clear", () => start(false)));
    const pads = element("div", {}, this.puppet.node, ...(this.sketch ? [this.sketch.node] : []), this.tools);
    this.node.append(pads, this.canvas,
      element("div", { class: "demo-controls" }, ...Object.values(this.controls).map(({ node }) => node)));
  }

  reset() {}

  /** How joints were moved. */
  moves() {
    return toMoves(this.host.state.moves, this.tables.joints);
  }

  /** The skeleton as it stands now. */
  joints() {
    const { species, figure, facing } = this.host.state;
    const places = this.tables.poses[`${species} ${figure} ${facing}`];
    const own = Object.fromEntries(this.tables.joints.map((name, k) => [name, places[k]]));
    return { own, now: moved(own, this.moves()) };
  }

  /** Whether edges are drawn, and no skeleton. */
  drawn() {
    return Boolean(this.sketch) && this.host.state.map === BY_EDGES;
  }

  /** The edges below what is drawn. */
  under() {
    const { species, figure, facing, under } = this.host.state;
    return under ? this.edges(species, figure, facing) : null;
  }

  /** What the ControlNet is shown. @returns {Float32Array} 3 x 128 x 128 in [0, 1] */
  map() {
    if (!this.drawn()) return drawPose(this.joints().now, this.tables.bones);
    const grey = drawLines(toStrokes(this.host.state.lines), this.under());
    return Float32Array.from({ length: 3 * grey.length }, (_, k) => grey[k % grey.length]);
  }

  /** @param {string} joint */
  take(joint) {
    this.host.state.joint = joint;
    this.draw();
  }

  /** A joint to a place. @param {string} name @param {[number, number]} place */
  pull(name, [x, y]) {
    const { own } = this.joints();
    const moves = this.moves();
    const by = [x - own[name][0], y - own[name][1]].map((value) => Math.round(value * 10) / 10);
    moves.set(name, /** @type {[number, number]} */ (by));
    this.host.set({ moves: toText(moves) }, { draft: true });
  }

  /** Skeleton and controls as the state has them. */
  draw() {
    const { state, defaults } = this.host;
    const menus = { ...WORDS, facing: FACINGS, figure: STANCES, map: MAPS, by: [STUDENT, TEACHER] };
    restrict(state, { ...menus, joint: this.tables.joints }, defaults);
    if (!this.steps.includes(state.trained)) state.trained = this.steps.at(-1);
    const shown = { ...state, joint: inWords(state.joint) };
    for (const [name, control] of Object.entries(this.controls)) if (name in shown) control.set(shown[name]);
    this.controls.place.set(this.steps.indexOf(state.trained));
    for (const [name, control] of Object.entries(this.controls)) {
      if (["joint", "place"].includes(name)) control.node.hidden = this.drawn();
    }
    [this.puppet.node.hidden, this.tools.hidden] = [this.drawn(), !this.drawn()];
    if (this.sketch) this.sketch.node.hidden = !this.drawn();
    this.shadow();
  }

  /** The pad, with the animal faintly behind. */
  shadow() {
    const { state } = this.host;
    if (this.drawn()) this.sketch.draw(toStrokes(state.lines), this.under(), this.canvas);
    else this.puppet.draw(this.joints().now, state.joint, this.canvas);
  }

  /** @param {{draft?: boolean, first?: boolean}} [how] `first`: the quick picture, and then the better one at once */
  async update({ draft = false, first = false } = {}) {
    if (!this.tables) await this.fill();
    this.draw();
    clearTimeout(this.timer);
    if (draft) this.timer = window.setTimeout(() => this.rest(), REST);
    if (draft || first) {
      const answer = await this.host.ask("controlled", this.options(this.host.state, false));
      if (answer) this.see(answer);
      this.host.arrive();
    }
    return draft ? undefined : this.rest();
  }

  async rest() {
    const state = { ...this.host.state };
    const answer = await this.host.ask("controlled", this.options(state, true), { drops: true });
    if (!answer) return;
    this.see(answer);
    this.canvas.setAttribute("aria-label", answer.reading.sentence);
    this.host.meter(answer.step);
    this.host.say(`${answer.reading.sentence}. ${this.drawn() ? this.told() : this.distances(answer.keypoints)}`);
    this.host.figure.toggleAttribute("data-settled", true);
  }

  see(answer) {
    show(this.canvas, answer.pixels);
    this.shadow();
  }

  /** What is drawn after, in words. */
  told() {
    const { under, lines, species, figure } = this.host.state;
    const count = toStrokes(lines).length;
    const own = `${count || "no"} line${count === 1 ? "" : "s"} of your own`;
    return `Drawn after ${own}${under ? ` over the edges of a ${figure} ${species}` : " on black"}.`;
  }

  /** How far the critic finds the joints from the skeleton's. @param {Float32Array} found */
  distances(found) {
    if (!found) return "Joints of painted pictures cannot be read.";
    const { joint } = this.host.state;
    const away = Object.entries(this.joints().now).map(([name, [x, y]], k) =>
      [name, Math.hypot(SIDE * found[2 * k] - x, SIDE * found[2 * k + 1] - y)]);
    const mean = away.reduce((sum, [, far]) => sum + far, 0) / away.length;
    return `The critic finds the ${inWords(joint)} ${Object.fromEntries(away)[joint].toPrecision(2)} pixels from ` +
      `where the skeleton has it, and all joints ${mean.toPrecision(2)} on average; the picture is ${SIDE} wide.`;
  }

  /** @param {any} state @param {boolean} rest */
  options(state, rest) {
    const model = rest && state.by === TEACHER ? "controlled" : Skeleton.quick(this.index);
    const { steps, guidance } = this.index[model].use;
    const end = state.trained === this.steps.at(-1);
    return {
      prompt: caption(state), map: this.map(), model, scale: guidance, seed: state.seed,
      control: this.drawn() ? DRAWN : end || !state.trained ? CONTROL : `${CONTROL}_${String(state.trained).padStart(4, "0")}`,
      conditioning: state.trained || this.drawn() ? state.conditioning : 0, steps: rest ? steps : Math.min(2, steps), read: rest,
      decoder: rest ? "decoder" : this.preview,
    };
  }

  /** A cell that draws the same picture. */
  python() {
    const { state } = this.host;
    const { steps, conditioning } = this.options(state, true);
    const role = state.by === TEACHER || !this.index.controlled_lcm ? "text_to_image" : "lcm";
    const how = { role, steps, conditioning, prompt: caption(state) };
    if (this.drawn()) return pythonOfEdges(state, how);
    const early = state.trained && state.trained !== this.steps.at(-1);
    return pythonOfPose(state, { ...how, moves: this.moves(), checkpoint: early ? state.trained : null });
  }
}
