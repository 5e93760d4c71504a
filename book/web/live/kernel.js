/**
 * Two loops over millions of numbers, four at a time: a student's weights are put together while a reader waits. They are
 * written down here as the bytes of a WebAssembly module, each with its name; whatever does not come in fours, and browsers
 * without SIMD, take the plain loops below.
 */

const [I32, F32, VOID] = [0x7f, 0x7d, 0x40];
const get = (local) => [0x20, local];
const set = (local) => [0x21, local];
const move = (local, bytes) => [...get(local), 0x41, bytes, 0x6a, ...set(local)]; // local += bytes
const [LOAD, STORE, LOAD_4_BYTES] = [[0xfd, 0x00, 0, 0], [0xfd, 0x0b, 0, 0], [0xfd, 0x5c, 0, 0]];
const [SPLAT, ADD, MULTIPLY] = [[0xfd, 0x13], [0xfd, 0xe4, 0x01], [0xfd, 0xe6, 0x01]];
const BYTES_TO_FLOATS = [0xfd, 0x87, 0x01, 0xfd, 0xa7, 0x01, 0xfd, 0xfa, 0x01]; // to 16 bits, to 32, to float32
const [TO, FROM, END, FACTOR] = [0, 1, 2, 3]; // the locals: two addresses, the end of the first, a number

/** Repeat until `TO` has come to `END`. @param {number[]} body @param {number} bytes that `FROM` moves by */
const loop = (body, bytes) => [0x03, VOID, ...get(TO), ...body, ...STORE, ...move(TO, 16), ...move(FROM, bytes), ...get(TO),
  ...get(END), 0x49, 0x0d, 0, 0x0b, 0x0b]; // branch back if less, end, end

const factor = [...get(FACTOR), ...SPLAT, ...MULTIPLY];
const BODIES = {
  scale: loop([...get(FROM), ...LOAD_4_BYTES, ...BYTES_TO_FLOATS, ...factor], 4), // to = factor * from, 8 bits each
  add: loop([...get(TO), ...LOAD, ...get(FROM), ...LOAD, ...factor, ...ADD], 16), // to += factor * from
};

/** @param {number} id @param {number[][]} items */
const section = (id, items) => {
  const content = [items.length, ...items.flat()];
  return [id, content.length, ...content];
};
const named = (text) => [text.length, ...new TextEncoder().encode(text)];
const MODULE = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // "\0asm", version 1
  ...section(1, [[0x60, 4, I32, I32, I32, F32, 0]]), // one type: three addresses and a factor
  ...section(2, [[...named("page"), ...named("memory"), 2, 0, 1]]),
  ...section(3, Object.keys(BODIES).map(() => [0])),
  ...section(7, Object.keys(BODIES).map((name, k) => [...named(name), 0, k])),
  ...section(10, Object.values(BODIES).map((body) => [body.length + 1, 0, ...body]))]);

/** Its memory and its two loops; null where there is no SIMD. */
const kernel = (() => {
  try {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(MODULE), { page: { memory } });
    return { memory, ...exports };
  } catch {
    return null;
  }
})();

/** Room for so many bytes. @param {number} bytes */
function room(bytes) {
  const lacking = bytes - kernel.memory.buffer.byteLength;
  if (lacking > 0) kernel.memory.grow(Math.ceil(lacking / 65536));
  return kernel.memory.buffer;
}

/**
 * Numbers in 8 bits, each row times its scale.
 * @param {Int8Array} values @param {(row: number) => number} scale @param {number} row its length
 * @returns {Float32Array}
 */
export function scaled(values, scale, row) {
  const numbers = new Float32Array(values.length);
  if (!kernel || row % 4) {
    for (let start = 0, o = 0; start < values.length; start += row, o++) {
      for (let k = start, s = scale(o); k < start + row; k++) numbers[k] = values[k] * s;
    }
    return numbers;
  }
  const [from, buffer] = [4 * values.length, room(5 * values.length)];
  new Int8Array(buffer, from, values.length).set(values);
  for (let start = 0, o = 0; start < values.length; start += row, o++) {
    kernel.scale(4 * start, from + start, 4 * (start + row), scale(o));
  }
  numbers.set(new Float32Array(buffer, 0, values.length));
  return numbers;
}

/**
 * numbers += U D.
 * @param {Float32Array} numbers @param {Float32Array} u of `rank` columns @param {Float32Array} d of `rank` rows
 * @param {number} rank
 */
export function addProduct(numbers, u, d, rank) {
  if (!rank) return; // nothing changed
  const columns = d.length / rank;
  if (!kernel || columns % 4) {
    for (let at = 0, o = 0; at < u.length; at++, o = Math.floor(at / rank) * columns) {
      for (let n = 0, i = (at % rank) * columns; n < columns; n++) numbers[o + n] += u[at] * d[i + n];
    }
    return;
  }
  const [from, buffer] = [4 * numbers.length, room(4 * (numbers.length + d.length))];
  new Float32Array(buffer, 0, numbers.length).set(numbers);
  new Float32Array(buffer, from, d.length).set(d);
  for (let at = 0; at < u.length; at++) {
    const o = 4 * columns * Math.floor(at / rank);
    kernel.add(o, from + 4 * columns * (at % rank), o + 4 * columns, u[at]);
  }
  numbers.set(new Float32Array(buffer, 0, numbers.length));
}
