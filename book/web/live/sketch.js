/**
 * Edges drawn by hand, as a ControlNet for edges was shown them in training: thin white lines on black, drawn by the same
 * rules as `course_utils.demos.sketch`; and the pad that they are drawn on, by mouse, touch or arrow keys.
 */

import { element } from "./controls.js";
import { SIDE } from "./figure.js";
import { browsers, dragged } from "./gestures.js";

const FINE = 4; // each pixel is the mean of 4 x 4
const REACH = 2.25; // half a line's width, in fine pixels
const APART = 2; // pixels between two points of a line
const ZOOM = 3;
const FAINT = 0.35;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/** @typedef {[number, number][]} Stroke whole pixels of 128 */

/** @param {string} text "12.34_15.40-40.50": two lines, the second of one point @returns {Stroke[]} */
export function toStrokes(text) {
  const points = (part) => part.split("_").map((point) => point.match(/^(\d{1,3})\.(\d{1,3})$/)?.slice(1).map(Number));
  const inside = (point) => point?.every((value) => value < SIDE);
  return /** @type {Stroke[]} */ (text.split("-").map((part) => points(part).filter(inside)).filter((part) => part.length));
}

/** @param {Stroke[]} strokes */
export function toText(strokes) {
  return strokes.map((stroke) => stroke.map(([x, y]) => `${x}.${y}`).join("_")).join("-");
}

/**
 * Lines over edges that are there.
 * @param {Stroke[]} strokes @param {Uint8Array | null} under 128 x 128 from 0 to 255
 * @returns {Float32Array} 128 x 128 in [0, 1]
 */
export function drawLines(strokes, under) {
  const side = SIDE * FINE;
  const lit = new Uint8Array(side * side);
  for (const stroke of strokes) stroke.forEach((point, k) => paint(lit, stroke[Math.max(0, k - 1)], point));
  const sums = new Float32Array(SIDE * SIDE);
  for (let k = 0; k < lit.length; k++) sums[Math.floor(k / side / FINE) * SIDE + Math.floor((k % side) / FINE)] += lit[k];
  return sums.map((sum, k) => Math.max(Math.round((255 * sum) / FINE ** 2), under?.[k] ?? 0) / 255);
}

/** All fine pixels whose middle is near enough to a line between two pixels' middles. */
function paint(lit, from, to) {
  const [[x0, y0], [x1, y1]] = [from, to].map((point) => point.map((value) => (value + 0.5) * FINE - 0.5));
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy || 1;
  const bounds = (a, b) =>
    [Math.max(0, Math.floor(Math.min(a, b) - REACH)), Math.min(SIDE * FINE - 1, Math.ceil(Math.max(a, b) + REACH))];
  const [[left, right], [top, bottom]] = [bounds(x0, x1), bounds(y0, y1)];
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const share = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / length));
      if ((x - x0 - share * dx) ** 2 + (y - y0 - share * dy) ** 2 <= REACH * REACH) lit[y * SIDE * FINE + x] = 1;
    }
  }
}

export class Sketch {
  /** @param {(strokes: Stroke[]) => void} change after each stretch of a line */
  constructor(change) {
    this.change = change;
    /** @type {Stroke[]} */
    this.strokes = [];
    [this.pen, this.down] = [[64, 64], false];
    this.canvas = element("canvas", { width: SIDE * ZOOM, height: SIDE * ZOOM, "aria-hidden": "true" });
    this.node = element("div", { class: "demo-pad demo-sketch", role: "slider", tabindex: 0, "aria-valuemin": 0,
      "aria-valuemax": SIDE - 1, "aria-label": "Pen: arrow keys move it, the space bar puts it down and lifts it" }, this.canvas);
    const go = (event) => this.go(this.place(event));
    dragged(this.node, { begin: (event) => this.begin(event), go, end: () => this.lift() });
    this.node.addEventListener("keydown", (event) => this.press(event));
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  }

  /** @param {PointerEvent} event */
  begin(event) {
    this.down = false;
    this.go(this.place(event));
    this.lower();
  }

  /** The pen up: no line goes on. */
  lift() {
    this.down = false;
    this.show();
  }

  /** Put the pen down: a line begins. */
  lower() {
    this.down = true;
    this.strokes = [...this.strokes, [/** @type {[number, number]} */ ([...this.pen])]];
    this.change(this.strokes);
  }

  /** The pen to a place; drawing, if it is down. @param {number[]} place */
  go(place) {
    const [x, y] = place.map((value) => Math.min(SIDE - 1, Math.max(0, Math.floor(value))));
    if (this.down && Math.hypot(x - this.pen[0], y - this.pen[1]) < APART) return;
    this.pen = [x, y];
    if (!this.down) return this.show();
    this.strokes = [...this.strokes.slice(0, -1), [...(this.strokes.at(-1) ?? []), [x, y]]];
    return this.change(this.strokes);
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (browsers(event)) return;
    const direction = KEYS[event.key];
    if (direction) {
      const reach = (event.shiftKey ? 4 : 1) * APART;
      this.go([this.pen[0] + reach * direction[0], this.pen[1] + reach * direction[1]]);
    } else if (event.key === " ") {
      if (this.down) this.lift();
      else this.lower();
    }
    if (direction || event.key === " ") event.preventDefault();
  }

  /** @param {Stroke[]} strokes @param {Uint8Array | null} under @param {HTMLCanvasElement} behind */
  draw(strokes, under, behind) {
    [this.strokes, this.under, this.behind] = [strokes, under, behind];
    this.show();
  }

  /** The lines, the pen, and faintly the animal. */
  show() {
    const [x, y] = this.pen;
    this.node.setAttribute("aria-valuenow", String(x));
    this.node.setAttribute("aria-valuetext", `${x} from the left, ${y} from the top, ${this.down ? "down" : "lifted"}`);
    const pen = this.canvas.getContext("2d");
    if (!pen || !this.behind) return;
    const grey = drawLines(this.strokes, this.under ?? null);
    const lines = element("canvas", { width: SIDE, height: SIDE });
    const rgba = new Uint8ClampedArray(4 * SIDE * SIDE).map((_, k) => (k % 4 === 3 ? 255 * grey[k >> 2] : 255));
    lines.getContext("2d")?.putImageData(new ImageData(rgba, SIDE, SIDE), 0, 0);
    pen.setTransform(ZOOM, 0, 0, ZOOM, 0, 0);
    [pen.fillStyle, pen.globalAlpha] = ["#000", 1];
    pen.fillRect(0, 0, SIDE, SIDE);
    pen.globalAlpha = FAINT;
    pen.drawImage(this.behind, 0, 0, SIDE, SIDE);
    pen.globalAlpha = 1;
    pen.drawImage(lines, 0, 0);
    pen.beginPath();
    pen.arc(x + 0.5, y + 0.5, 2, 0, 2 * Math.PI);
    [pen.fillStyle, pen.strokeStyle, pen.lineWidth] = [this.down ? "#69398f" : "transparent", "#fffdf9", 0.8];
    pen.fill();
    pen.stroke();
  }
}
