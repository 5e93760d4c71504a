/**
 * The frame around a demo: poster first, then the live view; the line that says what happened; full screen, meter, link,
 * code, saving, resetting.
 */

import { weighed } from "./addresses.js";
import { button, copied, element, enlarging, holds } from "./controls.js";
import { runtime, Stale } from "./runtime.js";
import { bounded, fromHash, toHash } from "./state.js";

let hosts = 0;

export class Host {
  /**
   * @param {HTMLElement} figure @param {() => Promise<any>} open fetches the demo's module
   * @param {import("./notebook.js").Link | null} [link] to the widget, in a notebook
   */
  constructor(figure, open, link = null) {
    [this.figure, this.open, this.link] = [figure, open, link];
    this.name = figure.dataset.demo ?? "";
    this.number = ++hosts; // two views of a demo may share what computes
    this.progress = ({ bytes }) => this.fetched(bytes);
    this.poster = element("div", { class: "demo-poster" }, ...figure.childNodes);
    this.note = element("p", { class: "demo-note", tabindex: -1 });
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

  /** The address asks for this demo, while its page is open. */
  async visit() {
    this.figure.scrollIntoView({ block: "center" });
    const before = this.figure.dataset.state;
    if (before !== "live") await (before === "failed" ? this.retry() : this.wake());
    if (before === "poster" || before === "failed") return; // it has begun with the address
    if (this.figure.dataset.state === "live" && this.linked()) await this.set(this.given());
  }

  /** From poster to live, once; never throws. @returns {Promise<void>} */
  wake() {
    if (this.figure.dataset.state === "poster") this.woken = this.begin();
    return this.woken ?? Promise.resolve();
  }

  /** After a failure: from the poster again. */
  retry() {
    this.enter("poster");
    return this.wake();
  }

  async begin() {
    const held = holds(this.note);
    this.enter("loading");
    this.note.textContent = "Fetching the model…";
    if (held) this.note.focus(); // its button is gone
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
    this.runtime.listeners.add(this.progress);
    const [{ default: Demo }, index] = await Promise.all([this.open(), this.runtime.index()]);
    const models = Demo.models(index);
    const loaded = this.runtime.load(models);
    this.models = Object.fromEntries(models.map((name) => [name, index[name]]));
    [this.defaults, this.limits] = [Demo.defaults(index), Demo.limits ?? {}];
    if (this.link) this.follow();
    else this.state = this.given();
    this.demo = new Demo(this, index);
    this.build(Demo.title);
    await Promise.all([loaded, this.demo.update({ first: true })]);
  }

  /** The state that the address holds, or the first one. */
  given() {
    return { ...(fromHash(location.hash, this.name, this.defaults, this.limits) ?? this.defaults) };
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
    const { link, limits, defaults } = this;
    this.defaults = bounded(link.state(defaults), defaults, limits);
    this.state = new Proxy(/** @type {any} */ ({}), {
      set: (state, key, value) => {
        state[key] = value;
        link.tell(String(key), value);
        return true;
      },
    });
    Object.assign(this.state, this.defaults); // a trait beyond its limits comes back within
    link.listen(Object.keys(defaults), (key, value) =>
      this.state[key] !== value && this.set(bounded({ [key]: value }, defaults, limits)));
  }

  /** Alive: something is to be seen, if only the first of several pictures. */
  arrive() {
    if (this.figure.dataset.state !== "loading") return;
    const held = holds(this.figure);
    this.enter("live");
    this.poster.hidden = true;
    this.note.textContent = "";
    if (held) this.view.focus({ preventScroll: true });
  }

  /** @param {number} bytes */
  fetched(bytes) {
    if (this.figure.dataset.state === "loading") this.note.textContent = `Fetching the model… ${(bytes / 1e6).toFixed(1)} MB`;
  }

  /** @param {any} error */
  fail(error) {
    console.info(`demo ${this.name}:`, error);
    const held = holds(this.figure);
    this.enter("failed");
    this.view?.remove();
    this.poster.hidden = false;
    const why = String(error?.message ?? error).replace(/\.$/, "");
    const again = button("Try again", () => this.retry());
    this.note.replaceChildren(`The live model did not start (${why}). The picture shows what it draws first. `, again);
    if (held) again.focus();
  }

  /** @param {string} title */
  build(title) {
    this.line = element("p", { class: "demo-says", role: "status", "aria-live": "polite" });
    this.gauge = element("p", { class: "demo-meter" });
    this.code = element("pre", { class: "demo-code", role: "region", tabindex: 0, hidden: true, "aria-label": "Python" });
    const tools = element("div", { class: "demo-tools", role: "group", "aria-label": "About this picture" },
      ...(this.link ? [] : [button("Link", () => this.permalink())]), button("Copy as Python", () => this.python()),
      button("Save picture", () => this.save()), button("Reset", () => this.reset()), enlarging(this.figure));
    this.view = element("div", { class: "demo-live", role: "group", tabindex: -1, "aria-label": `Demo: ${title}` },
      element("p", { class: "demo-title" }, title), this.demo.node, this.line, tools, this.code, this.gauge);
    this.figure.append(this.view);
  }

  /**
   * Ask the worker in a channel of this demo. `null` when the answer is no longer wanted.
   * @param {string} job @param {any} options
   * @param {{channel?: string, show?: (partial: any) => void, drops?: boolean, yields?: boolean}} [how]
   */
  async ask(job, options, how = {}) {
    const began = performance.now();
    try {
      const answer = await this.runtime.ask(job, options, { ...how, channel: this.channel(how.channel) });
      this.figure.dataset.latencyMs = String(Math.round(performance.now() - began));
      return answer;
    } catch (error) {
      if (error instanceof Stale) return null;
      if (this.figure.dataset.state === "live") this.say(`That did not work: ${error.message}`);
      else throw error;
      return null;
    }
  }

  /** A channel of this view. */
  channel(name = "") {
    return `${this.name}-${this.number}-${name}`;
  }

  /** What was asked in a channel is not wanted any more. @param {string} name */
  drop(name) {
    this.runtime.drop(this.channel(name));
  }

  /** Tell what is to be seen, to screen readers too. @param {string} text */
  say(text) {
    if (this.line) this.line.textContent = text;
  }

  /** @param {number} step milliseconds of one evaluation */
  meter(step) {
    const { parameters, bytes } = weighed(Object.values(this.models));
    const speed = step ? `, ${Math.round(step)} ms per step` : "";
    this.gauge.textContent = `${(parameters / 1e6).toFixed(1)} million parameters, ${Math.round(bytes / 1000)
      .toLocaleString("en")} KB${speed}; ${this.runtime.where}`;
  }

  /** Change the state and answer. @param {Record<string, any>} changes @param {any} [how] */
  async set(changes, how) {
    this.figure.removeAttribute("data-settled");
    Object.assign(this.state, changes);
    try {
      const updated = this.demo.update(how);
      this.write(); // the state is what it will be
      await updated;
    } catch (error) {
      this.say(`That did not work: ${error.message}`);
    }
  }

  async permalink() {
    history.replaceState(null, "", toHash(this.name, this.state));
    const where = (await copied(location.href)) ? "The link is copied." : "The link is in the address line now.";
    this.say(`${where} ${this.demo.stays?.() ?? ""}`.trim());
  }

  /** The code, where it is shown. */
  write() {
    if (!this.code.hidden) this.code.textContent = this.demo.python();
  }

  async python() {
    this.code.hidden = false;
    this.write();
    this.say((await copied(this.code.textContent)) ? "The code is copied." : "The code is shown below.");
  }

  save() {
    element("a", { download: `${this.name}.png`, href: this.demo.canvas.toDataURL("image/png") }).click();
    this.say("The picture is saved.");
  }

  reset() {
    this.demo.reset();
    if (this.linked()) history.replaceState(null, "", location.pathname + location.search);
    this.code.hidden = true;
    return this.set({ ...this.defaults });
  }
}
