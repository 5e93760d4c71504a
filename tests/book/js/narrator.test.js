import assert from "node:assert/strict";
import { test } from "node:test";

import { bestVoice, findVoice, minutes, Narrator } from "../../../book/web/course/narrator.js";

const voice = (lang, own = true, rest = {}) => ({ lang, localService: own, name: lang, default: false, ...rest });

class Utterance {
  constructor(text) {
    this.text = text;
  }
}

/** A voice that says a sentence when told to. */
class Stub extends EventTarget {
  heard = [];
  voices = [];
  speak(utterance) {
    this.heard.push(utterance);
  }
  cancel() {
    this.cancelled = true;
  }
  getVoices() {
    return this.voices;
  }
  finish() {
    this.heard.at(-1).onend();
  }
  texts() {
    return this.heard.map((one) => one.text);
  }
}

const reading = (texts = ["One.", "Two.", "Three."]) => {
  const speech = new Stub();
  return { speech, narrator: new Narrator(texts, voice("en-GB"), speech, Utterance) };
};

test("one utterance a sentence, in order, to the end", () => {
  const { speech, narrator } = reading();
  narrator.play();
  for (let k = 0; k < 3; k += 1) speech.finish();
  assert.deepEqual(speech.texts(), ["One.", "Two.", "Three."]);
  assert.equal(narrator.playing, false);
  narrator.play();
  assert.equal(speech.texts().at(-1), "One.");
});

test("a pause stays in its sentence, and the end of what was cancelled counts for nothing", () => {
  const { speech, narrator } = reading();
  narrator.play();
  const first = speech.heard[0];
  narrator.pause();
  first.onend();
  assert.equal(narrator.place, 0);
  assert.ok(speech.cancelled);
  narrator.play();
  assert.deepEqual(speech.texts(), ["One.", "One."]);
});

test("speed and place change while it reads", () => {
  const { speech, narrator } = reading();
  narrator.play();
  narrator.setRate(1.5);
  narrator.go(99);
  assert.deepEqual(
    speech.heard.map(({ text, rate }) => [text, rate]),
    [
      ["One.", 1],
      ["One.", 1.5],
      ["Three.", 1.5],
    ],
  );
  narrator.go(-3);
  assert.equal(narrator.place, 0);
});

test("a voice that fails stops the reading and says so", () => {
  const { speech, narrator } = reading();
  const faults = [];
  narrator.addEventListener("fault", (event) => faults.push(event.detail));
  narrator.play();
  speech.heard[0].onerror({ error: "synthesis-failed" });
  assert.deepEqual(faults, ["synthesis-failed"]);
  assert.equal(narrator.playing, false);
});

test("only English voices of this device, British first", () => {
  assert.equal(bestVoice([voice("de-DE"), voice("en-US"), voice("en_GB")]).lang, "en_GB");
  assert.equal(
    bestVoice([voice("en-GB", false), voice("en-US"), voice("en-AU", true, { default: true })]).lang,
    "en-AU",
  );
  assert.equal(bestVoice([voice("en-GB", false), voice("fr-FR")]), undefined);
});

test("voices may come late, or never", async () => {
  const speech = new Stub();
  const waiting = findVoice(speech, 5000);
  speech.voices = [voice("en-GB")];
  speech.dispatchEvent(new Event("voiceschanged"));
  assert.equal((await waiting).lang, "en-GB");
  assert.equal(await findVoice(new Stub(), 5), undefined);
  assert.equal(await findVoice(undefined), undefined);
});

test("twice as fast takes half as long", () => {
  const texts = [Array(330).fill("word").join(" ")];
  assert.equal(minutes(texts, 1), 2);
  assert.equal(minutes(texts, 2), 1);
});
