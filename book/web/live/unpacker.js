/** A worker that puts models together, beside the one that computes with them. */

import { Shelf } from "./shelf.js";

/** @type {Shelf} */
let shelf;

onmessage = ({ data: { port, urls } }) => {
  if (urls) return void shelf.begin(urls); // by the page, before the other worker is there to ask
  shelf = new Shelf((bytes) => port.postMessage({ bytes }));
  port.onmessage = async ({ data: { id, urls } }) => {
    try {
      const model = await shelf.assembled(urls);
      port.postMessage({ id, model }, [model.graph.buffer, model.data.buffer]);
    } catch (error) {
      port.postMessage({ id, error: String(error?.message ?? error) });
    }
  };
};
