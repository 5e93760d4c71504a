/**
 * Weights as `course_utils.demos.packing` wrote them: safetensors with matrices in 8 bits, and how they fill the
 * external data of a graph.
 */

import { addProduct, scaled } from "./kernel.js";

/**
 * @typedef {{values: Int8Array | Uint16Array, shape: number[], scale: Uint16Array | null}} Packed
 * @typedef {{tensors: Map<string, Packed>, layout: [string, number[], boolean][]}} Weights
 */

const SCALE = ".scale";

/** Half precision, all 65,536 of it. @type {Float32Array | null} */
let halves = null;

/** @returns {Float32Array} */
function halfTable() {
  if (halves) return halves;
  halves = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
    halves[bits] = bits & 0x8000 ? -size : size;
  }
  return halves;
}

/**
 * @param {ArrayBuffer} buffer of a safetensors file
 * @returns {Weights}
 */
export function parse(buffer) {
  const size = Number(new DataView(buffer).getBigUint64(0, true));
  const { __metadata__: facts = {}, ...entries } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size)));
  const numbers = ({ dtype, data_offsets: [from, to] }) => {
    const bytes = buffer.slice(8 + size + from, 8 + size + to);
    return dtype === "I8" ? new Int8Array(bytes) : new Uint16Array(bytes);
  };
  const tensors = new Map();
  for (const [name, entry] of Object.entries(entries)) {
    if (name.endsWith(SCALE)) continue;
    const scale = entries[name + SCALE];
    tensors.set(name, { values: numbers(entry), shape: entry.shape, scale: scale ? numbers(scale) : null });
  }
  return { tensors, layout: JSON.parse(facts.layout ?? "[]") };
}

/** Float32 again. @param {Packed} packed @returns {Float32Array} */
export function unpack({ values, shape, scale }) {
  const table = halfTable();
  if (scale) return scaled(/** @type {Int8Array} */ (values), (row) => table[scale[row]], values.length / shape[0]);
  const numbers = new Float32Array(values.length);
  for (let k = 0; k < values.length; k++) numbers[k] = table[values[k]];
  return numbers;
}

/**
 * One tensor of a network: from the file that has it, with the low-rank differences of those behind it added.
 * @param {string} name @param {Weights[]} files a base first, then what changes it
 */
export function tensor(name, files) {
  const last = files.findLastIndex(({ tensors }) => tensors.has(`${name}.whole`)); // stands in the place of all before it
  const packed = files[last]?.tensors.get(`${name}.whole`) ?? files.find(({ tensors }) => tensors.has(name))?.tensors.get(name);
  if (!packed) throw new Error(`the weights lack ${name}`);
  const numbers = unpack(packed);
  for (const { tensors } of files.slice(last + 1)) {
    const [up, down] = [tensors.get(`${name}.up`), tensors.get(`${name}.down`)];
    if (up && down) addProduct(numbers, unpack(up), unpack(down), up.shape[1]);
  }
  return numbers;
}

/** @param {Float32Array} matrix @param {number[]} shape @returns {Float32Array} */
function transpose(matrix, [rows, columns]) {
  const turned = new Float32Array(matrix.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) turned[c * rows + r] = matrix[r * columns + c];
  return turned;
}

/**
 * The external data of a graph, in the order that the last file with a layout tells.
 * @param {Weights[]} files
 * @returns {Uint8Array}
 */
export function assemble(files) {
  const layout = files.findLast((file) => file.layout.length)?.layout ?? [];
  const counts = layout.map(([, shape]) => shape.reduce((a, b) => a * b, 1));
  const data = new Float32Array(counts.reduce((a, b) => a + b, 0));
  let offset = 0;
  for (const [k, [name, shape, transposed]] of layout.entries()) {
    const numbers = tensor(name, files);
    data.set(transposed ? transpose(numbers, shape) : numbers, offset);
    offset += counts[k];
  }
  return new Uint8Array(data.buffer);
}
