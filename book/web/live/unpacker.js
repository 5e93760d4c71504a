/** A worker that compiles the runtime and puts models together, beside the one that computes with them. */

import { askPage, told } from "./addresses.js";
import { Shelf } from "./shelf.js";

/** @type {Shelf} */
let shelf;

onmessage = ({ data: { port, urls, elsewhere, ...answer } }) => {
  if (elsewhere) return askPage(postMessage);
  if (answer.found) return told(answer);
  if (urls) return void shelf.begin(urls); // by the page, before the other worker is there to ask
  shelf = new Shelf((bytes) => port.postMessage({ bytes }));
  shelf.runtime().catch(() => null);
  port.onmessage = async ({ data: { id, urls: asked } }) => {
    try {
      const found = await (asked ? shelf.assembled(asked) : shelf.runtime());
      port.postMessage({ id, found }, asked ? [found.graph.buffer, found.data.buffer] : []);
    } catch (error) {
      port.postMessage({ id, error: String(error?.message ?? error) });
    }
  };
};
