/** The zip file: what a VAE keeps of a picture, in four channels that one can paint on, and what that weighs. */

import { button, element, menu, range } from "../controls.js";
import { Channel } from "../channel.js";
import { pixels, show, tensorOf } from "../picture.js";
import { jpegOfQuality, photo, pngBytes, psnr, scenes } from "../files.js";
import { apply, quantise, toEdits, toText } from "../latent.js";

const OWN = "your photo";
const SCENES = ["1", "2", "3", "4", "5", "6"];
const SIDE = 128;
const NUMBERS = 1024;

export default class Zip {
  static title = "The zip file: what a latent keeps";

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
    /** @type {Map<string, {tensor: Float32Array, z: Float32Array}>} */
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

  /** The present picture and its latent; encoded once. */
  async source() {
    const { scene } = this.host.state;
    let found = this.sources.get(scene);
    if (!found) {
      const given = this.given.includes(scene);
      const tensor = tensorOf(await (given ? this.host.link.picture(scene).then(photo) : scenes(Number(scene) - 1)));
      found = { tensor, z: (await this.host.runtime.ask("encode", { picture: tensor })).z };
      this.sources.set(scene, found);
    }
    return found;
  }

  /** @param {File | undefined} file */
  async take(file) {
    if (!file) return;
    try {
      const tensor = tensorOf(await photo(file));
      this.sources.set(OWN, { tensor, z: (await this.host.runtime.ask("encode", { picture: tensor })).z });
    } catch {
      this.host.say("This file could not be read as a picture. Try a JPEG or a PNG.");
      return;
    }
    const { input } = this.controls.scene;
    if (![...input.options].some((option) => option.value === OWN)) input.append(element("option", {}, OWN));
    await this.host.set({ scene: OWN, edits: "" });
  }

  /** Add the brush to one number. @param {number} channel @param {number} row @param {number} column */
  paint(channel, row, column) {
    const edits = toEdits(this.host.state.edits);
    const key = `${channel}.${row}.${column}`;
    edits.set(key, this.host.state.brush);
    this.host.set({ edits: toText(edits) });
  }

  async update() {
    const { state } = this.host;
    const known = [...this.given, ...SCENES, ...(this.sources.has(OWN) ? [OWN] : [])];
    if (!known.includes(String(state.scene))) [state.scene] = SCENES;
    for (const [name, control] of Object.entries(this.controls)) control.set(state[name]);
    const now = { ...state };
    const { tensor, z } = await this.source();
    const kept = quantise(z, now.bits);
    const painted = apply(kept, toEdits(now.edits));
    this.channels.forEach((channel) => channel.draw(painted));
    show(this.before, pixels(tensor, SIDE));
    const answer = await this.host.ask("decode", { z: painted });
    if (!answer) return;
    show(this.canvas, answer.pixels);
    this.host.arrive();
    const plain = now.edits ? await this.host.ask("decode", { z: kept }) : answer;
    if (!plain) return;
    this.differ(answer.pixels, plain.pixels);
    await this.weigh(pixels(tensor, SIDE), plain.pixels, now);
    this.host.meter(0);
    this.host.figure.toggleAttribute("data-settled", true);
  }

  /** @param {Uint8ClampedArray} painted @param {Uint8ClampedArray} plain */
  differ(painted, plain) {
    const rgba = painted.map((value, k) => (k % 4 === 3 ? 255 : 255 - 3 * Math.abs(value - plain[k])));
    show(this.change, rgba);
  }

  /** The meter: bytes of the latent, and of files as good. */
  async weigh(original, back, { bits, edits }) {
    const quality = psnr(original, back);
    const [png, jpeg] = await Promise.all([pngBytes(original), jpegOfQuality(original, quality)]);
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

  /** A cell that decodes the same latent. */
  python() {
    const { scene, bits, edits } = this.host.state;
    const lines = [...toEdits(edits)].map(([key, value]) => `latent[0, ${key.split(".").join(", ")}] += ${value}`);
    const own = `np.asarray(Image.open("${scene}").convert("RGB").resize((128, 128)))`;
    const picture = !SCENES.includes(scene) ? own : `render(sample(6, HELD_OUT_SEED)[${Number(scene) - 1}])`;
    return `import numpy as np
from course_utils.critters import render, sample
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.demos.nudge import encode
from course_utils.models import load, to_array
from PIL import Image

vae, levels, reach = load("vae"), 2**${bits} - 1, 5.0
latent = encode(vae, ${picture}).clamp(-reach, reach)
latent = ((latent + reach) / (2 * reach) * levels).round() / levels * 2 * reach - reach
${lines.map((line) => `${line}\n`).join("")}Image.fromarray(to_array(vae.decode(latent / vae.config.scaling_factor).sample)[0])`;
  }
}
