/** Whether an answer is right. What is graded here counts for nothing but the reader's own progress. */

/**
 * @typedef {{kind: 'number', value: number, within: number}} NumberAnswer right within a share of the value
 * @typedef {{kind: 'choice', right: number}} ChoiceAnswer one of several, by its place
 * @typedef {{kind: 'slider', from: number, to: number}} SliderAnswer right between two positions
 * @typedef {NumberAnswer | ChoiceAnswer | SliderAnswer} Answer
 */

/**
 * A number as people type it: `1,024`, `0.5`, `48×`, `27 %`. A comma counts only where it parts thousands: `0,125` may
 * be meant as an eighth. @param {string} text @returns {number} NaN where it is none
 */
export function typed(text) {
  const plain = text
    .trim()
    .replace(/[−–]/g, "-")
    .replace(/\s*(%|×|x|times)$/i, "")
    .replace(/^[+-]?[1-9]\d{0,2}(,\d{3})+(?!\d)/, (thousands) => thousands.replaceAll(",", ""));
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

/**
 * @param {Answer} answer @param {string} given what was typed, chosen or moved to
 * @returns {{right: boolean, counts: boolean, say: string}} `counts` is false for what is no answer at all
 */
export function grade(answer, given) {
  if (given === "")
    return {
      right: false,
      counts: false,
      say: answer.kind === "number" ? "Type a number first." : "Choose one first.",
    };
  if (answer.kind === "number") return number(answer, typed(given));
  if (answer.kind === "choice") {
    const right = Number(given) === answer.right;
    return { right, counts: true, say: right ? "Right." : "Not this one." };
  }
  const place = Number(given);
  const right = place >= answer.from && place <= answer.to;
  return {
    right,
    counts: true,
    say: right ? "Right, there it is." : `Not there: move it ${place < answer.from ? "up" : "down"}.`,
  };
}

/** @param {NumberAnswer} answer @param {number} given */
function number({ value, within }, given) {
  if (Number.isNaN(given))
    return { right: false, counts: false, say: "That is no number I can read. Type something like 3.5." };
  const apart = Math.abs(given - value);
  const right = apart <= within * Math.abs(value) + 1e-12;
  const exact = apart <= 0.005 * Math.abs(value);
  if (right) return { right, counts: true, say: exact ? "Right." : "Right, near enough." };
  return { right, counts: true, say: given < value ? "Too low." : "Too high." };
}
