/** Reading aloud, one utterance a sentence, with the voices that the browser brings along. */

const PER_MINUTE = 165; // words, at a speed of one

/** How long reading takes. @param {string[]} texts @param {number} rate @returns {number} minutes */
export const minutes = (texts, rate) =>
  texts.reduce((sum, text) => sum + text.split(/\s+/).length, 0) / PER_MINUTE / rate;

/**
 * The voice to read with: English, British first, and one of this device: others would send the text to a server.
 * @param {SpeechSynthesisVoice[]} voices @returns {SpeechSynthesisVoice | undefined}
 */
export function bestVoice(voices) {
  const own = voices.filter((voice) => voice.localService && /^en\b/i.test(voice.lang.replace("_", "-")));
  return own.find((voice) => /GB/i.test(voice.lang)) ?? own.find((voice) => voice.default) ?? own[0];
}

/**
 * The voice, once the browser knows its voices; undefined where it has none.
 * @param {SpeechSynthesis | undefined} speech @param {number} patience milliseconds to wait for the list
 * @returns {Promise<SpeechSynthesisVoice | undefined>}
 */
export function findVoice(speech, patience = 2000) {
  if (!speech) return Promise.resolve(undefined);
  const now = bestVoice(speech.getVoices());
  if (now) return Promise.resolve(now);
  return new Promise((resolve) => {
    const look = () => {
      const voice = bestVoice(speech.getVoices());
      if (voice) finish(voice);
    };
    const finish = (/** @type {SpeechSynthesisVoice | undefined} */ voice) => {
      clearTimeout(timer);
      speech.removeEventListener?.("voiceschanged", look);
      resolve(voice);
    };
    const timer = setTimeout(() => finish(bestVoice(speech.getVoices())), patience);
    speech.addEventListener?.("voiceschanged", look);
  });
}

/** Reads texts one after the other. Events: `change` whenever place, speed or playing changes, `fault` when the voice fails. */
export class Narrator extends EventTarget {
  /**
   * @param {string[]} texts @param {SpeechSynthesisVoice} voice
   * @param {SpeechSynthesis} speech @param {typeof SpeechSynthesisUtterance} Utterance
   */
  constructor(texts, voice, speech = globalThis.speechSynthesis, Utterance = globalThis.SpeechSynthesisUtterance) {
    super();
    Object.assign(this, { texts, voice, speech, Utterance, place: 0, rate: 1, playing: false });
    /** The utterance that is heard; the ends of earlier ones no longer count. */
    this.current = null;
  }

  play() {
    if (this.place >= this.texts.length) this.place = 0;
    this.playing = true;
    this.say();
  }

  /** Stops in the sentence; playing begins it again, for not every browser can stop inside one. */
  pause() {
    this.playing = false;
    this.hush();
    this.told();
  }

  /** @param {number} place the sentence to go to */
  go(place) {
    this.place = Math.max(0, Math.min(place, this.texts.length - 1));
    if (this.playing) this.say();
    else this.told();
  }

  /** @param {number} rate times the voice's own speed */
  setRate(rate) {
    this.rate = rate;
    if (this.playing) this.say();
    else this.told();
  }

  hush() {
    this.current = null;
    this.speech.cancel();
  }

  say() {
    this.hush();
    const utterance = new this.Utterance(this.texts[this.place]);
    Object.assign(utterance, { voice: this.voice, lang: this.voice.lang, rate: this.rate });
    utterance.onend = () => {
      if (this.current === utterance) this.next();
    };
    utterance.onerror = (event) => {
      if (this.current === utterance) this.fail(event.error);
    };
    this.current = utterance;
    this.speech.speak(utterance);
    this.told();
  }

  next() {
    this.place += 1;
    if (this.place < this.texts.length) return this.say();
    this.playing = false;
    this.current = null;
    this.told();
  }

  fail(error) {
    this.pause();
    this.dispatchEvent(new CustomEvent("fault", { detail: error }));
  }

  told() {
    this.dispatchEvent(new Event("change"));
  }
}
