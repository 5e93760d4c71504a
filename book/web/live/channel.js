/** One channel of a latent: 16 x 16 numbers as colours, painted by pointer, or by arrow keys and the space bar. */

import { element } from "./controls.js";
import { browsers } from "./gestures.js";

const SIDE = 16;
const REACH = 3;
const KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const [LOW, HIGH] = [[47, 111, 178], [216, 104, 26]];
const PAPER = [251, 248, 242];

export class Channel {
  /** @param {number} index @param {(row: number, column: number) => void} paint */
  constructor(index, paint) {
    this.index = index;
    this.paint = paint;
    [this.row, this.column] = [8, 8];
    this.canvas = element("canvas", { width: SIDE, height: SIDE, "aria-hidden": "true" });
    this.node = element("div", { class: "demo-channel", role: "slider", tabindex: 0, "aria-valuemin": 0, "aria-valuemax": 255,
      "aria-label": `Channel ${index + 1}: arrow keys choose a cell, the space bar paints it` }, this.canvas);
    this.node.addEventListener("pointerdown", (event) => this.press(event));
    this.node.addEventListener("pointermove", (event) => event.buttons && this.press(event));
    this.node.addEventListener("keydown", (event) => this.key(event));
    this.node.addEventListener("focus", () => this.tell());
    this.tell();
  }

  /** @param {PointerEvent} event */
  press(event) {
    const box = this.canvas.getBoundingClientRect();
    const cell = (offset, length) => Math.min(SIDE - 1, Math.max(0, Math.floor((offset / length) * SIDE)));
    const [row, column] = [cell(event.clientY - box.top, box.height), cell(event.clientX - box.left, box.width)];
    if (event.type === "pointermove" && row === this.row && column === this.column) return;
    [this.row, this.column] = [row, column];
    this.tell();
    this.paint(row, column);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const move = KEYS[event.key];
    if (browsers(event) || (!move && event.key !== " " && event.key !== "Enter")) return;
    event.preventDefault();
    if (move) {
      this.row = Math.min(SIDE - 1, Math.max(0, this.row + move[0]));
      this.column = Math.min(SIDE - 1, Math.max(0, this.column + move[1]));
      this.tell();
      this.draw(this.numbers);
    } else this.paint(this.row, this.column);
  }

  tell() {
    this.node.setAttribute("aria-valuenow", String(this.row * SIDE + this.column));
    this.node.setAttribute("aria-valuetext", `row ${this.row + 1}, column ${this.column + 1}`);
  }

  /** @param {Float32Array | undefined} z the whole latent */
  draw(z) {
    if (!z) return;
    this.numbers = z;
    const image = new ImageData(SIDE, SIDE);
    for (let k = 0; k < SIDE * SIDE; k++) {
      const value = z[this.index * SIDE * SIDE + k];
      const share = Math.min(1, Math.abs(value) / REACH);
      const end = value < 0 ? LOW : HIGH;
      for (let c = 0; c < 3; c++) image.data[4 * k + c] = PAPER[c] + share * (end[c] - PAPER[c]);
      image.data[4 * k + 3] = 255;
    }
    const pen = this.canvas.getContext("2d");
    pen?.putImageData(image, 0, 0);
    if (pen && document.activeElement === this.node) {
      pen.fillStyle = "rgba(43, 42, 51, 0.6)";
      pen.fillRect(this.column, this.row, 1, 1);
    }
  }
}
