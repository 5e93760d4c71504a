/** The edges that one can begin to draw with, and the Python that reads a drawing. */

import { opened } from "./addresses.js";
import { SIDE } from "./figure.js";
import { quoted } from "./state.js";
import { toStrokes, toText } from "./sketch.js";
import { SPECIES, STANCES } from "./words.js";

/** Edges of a species in a stance, 128 x 128 from 0 to 255. @returns {Promise<(...words: string[]) => Uint8Array>} */
export async function edgesOfAnimals() {
  const sheet = await createImageBitmap(await (await opened("models/edges.png")).blob(), { colorSpaceConversion: "none" });
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  return (species, stance, facing) => {
    const left = SIDE * (SPECIES.indexOf(species) * STANCES.length + STANCES.indexOf(stance));
    pen.drawImage(sheet, left, 0, SIDE, SIDE, 0, 0, SIDE, SIDE);
    const { data } = pen.getImageData(0, 0, SIDE, SIDE);
    const mirrored = (k) => (facing === "left" ? k + SIDE - 1 - 2 * (k % SIDE) : k);
    return Uint8Array.from({ length: SIDE * SIDE }, (_, k) => data[4 * mirrored(k)]);
  };
}

/**
 * A cell that draws the same picture.
 * @param {any} state @param {{role: string, steps: number, conditioning: number, prompt: string}} how
 */
export function pythonOfEdges(state, { role, steps, conditioning, prompt }) {
  const [species, stance, facing] = [state.species, state.figure, state.facing].map(quoted);
  const scene = `Scene(${species}, stance=${stance}, facing=${facing}, size=0.65)`;
  return `from course_utils.critters import Scene, edge_map
from course_utils.demos.sketch import sketched
from course_utils.diffusion.generate import TextToImage
from PIL import Image

draw = TextToImage.load(${quoted(role)}, condition="edge")
lines = ${quoted(toText(toStrokes(state.lines)))}
edges = sketched(lines${state.under ? `, edge_map(${scene})` : ""})
options = {"control_map": edges, "conditioning_scale": ${conditioning}, "steps": ${steps}}
Image.fromarray(draw([${quoted(prompt)}], seeds=[${state.seed}], **options)[0])`;
}
