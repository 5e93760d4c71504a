/** The zip file: what a VAE keeps of a picture, in four channels that one can paint on, and what that weighs. */

import { button, element, menu, range } from "../controls.js";
import { Channel } from "../channel.js";
import { kept } from "../addresses.js";
import { pixels, show, tensorOf } from "../picture.js";
import { jpegOfQuality, photo, pngBytes, psnr, scenes } from "../files.js";
import { apply, quantise, toEdits, toText } from "../latent.js";
import { quoted } from "../state.js";

const OWN = "your photo";
const SCENES = ["1", "2", "3", "4", "5", "6"];
const SIDE = 128;
const NUMBERS = 1024;

export default class Zip {
  static title = "The zip file: what a latent keeps";
  static limits = { bits: [2, 16, 1], brush: [-5, 5, 0.5] };

  static models() {
    return ["encoder", "decoder"];
  }

  static defaults() {
    return { scene: "1", bits: 16, brush: 3, edits: "" };
  }

  /** @param {import("../host.js").Host} host */
  constructor(host) {
    this.host = host;
    this.given = host.link?.pictures ?? [];
    [this.turn, this.taken] = [0, 0]; // counted up, so that what comes late knows that it does
    /** Of what turn each part is that stands there. @type {Record<string, number>} */
    this.shown = {};
    /** @type {Map<string, Promise<{tensor: Float32Array, z: Float32Array}>>} */
    this.sources = new Map();
    const look = { class: "demo-picture", width: SIDE, height: SIDE, role: "img" };
    const canvas = (label) => element("canvas", { ...look, "aria-label": label });
    this.before = canvas("the picture");
    this.canvas = canvas("what comes back");
    this.change = canvas("where painting changed the picture");
    this.channels = [0, 1, 2, 3].map((k) => new Channel(k, (row, column) => this.paint(k, row, column)));
    this.table = element("table", { "aria-label": "What it weighs" });
    this.controls = {
      scene: menu("picture", [...this.given, ...SCENES], host.state.scene, (scene) => host.set({ scene, edits: "" })),
      bits: range("bits per number", { min: 2, max: 16, step: 1, value: host.state.bits }, (bits) => host.set({ bits })),
      brush: range("brush", { min: -5, max: 5, step: 0.5, value: host.state.brush }, (brush) => (host.state.brush = brush)),
    };
    const file = element("input", { type: "file", accept: "image/*", onchange: () => this.take(file.files?.[0]) });
    const drop = element("label", { class: "demo-drop" }, "Your own photo, which stays on this device: ", file);
    for (const kind of ["dragover", "drop"]) drop.addEventListener(kind, (event) => event.preventDefault());
    drop.addEventListener("drop", (event) => this.take(event.dataTransfer?.files[0]));
    const panel = (node, text) => element("div", {}, node, element("p", { class: "demo-caption" }, text));
    this.node = element("div", { class: "demo-zip" },
      element("div", { class: "demo-controls" }, ...Object.values(this.controls).map(({ node }) => node)), drop,
      element("div", { class: "demo-panels" }, panel(this.before, "49,152 numbers"), panel(this.canvas, "what comes back"),
        panel(this.change, "what painting changed")),
      element("p", { class: "demo-caption" }, "The latent: four channels of 16 x 16. Paint on them."),
      element("div", { class: "demo-panels" }, ...this.channels.map((channel) => channel.node)),
      element("div", {}, button("Undo the painting", () => host.set({ edits: "" }))), this.table);
  }

  reset() {}

  /** A picture and its latent; encoded once. @param {string} scene */
  source(scene) {
    const given = this.given.includes(scene);
    const load = () => (given ? this.host.link.picture(scene).then(photo) : scenes(Number(scene) - 1));
    return kept(this.sources, scene, async () => this.encoded(await load()));
  }

  /** @param {Uint8ClampedArray} rgba */
  async encoded(rgba) {
    const tensor = tensorOf(rgba);
    return { tensor, z: (await this.host.runtime.ask("encode", { picture: tensor })).z };
  }

  /**
   * A photo of the reader's own. It is shown unless a later one was taken, or another picture chosen.
   * @param {File | undefined} file
   */
  async take(file) {
    if (!file) return;
    const [taken, { scene }] = [++this.taken, this.host.state];
    const found = await photo(file).then((rgba) => this.encoded(rgba)).catch(() => null);
    if (taken !== this.taken) return;
    if (!found) {
      this.host.say("This file could not be read as a picture. Try a JPEG or a PNG.");
      return;
    }
    this.sources.set(OWN, Promise.resolve(found));
    const { input } = this.controls.scene;
    if (![...input.options].some((option) => option.value === OWN)) input.append(element("option", {}, OWN));
    if (scene === this.host.state.scene) await this.host.set({ scene: OWN, edits: "" });
    else this.host.say("Your photo is here: it waits among the pictures.");
  }

  /** Add the brush to one number. @param {number} channel @param {number} row @param {number} column */
  paint(channel, row, column) {
    const edits = toEdits(this.host.state.edits);
    const key = `${channel}.${row}.${column}`;
    edits.set(key, this.host.state.brush);
    this.host.set({ edits: toText(edits) });
  }

