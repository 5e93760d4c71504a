/**
 * The worker: everything that computes, away from the page's own thread. It answers one question at a time and listens
 * in between, so that a question whose answer nobody wants any more is dropped.
 */

import { askPage, told } from "./addresses.js";
import { Engine } from "./engine.js";
import * as jobs from "./jobs.js";

/** A job was dropped. */
class Stale extends Error {}

/** @type {Set<number>} */
const dropped = new Set();
let queue = Promise.resolve();
const engine = new Engine((progress) => postMessage({ progress }), () => queue);

const gate = new MessageChannel();
/** @type {(() => void)[]} */
const waiting = [];
gate.port1.onmessage = () => waiting.shift()?.();

/** Let messages in. @returns {Promise<void>} */
function breathe() {
  return new Promise((resolve) => {
    waiting.push(resolve);
    gate.port2.postMessage(0);
  });
}

/** @param {{id: number, job: string, options: any}} question */
async function answer({ id, job, options }) {
  const alive = async () => {
    await breathe();
    if (dropped.has(id)) throw new Stale();
  };
  const show = (partial) => postMessage({ id, partial });
  try {
    await alive();
    const result = await jobs[job](engine, options, { alive, show });
    postMessage({ id, result });
  } catch (error) {
    if (error instanceof Stale) postMessage({ id, stale: true });
    else postMessage({ id, error: String(error?.message ?? error) });
  }
  dropped.delete(id);
}

const WAITING = ["index", "load"]; // these mostly wait: what is asked behind them need not

onmessage = ({ data }) => {
  if (data.port) engine.shelf.by(data.port);
  else if (data.alone) engine.shelf.alone();
  else if (data.elsewhere) askPage(postMessage);
  else if (data.found) told(data);
  else if (data.drop) dropped.add(data.drop);
  else if (WAITING.includes(data.job)) answer(data);
  else queue = queue.then(() => answer(data));
};
