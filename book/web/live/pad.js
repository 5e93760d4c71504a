/** A square in which a cursor is dragged, or moved by the arrow keys. It shows the corners and where one has been. */

import { element } from "./controls.js";
import { browsers, dragged } from "./gestures.js";

const SIDE = 384;
const STEP = 0.05;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
const CORNER = 0.26;
const PLACE = 0.13;
const EDGE = 14;

/** @param {number} value */
const inside = (value) => Math.min(1, Math.max(0, Math.round(value * 100) / 100));

export class Pad {
  /**
   * @param {string} x name of the value to the right @param {string} y name of the value upwards
   * @param {[string, string, string, string]} ends what lies left, right, below and above
   * @param {any} start @param {(place: any) => void} moved
   */
  constructor(x, y, [left, right, below, above], start, moved) {
    [this.x, this.y, this.moved] = [x, y, moved];
    this.at = { [x]: start[x], [y]: start[y] };
    /** @type {any[]} */
    this.corners = [];
    this.of = ""; // whose these are
    this.canvas = element("canvas", { width: SIDE, height: SIDE, "aria-hidden": "true" });
    this.handle = element("div", { class: "demo-pad", role: "slider", tabindex: 0, "aria-valuemin": 0, "aria-valuemax": 100,
      "aria-label": `Cursor on the plane, ${x} to the right, ${y} upwards; the arrow keys move it` }, this.canvas);
    const drag = (event) => this.drag(event);
    dragged(this.handle, { begin: drag, go: drag });
    this.handle.addEventListener("keydown", (event) => this.press(event));
    const axes = [`← ${left}`, `↓ ${below}, ${above} ↑`, `${right} →`].map((text) => element("span", {}, text));
    this.node = element("div", { class: "demo-pad-frame" }, this.handle,
      element("div", { class: "demo-axis", "aria-hidden": "true" }, ...axes));
  }

  /** @param {PointerEvent} event */
  drag(event) {
    const box = this.canvas.getBoundingClientRect();
    const edge = (EDGE * box.width) / SIDE;
    const share = (from, length) => inside((from - edge) / (length - 2 * edge));
    this.moved({ [this.x]: share(event.clientX - box.left, box.width), [this.y]: share(box.bottom - event.clientY, box.height) });
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const direction = KEYS[event.key];
    if (!direction || browsers(event)) return;
    event.preventDefault();
    const [right, up] = direction.map((way) => way * (event.shiftKey ? 4 * STEP : STEP));
    this.moved({ [this.x]: inside(this.at[this.x] + right), [this.y]: inside(this.at[this.y] + up) });
  }

  /**
   * Draw corners, trail and cursor.
   * @param {any} place @param {{state: any, thumb: HTMLCanvasElement}[]} trail
   */
  place(place, trail) {
    this.at = { [this.x]: place[this.x], [this.y]: place[this.y] };
    this.handle.setAttribute("aria-valuenow", String(Math.round(100 * place[this.x])));
    this.handle.setAttribute("aria-valuetext", `${place[this.x].toFixed(2)} ${this.x}, ${place[this.y].toFixed(2)} ${this.y}`);
    const pen = this.canvas.getContext("2d");
    if (!pen) return;
    pen.clearRect(0, 0, SIDE, SIDE);
    for (const { thumb, ...corner } of this.corners) this.picture(pen, thumb, corner, CORNER, 1);
    for (const { thumb, state } of trail) this.picture(pen, thumb, state, PLACE, 0.9);
    this.cursor(pen);
  }

  /** Where on the canvas a place lies. @param {any} place */
  point(place) {
    const reach = SIDE - 2 * EDGE;
    return [EDGE + reach * place[this.x], SIDE - EDGE - reach * place[this.y]];
  }

  /** @param {CanvasRenderingContext2D} pen @param {HTMLCanvasElement} thumb @param {any} place @param {number} share
   * @param {number} opacity */
  picture(pen, thumb, place, share, opacity) {
    const side = share * SIDE;
    const [x, y] = this.point(place).map((middle) => Math.min(SIDE - side, Math.max(0, middle - side / 2)));
    pen.globalAlpha = opacity;
    pen.drawImage(thumb, x, y, side, side);
    pen.globalAlpha = 1;
  }

  /** @param {CanvasRenderingContext2D} pen */
  cursor(pen) {
    const [x, y] = this.point(this.at);
    for (const [radius, colour] of [[11, "#fffdf9"], [8, "#69398f"]]) {
      pen.beginPath();
      pen.arc(x, y, Number(radius), 0, 2 * Math.PI);
      pen.fillStyle = String(colour);
      pen.fill();
    }
  }
}
