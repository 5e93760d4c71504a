/**
 * The page's side of what answers: one worker for all demos of a page, or, in a notebook, a kernel. Each demo asks in
 * channels of its own; a channel holds one question being answered and the newest one behind it, whatever lies between is
 * dropped. What takes long and can wait gives way to every other channel, and is asked again when nobody waits.
 */

import { address, filesOf, kept, listed } from "./addresses.js";

const REST = 500; // milliseconds without a question, after which what gave way is asked again

/** A newer question took this one's place. */
export class Stale extends Error {}

/**
 * @typedef {{id: number, job: string, options: any, show?: (partial: any) => void, resolve: Function, reject: Function,
 *   drops: boolean, yields: boolean, gave?: boolean, channel: string}} Question `gave`: it was told to give way
 * @typedef {{now: Question | null, next: Question | null, aside: Question | null}} Line `aside`: it gave way
 */

export class Runtime {
  /** @param {any} port a worker, or what behaves like one; `where` tells readers where it computes */
  constructor(port) {
    this.port = port;
    this.where = port.where ?? "runs in this page, on one thread";
    port.onmessage = ({ data }) => this.hear(data);
    port.onerror = (event) => this.fail(event.message || "the worker did not start");
    this.count = 0;
    this.dead = "";
    /** @type {Map<number, Question>} */
    this.asked = new Map();
    /** @type {Map<string, Line>} */
    this.channels = new Map();
    /** @type {Map<string, Promise<any>>} */
    this.known = new Map();
    /** @type {any} */
    this.timer = 0;
    /** @type {Set<(progress: {bytes: number, total: number}) => void>} */
    this.listeners = new Set();
  }

  /** What models there are. @returns {Promise<Record<string, any>>} */
  index() {
    return kept(this.known, "index", () => this.ask("index", {}));
  }

  /** Fetch and prepare models, in the order in which they are needed. @param {string[]} models */
  load(models) {
    return this.ask("load", { models });
  }

  /**
   * Ask the worker.
   * @param {string} job @param {any} options
   * @param {{channel?: string, show?: (partial: any) => void, drops?: boolean, yields?: boolean}} [how] `drops`: may be
   *   stopped half way when this channel asks something newer; `yields`: also when another one does, to be asked again
   * @returns {Promise<any>} the answer; rejects with `Stale` when a newer question came
   */
  ask(job, options, { channel = "", show, drops = false, yields = false } = {}) {
    if (this.dead) return Promise.reject(new Error(this.dead));
    return new Promise((resolve, reject) => {
      const question = { id: ++this.count, job, options, show, resolve, reject, drops, yields, channel };
      if (!yields) this.hurry();
      if (!channel) return this.send(question);
      this.drop(channel);
      const line = this.channels.get(channel) ?? { now: null, next: null, aside: null };
      this.channels.set(channel, line);
      if (!line.now) return this.send(question);
      line.next = question;
    });
  }

  /**
   * Nobody wants any more what a channel asked: what waits is stale, what runs is stopped if it may be.
   * @param {string} channel
   */
  drop(channel) {
    const line = this.channels.get(channel);
    if (!line) return;
    for (const question of [line.next, line.aside]) question?.reject(new Stale());
    line.next = line.aside = null;
    if (!line.now) return;
    line.now.gave = false;
    if (line.now.drops) this.port.postMessage({ drop: line.now.id });
  }

  /** Somebody waits: what can give way does. */
  hurry() {
    for (const { now } of this.channels.values()) {
      if (!now?.yields || now.gave) continue;
      now.gave = true;
      this.port.postMessage({ drop: now.id });
    }
    this.later();
  }

  /** What gave way is asked again when nobody has asked anything for a while. */
  later() {
    clearTimeout(this.timer);
    if ([...this.channels.values()].some(({ aside }) => aside)) this.timer = setTimeout(() => this.resume(), REST);
  }

  /** Ask again, unless somebody waits. */
  resume() {
    const lines = [...this.channels.values()];
    if (lines.some(({ now }) => now)) return this.later();
    for (const line of lines) {
      if (line.aside) this.send({ ...line.aside, id: ++this.count, gave: false }); // a late drop means the one before
      line.aside = null;
    }
    return undefined;
  }

  /** @param {Question} question */
  send(question) {
    const line = this.channels.get(question.channel);
    if (line) line.now = question;
    this.asked.set(question.id, question);
    this.port.postMessage({ id: question.id, job: question.job, options: question.options });
  }

  /** @param {any} message */
  hear({ id, progress, partial, result, stale, error, want }) {
    if (want) return void bring(this.port, want);
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
      if (next) this.send(next);
      if (stale && question.gave) {
        line.aside = question;
        return this.later();
      }
    }
    if (error) question.reject(new Error(error));
    else if (stale) question.reject(new Stale());
    else question.resolve(result);
    return undefined;
  }

  /** @param {string} why */
  fail(why) {
    this.dead = why;
    const waiting = [...this.channels.values()].flatMap(({ next, aside }) => [next, aside]);
    for (const question of [...this.asked.values(), ...waiting]) question?.reject(new Error(why));
    this.asked.clear();
    this.channels.clear();
  }
}

/** The page's own: a worker, and a second one beside it. */
class Page extends Runtime {
  constructor() {
    super(start("worker"));
    this.helper = this.help();
    /** @type {Set<string>} */
    this.begun = new Set();
  }

  /** A second worker, which puts models together while the first one starts; without it, the first does both. */
  help() {
    const { port1, port2 } = new MessageChannel();
    const helper = start("unpacker");
    helper.onerror = () => this.port.postMessage({ alone: true });
    helper.onmessage = ({ data }) => bring(helper, data.want);
    helper.postMessage({ port: port1 }, [port1]);
    this.port.postMessage({ port: port2 }, [port2]);
    return helper;
  }

  index() {
    return kept(this.known, "index", listed);
  }

  /** What has failed once is of no use any more. @param {string} why */
  fail(why) {
    super.fail(why);
    for (const worker of [this.port, this.helper]) worker?.terminate?.();
  }

  /** @param {string[]} models */
  async load(models) {
    const index = await this.index();
    for (const name of models) if (index[name] && !this.begun.has(name)) this.helper.postMessage({ urls: filesOf(index[name]) });
    for (const name of models) this.begun.add(name); // a second demo of this page shares what the first one has
    return super.load(models);
  }
}

/** Tell a worker where a file lies that it cannot find by itself. @param {Worker} worker @param {string} path */
async function bring(worker, path) {
  const answer = await address(path).then((url) => ({ url }), (reason) => ({ reason: String(reason?.message ?? reason) }));
  worker.postMessage({ found: path, ...answer });
}

/** @param {string} name @returns {Worker} */
let start = (name) => new Worker(new URL(`./${name}.js`, import.meta.url), { type: "module" });

/** Start workers otherwise: in a notebook modules lie nowhere. @param {(name: string) => Worker} other */
export function startWith(other) {
  start = other;
}

/** @type {Runtime | null} */
let shared = null;

/** The one runtime of this page; a new one where the last has failed. */
export function runtime() {
  if (typeof WebAssembly !== "object") throw new Error("this browser runs no WebAssembly");
  if (typeof DecompressionStream !== "function") throw new Error("this browser is too old to unpack the models");
  if (!shared || shared.dead) shared = new Page();
  return shared;
}
