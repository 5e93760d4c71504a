/** The player at the top of a section: play, pause, speed, place, minutes; the sentence being read is marked. */

import { make } from "./dom.js";
import { bestVoice, findVoice, minutes, Narrator } from "./narrator.js";
import { read } from "./sentences.js";

const SPEEDS = [0.75, 1, 1.25, 1.5, 2];
const MARK = "course-reading";

/** `12 min`, `under a minute` @param {number} time in minutes */
const lasting = (time) => (time < 0.75 ? "under a minute" : `${Math.round(time)} min`);

const still = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
const inView = (/** @type {Range} */ range) => {
  const box = range.getBoundingClientRect();
  return box.bottom > 0 && box.top < window.innerHeight;
};

/** Marks a sentence: its words where the browser can mark words, and always its block. */
class Marker {
  constructor() {
    this.block = null;
    this.words = globalThis.CSS?.highlights && globalThis.Highlight ? new Highlight() : null;
    if (this.words) CSS.highlights.set(MARK, this.words);
  }

  /** @param {import('./sentences.js').Line | null} line */
  show(line) {
    this.words?.clear();
    this.block?.classList.remove(MARK);
    this.block = line?.block ?? null;
    this.block?.classList.add(MARK);
    if (line) this.words?.add(line.range);
  }
}

/** The controls, without what they do. */
function controls() {
  const button = (name, label) => make("button", { type: "button", "aria-label": label, title: label }, name);
  const parts = {
    play: make("button", { type: "button", class: "player-play" }, "Listen"),
    back: button("⟨", "The sentence before"),
    forth: button("⟩", "The next sentence"),
    place: make("input", { type: "range", min: 0, value: 0, step: 1, "aria-label": "Place in the section" }),
    time: make("span", { class: "player-time" }),
    speed: make(
      "select",
      { "aria-label": "Speed" },
      ...SPEEDS.map((rate) => make("option", { value: rate, selected: rate === 1 }, `${rate}×`)),
    ),
    line: make("p", { class: "course-note", role: "status" }),
  };
  const { play, back, forth, place, time, speed, line } = parts;
  return {
    ...parts,
    element: make(
      "section",
      { class: "course-player", "aria-label": "Read aloud" },
      make("div", { class: "player-row" }, play, back, forth, place, time, speed),
      line,
    ),
  };
}

/** Bring a sentence into view, unless the reader has gone elsewhere. */
function follow(before, line) {
  if (!line || inView(line.range) || (before && !inView(before.range))) return;
  line.block.scrollIntoView({ block: "center", behavior: still() ? "auto" : "smooth" });
}

/**
 * Make the player of a section work.
 * @param {ReturnType<typeof controls>} parts @param {import('./sentences.js').Line[]} lines @param {SpeechSynthesisVoice} voice
 * @param {{heard: number, note: (place: number) => void}} memory where reading had come to
 */
function connect(parts, lines, voice, memory) {
  const texts = lines.map((line) => line.text);
  const narrator = new Narrator(texts, voice);
  const marker = new Marker();
  const { play, back, forth, place, time, speed, line } = parts;
  let before = null;
  narrator.place = Math.min(memory.heard, texts.length - 1);
  place.max = texts.length - 1;
  const show = () => {
    const here = narrator.playing ? lines[narrator.place] : null;
    const at = Math.min(narrator.place, texts.length - 1);
    play.textContent = narrator.playing
      ? "Pause"
      : narrator.place > 0 && narrator.place < texts.length
        ? "Go on"
        : "Listen";
    parts.element.classList.toggle("playing", narrator.playing);
    place.value = at;
    const left = lasting(minutes(texts.slice(at), narrator.rate));
    place.setAttribute("aria-valuetext", `sentence ${at + 1} of ${texts.length}, ${left} left`);
    time.textContent = at ? `${left} left` : left;
    marker.show(here);
    if (here) {
      follow(before, here);
      before = here;
      memory.note(narrator.place);
    }
  };
  narrator.addEventListener("change", show);
  narrator.addEventListener("fault", () => {
    line.textContent = "The voice of this browser stopped. Try again, or read on.";
  });
  play.addEventListener("click", () => {
    line.textContent = "";
    if (narrator.playing) narrator.pause();
    else narrator.play();
  });
  back.addEventListener("click", () => narrator.go(narrator.place - 1));
  forth.addEventListener("click", () => narrator.go(narrator.place + 1));
  place.addEventListener("change", () => narrator.go(Number(place.value)));
  speed.addEventListener("change", () => narrator.setRate(Number(speed.value)));
  window.addEventListener("pagehide", () => narrator.pause()); // a page that is come back to stands where it was left
  show();
}

/** Wait until the formulas are typeset; where there are none, nothing typesets. */
async function typeset() {
  if (document.readyState !== "complete")
    await new Promise((resolve) => {
      window.addEventListener("load", resolve, { once: true });
    });
  await /** @type {any} */ (window).MathJax?.startup?.promise;
}

/**
 * Put a player below the title.
 * @param {Element} article @param {import('./progress.js').Memory} memory @param {string} name the section's
 */
export async function addPlayer(article, memory, name) {
  const parts = controls();
  const able = (/** @type {boolean} */ yes) => {
    for (const part of parts.element.querySelectorAll("button, input, select")) part.disabled = !yes;
  };
  able(false);
  article.querySelector("h1")?.after(parts.element);
  await typeset();
  const lines = read(article);
  parts.time.textContent = lasting(
    minutes(
      lines.map((line) => line.text),
      1,
    ),
  );
  const speech = window.speechSynthesis;
  const voice = await findVoice(speech);
  const start = (/** @type {SpeechSynthesisVoice} */ found) => {
    able(true);
    parts.line.textContent = "";
    connect(parts, lines, found, {
      heard: memory.section(name).heard,
      note: (place) =>
        memory.note(name, (section) => {
          section.heard = place;
        }),
    });
  };
  if (voice) return start(voice);
  parts.line.textContent = "This browser has no English voice of its own, so it cannot read the section aloud.";
  parts.element.classList.add("silent");
  const late = () => {
    const found = bestVoice(speech.getVoices());
    if (!found) return;
    speech.removeEventListener("voiceschanged", late);
    parts.element.classList.remove("silent");
    start(found);
  };
  speech?.addEventListener?.("voiceschanged", late);
}
