/** A stick figure whose joints are dragged, or moved by the arrow keys; behind it, faintly, the animal that follows. */

import { element } from "./controls.js";
import { SIDE } from "./figure.js";
import { browsers, dragged } from "./gestures.js";

const ZOOM = 3;
const HANDLE = 7;
const FAINT = 0.35;
const STEP = 2;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

export class Puppet {
  /**
   * @param {import("./figure.js").Bone[]} bones
   * @param {(name: string, place: [number, number]) => void} move @param {(name: string) => void} choose
   */
  constructor(bones, move, choose) {
    [this.bones, this.move, this.choose] = [bones, move, choose];
    this.chosen = "";
    /** @type {import("./figure.js").Joints} */
    this.joints = {};
    this.canvas = element("canvas", { width: SIDE * ZOOM, height: SIDE * ZOOM, "aria-hidden": "true" });
    this.node = element("div", { class: "demo-pad demo-puppet", role: "slider", tabindex: 0, "aria-valuemin": 0,
      "aria-valuemax": SIDE - 1 }, this.canvas);
    const go = (event) => this.move(this.chosen, this.place(event));
    dragged(this.node, { begin: (event) => this.grab(event), go });
    this.node.addEventListener("keydown", (event) => this.press(event));
  }

  /** @param {PointerEvent} event @returns {[number, number]} in pixels of the map */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  }

  /** Take the nearest joint. @param {PointerEvent} event */
  grab(event) {
    const [x, y] = this.place(event);
    const far = (name) => Math.hypot(this.joints[name][0] - x, this.joints[name][1] - y);
    this.choose(Object.keys(this.joints).reduce((best, name) => (far(name) < far(best) ? name : best)));
  }

  /** Arrows move the joint, faster with shift; Page Up and Page Down take another. @param {KeyboardEvent} event */
  press(event) {
    if (browsers(event)) return;
    const [names, turn] = [Object.keys(this.joints), { PageUp: -1, PageDown: 1 }[event.key]];
    if (turn) this.choose(names[(names.indexOf(this.chosen) + turn + names.length) % names.length]);
    const direction = KEYS[event.key];
    if (direction) {
      const [x, y] = this.joints[this.chosen];
      const reach = event.shiftKey ? 4 * STEP : STEP;
      this.move(this.chosen, [x + reach * direction[0], y + reach * direction[1]]);
    }
    if (turn || direction) event.preventDefault();
  }

  /** @param {import("./figure.js").Joints} joints @param {string} chosen @param {HTMLCanvasElement} behind */
  draw(joints, chosen, behind) {
    [this.joints, this.chosen] = [joints, chosen];
    const [x, y] = joints[chosen];
    const name = chosen.replaceAll("_", " ");
    this.node.setAttribute("aria-label", `Joint ${name}: arrow keys move it, Page Up and Page Down choose another`);
    this.node.setAttribute("aria-valuenow", String(Math.round(x)));
    this.node.setAttribute("aria-valuetext", `${name}: ${Math.round(x)} from the left, ${Math.round(y)} from the top`);
    const pen = this.canvas.getContext("2d");
    if (!pen) return;
    pen.setTransform(ZOOM, 0, 0, ZOOM, 0, 0);
    pen.globalAlpha = 1;
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, SIDE, SIDE);
    pen.globalAlpha = FAINT;
    pen.drawImage(behind, 0, 0, SIDE, SIDE);
    pen.globalAlpha = 1;
    for (const [start, end, colour] of this.bones) this.bone(pen, joints[start], joints[end], `rgb(${colour})`);
    for (const [name, place] of Object.entries(joints)) this.handle(pen, place, name === chosen);
  }

  /** @param {CanvasRenderingContext2D} pen */
  bone(pen, [x0, y0], [x1, y1], colour) {
    pen.strokeStyle = colour;
    pen.lineWidth = 0.026 * SIDE;
    pen.beginPath();
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    pen.stroke();
  }

  /** @param {CanvasRenderingContext2D} pen @param {number[]} place @param {boolean} chosen */
  handle(pen, [x, y], chosen) {
    pen.beginPath();
    pen.arc(x, y, (chosen ? HANDLE : HANDLE - 2.5) / ZOOM * 1.4, 0, 2 * Math.PI);
    pen.fillStyle = chosen ? "#69398f" : "#fffdf9";
    pen.strokeStyle = chosen ? "#fffdf9" : "#2b2a33";
    pen.lineWidth = 0.8;
    pen.fill();
    pen.stroke();
  }
}
