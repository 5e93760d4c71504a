/**
 * The frame around a demo: poster first, then the live view; the line that says what happened; full screen, meter, link,
 * code, saving, resetting.
 */

import { button, element } from "./controls.js";
import { runtime, Stale } from "./runtime.js";
import { fromHash, toHash } from "./state.js";

export class Host {
  /**
   * @param {HTMLElement} figure @param {() => Promise<any>} open fetches the demo's module
   * @param {import("./notebook.js").Link | null} [link] to the widget, in a notebook
   */
  constructor(figure, open, link = null) {
    this.figure = figure;
    this.open = open;
    this.link = link;
    this.name = figure.dataset.demo ?? "";
    this.poster = element("div", { class: "demo-poster" });
    this.poster.append(...figure.childNodes);
    this.note = element("p", { class: "demo-note" });
    figure.replaceChildren(this.poster, this.note);
    this.enter("poster");
  }

  /** @param {"poster" | "loading" | "live" | "failed"} state */
  enter(state) {
    this.figure.dataset.state = state;
  }

  /** Whether the address asks for this demo. */
  linked() {
    return !this.link && location.hash.startsWith(`#${this.name}?`);
  }

  /** Wait for the reader. */
  offer() {
    this.note.replaceChildren(button("Bring it to life", () => this.wake()), " It fetches a few megabytes.");
  }

