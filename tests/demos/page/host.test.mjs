import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { figure, happens, promised, soon } from "./dom.mjs";
import { startWith } from "../../../book/web/live/runtime.js";
import { Host } from "../../../book/web/live/host.js";

console.info = () => null;

/** A demo that notes the states that it is to draw. */
class Demo {
  static title = "A demo";
  static limits = { steps: [2, 50, 1] };
  static models = () => ["a"];
  static defaults = () => ({ word: "fox", steps: 25 });

  constructor(host) {
    [this.host, this.drawn] = [host, []];
    this.node = document.createElement("div");
  }

  async update() {
    this.drawn.push({ ...this.host.state });
  }

  reset() {}

  python() {
    return `draw("${this.host.state.word}")`;
  }
}

let failing = 0;
/** What computes, as a host asks it; it fails as often as `failing` says. */
function computes() {
  return { listeners: new Set(), asked: [], where: "", dropped: [],
    index: async () => ({ a: { bytes: {}, parameters: 0, graph: "a" } }),
    load: async () => (failing-- > 0 ? Promise.reject(new Error("a.gz is missing (404)")) : {}),
    ask(job, options, how) {
      this.asked.push(how.channel);
      return Promise.resolve({});
    },
    drop(channel) {
      this.dropped.push(channel);
    } };
}

/** A notebook's widget. @param {Record<string, any>} traits */
function widget(traits) {
  const heard = {};
  return { traits, starts: () => [computes], tell: (key, value) => (traits[key] = value),
    state: (defaults) => Object.fromEntries(Object.keys(defaults).map((key) => [key, traits[key] ?? defaults[key]])),
    listen: (keys, change) => keys.forEach((key) => (heard[key] = (value) => change(key, (traits[key] = value)))),
    heard };
}

/** A host of the page whose demo computes with `one`. */
function page(name = "toy", open = async () => ({ default: Demo })) {
  const host = new Host(figure(name), open);
  const begin = host.start.bind(host);
  const one = computes();
  host.start = () => begin(() => one);
  return host;
}

beforeEach(() => {
  startWith(() => ({ postMessage: () => null }));
  [failing, location.hash, document.activeElement] = [0, "", document.body];
});

test("an address is bounded before a demo begins with it", async () => {
  location.hash = "#toy?steps=1e9&word=cat";
  const host = page();
  await host.wake();
  assert.deepEqual(host.demo.drawn, [{ word: "cat", steps: 50 }]);
});

test("a notebook's traits are bounded at the start and whenever they change", async () => {
  const link = widget({ steps: 1000, word: null });
  const host = new Host(figure("toy"), async () => ({ default: Demo }), /** @type {any} */ (link));
  await host.wake();
  assert.deepEqual(host.demo.drawn, [{ word: "fox", steps: 50 }]);
  assert.deepEqual(link.traits, { steps: 50, word: "fox" }, "and told so");
  link.heard.steps(0.4);
  link.heard.word(null);
  link.heard.steps(2);
  await soon();
  assert.deepEqual(host.demo.drawn.slice(1), [{ word: "fox", steps: 2 }, { word: "fox", steps: 2 }]);
  assert.deepEqual(link.traits, { steps: 2, word: "fox" });
});

test("a link that is opened on its own page wakes the demo, or changes it", async () => {
  const host = page();
  location.hash = "#toy?word=cat";
  await host.visit();
  assert.deepEqual([host.figure.scrolled, host.demo.drawn], [1, [{ word: "cat", steps: 25 }]]);
  location.hash = "#toy?word=dog&steps=4";
  await host.visit();
  assert.deepEqual([host.figure.scrolled, host.demo.drawn.at(-1)], [2, { word: "dog", steps: 4 }]);
});

test("a link that is opened while its demo still loads is not lost", async () => {
  const [module, first] = [promised(), promised()];
  const host = page("toy", () => module);
  const woken = host.wake();
  class Slow extends Demo {
    update() {
      return super.update().then(() => first);
    }
  }
  module.resolve({ default: Slow });
  await soon();
  location.hash = "#toy?word=cat";
  const visited = host.visit();
  first.resolve(null);
  await Promise.all([woken, visited]);
  assert.deepEqual(host.demo.drawn.map(({ word }) => word), ["fox", "cat"]);
});

test("the page hears when its address changes, each demo for itself", async () => {
  const [one, other] = [figure("plane"), figure("zip")];
  document.querySelectorAll = () => [one, other];
  await import("../../../book/web/live/live.js");
  location.hash = "#a-heading";
  happens("hashchange");
  location.hash = "#zip?scene=2";
  happens("hashchange");
  assert.deepEqual([one.scrolled, other.scrolled], [undefined, 1]);
  assert.notEqual(other.dataset.state, "poster");
});

test("a reset leaves an address alone that is another demo's", async () => {
  const host = page();
  await host.wake();
  location.hash = "#other?word=cat";
  await host.reset();
  assert.equal(location.hash, "#other?word=cat");
  location.hash = "#toy?word=cat";
  await host.reset();
  assert.equal(location.hash, "");
});

test("two views of a demo ask in channels of their own, and drop their own alone", async () => {
  const [one, other] = [page(), page()];
  await Promise.all([one.wake(), other.wake()]);
  for (const host of [one, other]) await host.ask("way", {}, { channel: "codes" });
  one.drop("codes");
  const [[first], [second]] = [one.runtime.asked, other.runtime.asked];
  assert.notEqual(first, second);
  assert.deepEqual([one.runtime.dropped, other.runtime.dropped], [[first], []]);
});

test("after a failure one can try again, and the keyboard stays where it is", async () => {
  failing = 2;
  const host = page();
  host.offer();
  host.figure.find("Bring it to life").focus();
  await host.wake();
  assert.match(host.note.textContent, /did not start \(a\.gz is missing \(404\)\)\. The picture shows .* Try again$/);
  assert.equal(host.poster.hidden, false);
  for (const state of ["failed", "live"]) {
    const again = host.figure.find("Try again");
    assert.equal(document.activeElement, again);
    again.click();
    assert.equal(host.figure.dataset.state, "loading");
    assert.equal(document.activeElement, host.note);
    await host.woken;
    assert.equal(host.figure.dataset.state, state);
  }
  assert.equal(document.activeElement, host.view);
  assert.equal(host.runtime.listeners.size, 1);
  assert.equal(host.poster.hidden, true);
});

test("a link opened after a failure tries again, too", async () => {
  failing = 1;
  const host = page();
  await host.wake();
  location.hash = "#toy?word=cat";
  await host.visit();
  assert.deepEqual([host.figure.dataset.state, host.demo.drawn], ["live", [{ word: "cat", steps: 25 }]]);
});

test("a demo that wakes by itself takes the focus from nobody", async () => {
  const host = page();
  await host.wake();
  assert.equal(document.activeElement, document.body);
});

test("code that is shown keeps step with the state", async () => {
  const host = page();
  await host.wake();
  await host.set({ word: "cat" });
  assert.equal(host.code.textContent, "");
  await host.python();
  await host.set({ word: "dog" });
  assert.equal(host.code.textContent, 'draw("dog")');
  await host.reset();
  assert.equal(host.code.hidden, true);
});

test("a link says what it leaves behind", async () => {
  const host = page();
  await host.wake();
  await host.permalink();
  assert.equal(host.line.textContent, "The link is copied.");
  host.demo.stays = () => "Your photo stays.";
  await host.permalink();
  assert.equal(host.line.textContent, "The link is copied. Your photo stays.");
});
