/** Gzipped files, unpacked here, whatever their host thinks of compression. */

import { opened } from "./addresses.js";

/**
 * @param {string} path @param {(bytes: number) => void} [count] is told how many bytes came
 * @returns {Promise<ArrayBuffer>} as it came
 */
export async function fetched(path, count) {
  const packed = await (await opened(path)).arrayBuffer();
  count?.(packed.byteLength);
  return packed;
}

/** @param {ArrayBuffer} packed @returns {Promise<ArrayBuffer>} */
export async function unzipped(packed) {
  const gzipped = new Uint8Array(packed, 0, 2);
  if (gzipped[0] !== 0x1f || gzipped[1] !== 0x8b) return packed; // a host that says it is gzipped: unpacked already
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/**
 * WebAssembly from a gzipped file, compiled while it comes.
 * @param {string} path @param {(bytes: number) => void} count
 * @returns {Promise<WebAssembly.Module>}
 */
export async function compiled(path, count) {
  const response = await opened(path);
  const reader = response.body.getReader();
  const first = await reader.read();
  let next = Promise.resolve(first);
  const body = new ReadableStream({ async pull(controller) {
    const { done, value } = await next;
    if (done) return controller.close();
    count(value.byteLength);
    controller.enqueue(value);
    next = reader.read();
    return undefined;
  } });
  const packed = first.value?.[0] === 0x1f && first.value[1] === 0x8b;
  const bytes = packed ? body.pipeThrough(new DecompressionStream("gzip")) : body;
  return WebAssembly.compileStreaming(new Response(bytes, { headers: { "content-type": "application/wasm" } }));
}
