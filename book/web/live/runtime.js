/**
 * The page's side of the worker: one worker for all demos of a page. Each demo asks in channels of its own; a channel
 * holds one question being answered and the newest one behind it, whatever lies between is dropped.
 */

import { filesOf, listed } from "./addresses.js";

/** A newer question took this one's place. */
export class Stale extends Error {}

/** @typedef {{id: number, job: string, options: any, show?: (partial: any) => void, resolve: Function, reject: Function,
 *   drops: boolean}} Question */

class Runtime {
  constructor() {
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.hear(data);
    this.worker.onerror = (event) => this.fail(event.message || "the worker did not start");
    this.helper = this.help();
    this.count = 0;
    this.dead = "";
    /** @type {Map<number, Question & {channel: string}>} */
    this.asked = new Map();
    /** @type {Map<string, {now: Question | null, next: Question | null}>} */
    this.channels = new Map();
    /** @type {Set<(progress: {bytes: number, total: number}) => void>} */
    this.listeners = new Set();
  }

  /** A second worker, which puts models together while the first one starts; without it, the first does both. */
  help() {
    const { port1, port2 } = new MessageChannel();
    const helper = new Worker(new URL("./unpacker.js", import.meta.url), { type: "module" });
    helper.onerror = () => this.worker.postMessage({ alone: true });
    helper.postMessage({ port: port1 }, [port1]);
    this.worker.postMessage({ port: port2 }, [port2]);
    return helper;
  }

  /** What models there are. @returns {Promise<Record<string, any>>} */
  index() {
    this.listed ??= listed();
    return this.listed;
  }

  /** Fetch and prepare models, in the order in which they are needed. @param {string[]} models */
  async load(models) {
    const index = await this.index();
    for (const name of models) if (index[name]) this.helper.postMessage({ urls: filesOf(index[name]) });
    return this.ask("load", { models });
  }

  /**
   * Ask the worker.
   * @param {string} job @param {any} options
   * @param {{channel?: string, show?: (partial: any) => void, drops?: boolean}} [how] `drops`: may be stopped half way
   *   when this channel asks something newer
   * @returns {Promise<any>} the answer; rejects with `Stale` when a newer question came
   */
  ask(job, options, { channel = "", show, drops = false } = {}) {
    if (this.dead) return Promise.reject(new Error(this.dead));
    return new Promise((resolve, reject) => {
      const question = { id: ++this.count, job, options, show, resolve, reject, drops };
      if (!channel) return this.send(question, "");
      const line = this.channels.get(channel) ?? { now: null, next: null };
      this.channels.set(channel, line);
      if (!line.now) return this.send(question, channel);
      line.next?.reject(new Stale());
      line.next = question;
      if (line.now.drops) this.worker.postMessage({ drop: line.now.id });
    });
  }

  /** @param {Question} question @param {string} channel */
  send(question, channel) {
    const line = this.channels.get(channel);
    if (line) line.now = question;
    this.asked.set(question.id, { ...question, channel });
    this.worker.postMessage({ id: question.id, job: question.job, options: question.options });
  }

  /** @param {any} message */
  hear({ id, progress, partial, result, stale, error }) {
    if (progress) return this.listeners.forEach((listener) => listener(progress));
    const question = this.asked.get(id);
    if (!question) return undefined;
    if (partial) return question.show?.(partial);
    this.asked.delete(id);
    const line = this.channels.get(question.channel);
    if (line) {
      line.now = null;
      const next = line.next;
      line.next = null;
      if (next) this.send(next, question.channel);
    }
    if (error) question.reject(new Error(error));
    else if (stale) question.reject(new Stale());
    else question.resolve(result);
    return undefined;
  }

  /** @param {string} why */
  fail(why) {
    this.dead = why;
    for (const question of this.asked.values()) question.reject(new Error(why));
    this.asked.clear();
  }
}

/** @type {Runtime | null} */
let shared = null;

/** The one runtime of this page. */
export function runtime() {
  if (typeof WebAssembly !== "object") throw new Error("this browser runs no WebAssembly");
  if (typeof DecompressionStream !== "function") throw new Error("this browser is too old to unpack the models");
  shared ??= new Runtime();
  return shared;
}