  /**
   * Whether another picture is asked for, or this part of the view is newer already; else it is this turn's.
   * @param {string} scene @param {number} turn @param {string} part
   */
  late(scene, turn, part) {
    if (scene !== this.host.state.scene || turn < (this.shown[part] ?? 0)) return true;
    this.shown[part] = turn;
    return false;
  }

  async update() {
    const { state } = this.host;
    const known = [...this.given, ...SCENES, ...(this.sources.has(OWN) ? [OWN] : [])];
    if (!known.includes(String(state.scene))) [state.scene] = SCENES;
    for (const [name, control] of Object.entries(this.controls)) control.set(state[name]);
    const [now, turn] = [{ ...state }, ++this.turn];
    const late = (part) => this.late(now.scene, turn, part);
    const { tensor, z } = await this.source(now.scene);
    if (late("latent")) return;
    const coarse = quantise(z, now.bits);
    const painted = apply(coarse, toEdits(now.edits));
    this.channels.forEach((channel) => channel.draw(painted));
    show(this.before, pixels(tensor, SIDE));
    const answer = await this.host.ask("decode", { z: painted });
    if (!answer || late("picture")) return;
    show(this.canvas, answer.pixels);
    this.host.arrive();
    const plain = now.edits ? await this.host.ask("decode", { z: coarse }) : answer;
    if (!plain || late("change")) return;
    this.differ(answer.pixels, plain.pixels);
    const weights = await Zip.weighed(pixels(tensor, SIDE), plain.pixels);
    if (late("numbers")) return;
    this.tell(weights, now);
    this.host.meter(0);
    if (turn === this.turn) this.host.figure.toggleAttribute("data-settled", true);
  }

  /** @param {Uint8ClampedArray} painted @param {Uint8ClampedArray} plain */
  differ(painted, plain) {
    const rgba = painted.map((value, k) => (k % 4 === 3 ? 255 : 255 - 3 * Math.abs(value - plain[k])));
    show(this.change, rgba);
  }

  /** How good a picture came back, and the bytes of files as good. */
  static async weighed(original, back) {
    const quality = psnr(original, back);
    const [png, jpeg] = await Promise.all([pngBytes(original), jpegOfQuality(original, quality)]);
    return { quality, png, jpeg };
  }

  /** The meter: bytes of the latent, and of those files. */
  tell({ quality, png, jpeg }, { bits, edits }) {
    const latent = (NUMBERS * bits) / 8;
    const many = (bytes) => element("td", {}, `${bytes.toLocaleString("en")} bytes`);
    const row = (name, bytes) => element("tr", {}, element("th", { scope: "row" }, name), many(bytes));
    const asGood = jpeg ? [row(`JPEG of the same quality (${jpeg.quality} of 100)`, jpeg.bytes)] : [];
    const rows = [row(`latent, ${bits} bits a number`, latent), ...asGood, row("PNG, nothing lost", png)];
    this.table.replaceChildren(element("tbody", {}, ...rows));
    const count = toEdits(edits).size;
    const painting = count ? ` ${count} of 1,024 numbers painted.` : "";
    this.host.say(`The latent takes ${latent.toLocaleString("en")} bytes and gives ${quality.toFixed(1)} dB back${
      jpeg ? `; a JPEG as good takes ${jpeg.bytes.toLocaleString("en")}` : "; no JPEG is as bad"}.${painting}`);
  }

  /** What a link does not take along. */
  stays() {
    return this.host.state.scene === OWN ? "Your photo stays with you: the link opens with picture 1." : "";
  }

  /** Lines that make `picture`: as the page has it, or as near as a cell can come. @param {string} scene */
  picture(scene) {
    if (this.given.includes(scene)) {
      return `# The notebook gave ${quoted(scene)}: put its array, 128 x 128 x 3, in the place of the dots.
picture = ...`;
    }
    if (scene !== OWN) return `picture = render(sample(6, HELD_OUT_SEED)[${Number(scene) - 1}])`;
    return `# Your photo is on your device alone: put its name in the place of photo.jpg.
photo = ImageOps.fit(Image.open("photo.jpg").convert("RGB"), (128, 128))
picture = np.asarray(ImageOps.exif_transpose(photo))`;
  }

  /** A cell that decodes the same latent. */
  python() {
    const { scene, bits, edits } = this.host.state;
    const lines = [...toEdits(edits)].map(([key, value]) => `latent[0, ${key.split(".").join(", ")}] += ${value}`);
    return `import numpy as np
from course_utils.critters import render, sample
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.demos.nudge import encode
from course_utils.models import load, to_array
from PIL import Image, ImageOps

${this.picture(scene)}
vae, levels, reach = load("vae"), 2**${bits} - 1, 5.0
latent = encode(vae, picture).clamp(-reach, reach)
latent = ((latent + reach) / (2 * reach) * levels).round() / levels * 2 * reach - reach
${lines.map((line) => `${line}\n`).join("")}Image.fromarray(to_array(vae.decode(latent / vae.config.scaling_factor).sample)[0])`;
  }
}
