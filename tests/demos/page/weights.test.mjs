import assert from "node:assert/strict";
import test from "node:test";
import { addProduct, scaled } from "../../../book/web/live/kernel.js";
import { assemble, parse, tensor } from "../../../book/web/live/weights.js";

/** A safetensors file of small tensors. */
function file(tensors, layout) {
  const header = layout ? { __metadata__: { layout: JSON.stringify(layout) } } : {};
  const bytes = [];
  for (const [name, { dtype, shape, values }] of Object.entries(tensors)) {
    const data = [...new Uint8Array((dtype === "I8" ? Int8Array : Uint16Array).from(values).buffer)];
    header[name] = { dtype, shape, data_offsets: [bytes.length, bytes.length + data.length] };
    bytes.push(...data);
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const whole = new Uint8Array(8 + text.length + bytes.length);
  new DataView(whole.buffer).setBigUint64(0, BigInt(text.length), true);
  whole.set(text, 8);
  whole.set(bytes, 8 + text.length);
  return whole.buffer;
}

const HALF = { one: 0x3c00, two: 0x4000, minusHalf: 0xb800, smallest: 0x0001 };
const base = parse(file(
  {
    matrix: { dtype: "I8", shape: [2, 3], values: [1, -2, 3, 4, 5, -127] },
    "matrix.scale": { dtype: "F16", shape: [2], values: [HALF.one, HALF.two] },
    bias: { dtype: "F16", shape: [2], values: [HALF.minusHalf, HALF.smallest] },
  },
  [["bias", [2], false], ["matrix", [2, 3], true]],
));

test("8 bits come back with the scale of their row, half precision as it is", () => {
  assert.deepEqual([...tensor("matrix", [base])], [1, -2, 3, 8, 10, -254]);
  assert.deepEqual([...tensor("bias", [base])], [-0.5, 2 ** -24]);
});

test("the external data is filled in the order of the layout, transposed where the graph wants it", () => {
  assert.deepEqual([...new Float32Array(assemble([base]).buffer)], [-0.5, Math.fround(2 ** -24), 1, 8, -2, 10, 3, -254]);
});

test("a student's difference is added, or stands in the place of what it replaces", () => {
  const difference = parse(file({
    "matrix.up": { dtype: "F16", shape: [2, 1], values: [HALF.one, HALF.two] },
    "matrix.down": { dtype: "F16", shape: [1, 3], values: [HALF.one, 0, HALF.two] },
    "bias.whole": { dtype: "F16", shape: [2], values: [HALF.one, HALF.one] },
  }));
  assert.deepEqual([...tensor("matrix", [base, difference])], [2, -2, 5, 10, 10, -250]);
  assert.deepEqual([...tensor("bias", [base, difference])], [1, 1]);
});

test("a difference to a difference is added to what stands before it", () => {
  const first = parse(file({ "matrix.whole": { dtype: "F16", shape: [2, 3], values: Array(6).fill(HALF.one) } }));
  const second = parse(file({
    "matrix.up": { dtype: "F16", shape: [2, 1], values: [HALF.one, HALF.two] },
    "matrix.down": { dtype: "F16", shape: [1, 3], values: [HALF.one, 0, HALF.two] },
  }));
  assert.deepEqual([...tensor("matrix", [base, second, first])], [1, 1, 1, 1, 1, 1]);
  assert.deepEqual([...tensor("matrix", [base, first, second])], [2, 1, 3, 3, 1, 5]);
});

test("four at a time gives what one at a time gives", () => {
  const columns = 8;
  const row = Array.from({ length: columns + 1 }, (_, k) => 7 * k - 25);
  const [q, scale] = [Int8Array.from([...row, ...row.map((value) => -value)]), (o) => [0.5, 3][o]];
  const even = scaled(Int8Array.from([...q.slice(0, columns), ...q.slice(columns + 1, 2 * columns + 1)]), scale, columns);
  const odd = scaled(q, scale, columns + 1);
  assert.deepEqual([...even.slice(0, columns), ...even.slice(columns)], [...odd.slice(0, columns), ...odd.slice(columns + 1, -1)]);
  const [u, d] = [Float32Array.from([1, -2, 0.5, 4, 3, 1]), Float32Array.from({ length: 3 * columns }, (_, k) => k - 11)];
  addProduct(even, u, d, 3);
  const plain = (o, c) => scale(o) * (o ? -row[c] : row[c]) + [0, 1, 2].reduce((sum, r) => sum + u[3 * o + r] * d[r * columns + c], 0);
  for (const o of [0, 1]) for (let c = 0; c < columns; c++) assert.equal(even[o * columns + c], plain(o, c));
});

test("a graph that shares its weights brings its order and the few numbers of its own", () => {
  const own = parse(file({ constant: { dtype: "F16", shape: [1], values: [HALF.two] } }, [["constant", [1], false], ["bias", [2], false]]));
  assert.deepEqual([...new Float32Array(assemble([base, own]).buffer)], [2, -0.5, Math.fround(2 ** -24)]);
});

test("a tensor that is not there is named", () => {
  assert.throws(() => tensor("other", [base]), /lack other/);
});