  /** From poster to live; never throws. */
  async wake() {
    if (this.figure.dataset.state !== "poster") return;
    this.enter("loading");
    this.note.textContent = "Fetching the model…";
    try {
      const [first, ...others] = this.link?.starts() ?? [runtime];
      await this.start(first).catch((error) => this.again(others, error));
      this.arrive();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Load, build, and draw the first picture. @param {() => any} begin */
  async start(begin) {
    this.runtime = begin(); // first, so that it starts while the demo's module comes
    this.runtime.listeners.add(({ bytes }) => this.fetched(bytes));
    const [{ default: Demo }, index] = await Promise.all([this.open(), this.runtime.index()]);
    const models = Demo.models(index);
    const loaded = this.runtime.load(models);
    this.models = Object.fromEntries(models.map((name) => [name, index[name]]));
    this.defaults = Demo.defaults(index);
    if (this.link) this.follow();
    else this.state = { ...(fromHash(location.hash, this.name, this.defaults) ?? this.defaults) };
    this.demo = new Demo(this, index);
    this.build(Demo.title);
    await Promise.all([loaded, this.demo.update({ first: true })]);
  }

  /** Where the page cannot compute, a kernel may. @param {(() => any)[]} others @param {any} error */
  async again(others, error) {
    if (!others.length || this.figure.dataset.state !== "loading") throw error;
    console.info(`demo ${this.name}:`, error);
    this.view?.remove();
    await this.start(others[0]);
  }

  /** The state is the widget's: what one changes, the other has. */
  follow() {
    const { link } = this;
    this.defaults = link.state(this.defaults);
    this.state = new Proxy({ ...this.defaults }, {
      set: (state, key, value) => {
        state[key] = value;
        link.tell(String(key), value);
        return true;
      },
    });
    link.listen(Object.keys(this.defaults), (key, value) => this.state[key] !== value && this.set({ [key]: value }));
  }

  /** Alive: something is to be seen, if only the first of several pictures. */
  arrive() {
    if (this.figure.dataset.state !== "loading") return;
    this.enter("live");
    this.poster.hidden = true;
    this.note.textContent = "";
  }

  /** @param {number} bytes */
  fetched(bytes) {
    if (this.figure.dataset.state === "loading") this.note.textContent = `Fetching the model… ${(bytes / 1e6).toFixed(1)} MB`;
  }

  /** @param {any} error */
  fail(error) {
    console.info(`demo ${this.name}:`, error);
    this.enter("failed");
    this.view?.remove();
    this.poster.hidden = false;
    const why = String(error?.message ?? error).replace(/\.$/, "");
    this.note.textContent = `The live model did not start (${why}). The picture shows what it draws first.`;
  }

  /** @param {string} title */
  build(title) {
    this.line = element("p", { class: "demo-says", role: "status", "aria-live": "polite" });
    this.gauge = element("p", { class: "demo-meter" });
    this.code = element("pre", { class: "demo-code", role: "region", tabindex: 0, hidden: true, "aria-label": "Python" });
    const tools = element("div", { class: "demo-tools", role: "group", "aria-label": "About this picture" },
      ...(this.link ? [] : [button("Link", () => this.permalink())]), button("Copy as Python", () => this.python()),
      button("Save picture", () => this.save()), button("Reset", () => this.reset()),
      button("Full screen", () => this.enlarge()));
    this.view = element("div", { class: "demo-live", role: "group", "aria-label": `Demo: ${title}` },
      element("p", { class: "demo-title" }, title), this.demo.node, this.line, tools, this.code, this.gauge);
    this.figure.append(this.view);
    addEventListener("keydown", ({ key }) => key === "Escape" && this.figure.classList.remove("demo-large"));
  }

  /**
   * Ask the worker in a channel of this demo. `null` when the answer is no longer wanted.
   * @param {string} job @param {any} options
   * @param {{channel?: string, show?: (partial: any) => void, drops?: boolean}} [how]
   */
  async ask(job, options, how = {}) {
    const began = performance.now();
    try {
      const answer = await this.runtime.ask(job, options, { ...how, channel: `${this.name}-${how.channel ?? ""}` });
      this.figure.dataset.latencyMs = String(Math.round(performance.now() - began));
      return answer;
    } catch (error) {
      if (error instanceof Stale) return null;
      if (this.figure.dataset.state === "live") this.say(`That did not work: ${error.message}`);
      else throw error;
      return null;
    }
  }

  /** Tell what is to be seen, to screen readers too. @param {string} text */
  say(text) {
    if (this.line) this.line.textContent = text;
  }

  /** @param {number} step milliseconds of one evaluation */
  meter(step) {
    const entries = Object.values(this.models);
    const files = new Map(entries.flatMap(({ bytes }) => Object.entries(bytes)));
    const kilobytes = [...files.values()].reduce((sum, bytes) => sum + bytes, 0) / 1000;
    const graphs = new Map(entries.map(({ graph, parameters }) => [graph, parameters]));
    const parameters = [...graphs.values()].reduce((sum, count) => sum + count, 0);
    const speed = step ? `, ${Math.round(step)} ms per step` : "";
    this.gauge.textContent = `${(parameters / 1e6).toFixed(1)} million parameters, ${Math.round(kilobytes)
      .toLocaleString("en")} KB${speed}; ${this.runtime.where}`;
  }

  /** Change the state and answer. @param {Record<string, any>} changes @param {any} [how] */
  async set(changes, how) {
    this.figure.removeAttribute("data-settled");
    Object.assign(this.state, changes);
    try {
      await this.demo.update(how);
    } catch (error) {
      this.say(`That did not work: ${error.message}`);
    }
  }

  async permalink() {
    history.replaceState(null, "", toHash(this.name, this.state));
    this.say((await copied(location.href)) ? "The link is copied." : "The link is in the address line now.");
  }

  async python() {
    this.code.textContent = this.demo.python();
    this.code.hidden = false;
    this.say((await copied(this.code.textContent)) ? "The code is copied." : "The code is shown below.");
  }

  save() {
    const anchor = element("a", { download: `${this.name}.png`, href: this.demo.canvas.toDataURL("image/png") });
    anchor.click();
    this.say("The picture is saved.");
  }

  reset() {
    this.demo.reset();
    if (!this.link) history.replaceState(null, "", location.pathname + location.search);
    this.code.hidden = true;
    return this.set({ ...this.defaults });
  }

  enlarge() {
    if (document.fullscreenElement) return document.exitFullscreen();
    if (this.figure.requestFullscreen) return this.figure.requestFullscreen().catch(() => this.fill());
    return this.fill();
  }

  /** Full screen where the browser has none. */
  fill() {
    this.figure.classList.toggle("demo-large");
  }
}

/** @param {string} text @returns {Promise<boolean>} */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
