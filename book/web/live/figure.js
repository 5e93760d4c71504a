/**
 * The stick figure: its bones drawn as a ControlNet was shown them in training, by the same rules as
 * `course_utils.critters.draw_pose`; and moves of its joints as text for the address.
 */

import { quoted, within } from "./state.js";

export const SIDE = 128;
const FINE = 4; // each pixel is the mean of 4 x 4
const THICK = Math.round(0.026 * SIDE * FINE);
const DOT = 0.019 * SIDE * FINE + 0.5; // as Pillow rounds circles up, and lines to the left and above
const LEAN = -0.5;

/** @typedef {Record<string, [number, number]>} Joints pixels of 128, by name */
/** @typedef {[string, string, [number, number, number]]} Bone two joints and a colour */

/**
 * The map.
 * @param {Joints} joints @param {Bone[]} bones
 * @returns {Float32Array} 3 x 128 x 128 in [0, 1]
 */
export function drawPose(joints, bones) {
  const side = SIDE * FINE;
  const owner = new Uint8Array(side * side); // which bone's colour, 0 for none
  const at = (name) => joints[name].map((value) => value * FINE + LEAN);
  for (const [k, [start, end]] of bones.entries()) paint(owner, k + 1, at(start), at(end), THICK / 2, false);
  for (const [k, [, end]] of bones.entries()) paint(owner, k + 1, at(end), at(end), DOT, true);
  const map = new Float32Array(3 * SIDE * SIDE);
  for (let k = 0; k < owner.length; k++) {
    if (!owner[k]) continue;
    const pixel = (Math.floor(k / side / FINE)) * SIDE + Math.floor((k % side) / FINE);
    const colour = bones[owner[k] - 1][2];
    for (let c = 0; c < 3; c++) map[c * SIDE * SIDE + pixel] += colour[c];
  }
  return map.map((sum) => Math.round(sum / FINE ** 2) / 255);
}

/** All places nearer than `reach` to the line; beyond its ends only where it is round. */
function paint(owner, colour, [x0, y0], [x1, y1], reach, round) {
  const side = SIDE * FINE;
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  const bounds = (a, b) =>
    [Math.max(0, Math.floor(Math.min(a, b) - reach)), Math.min(side - 1, Math.ceil(Math.max(a, b) + reach))];
  const [[left, right], [top, bottom]] = [bounds(x0, x1), bounds(y0, y1)];
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const share = length ? ((x - x0) * dx + (y - y0) * dy) / length : 0;
      if (!round && (share < 0 || share > 1)) continue;
      if ((x - x0 - share * dx) ** 2 + (y - y0 - share * dy) ** 2 <= reach * reach) owner[y * side + x] = colour;
    }
  }
}

/** @param {number} value */
const inside = (value) => Math.min(SIDE - 1, Math.max(0, Math.round(value * 10) / 10));

/** Joints after moves. @param {Joints} joints @param {Map<string, [number, number]>} moves @returns {Joints} */
export function moved(joints, moves) {
  return Object.fromEntries(Object.entries(joints).map(([name, [x, y]]) => {
    const [right, down] = moves.get(name) ?? [0, 0];
    return [name, [inside(x + right), inside(y + down)]];
  }));
}

/**
 * Moves of joints that there are, none of them further than through the whole picture.
 * @param {string} text "nose=5,-3;neck=1,0" @param {string[]} joints @returns {Map<string, [number, number]>}
 */
export function toMoves(text, joints) {
  const moves = new Map();
  const reach = (value) => within(Number(value), [-SIDE, SIDE, 0]);
  for (const part of text.split(";")) {
    const [, name, right, down] = part.match(/^(\w+)=(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)$/) ?? [];
    if (joints.includes(name)) moves.set(name, [reach(right), reach(down)]);
  }
  return moves;
}

/** @param {Map<string, [number, number]>} moves */
export function toText(moves) {
  return [...moves].map(([name, [right, down]]) => `${name}=${right},${down}`).join(";");
}

/**
 * A cell that draws the same picture.
 * @param {any} state
 * @param {{role: string, steps: number, conditioning: number, prompt: string, moves: Map<string, [number, number]>,
 *   checkpoint: number | null}} how `checkpoint`: of the training; none at its end
 */
export function pythonOfPose(state, { role, steps, conditioning, prompt, moves, checkpoint }) {
  const [species, stance, facing] = [state.species, state.figure, state.facing].map(quoted);
  const lines = [...moves].map(([name, [x, y]]) => `joints = moved(joints, ${quoted(name)}, ${x}, ${y})\n`);
  return `from course_utils.critters import Scene, draw_pose, keypoints
${checkpoint ? "from course_utils.demos.control import checkpoint\n" : ""}from course_utils.demos.skeleton import moved
from course_utils.diffusion.generate import TextToImage
from PIL import Image

scene = Scene(${species}, stance=${stance}, facing=${facing}, size=0.65)
draw = TextToImage.load(${quoted(role)}, condition="pose")
${checkpoint ? `draw.control = checkpoint(${checkpoint})\n` : ""}joints = keypoints(scene)
${lines.join("")}prompt = ${quoted(prompt)}
options = {"control_map": draw_pose(joints), "conditioning_scale": ${conditioning}, "steps": ${steps}}
Image.fromarray(draw([prompt], seeds=[${state.seed}], **options)[0])`;
}
