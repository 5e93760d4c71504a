/** "Check yourself": questions answered in the page, explained after the answer, remembered. */

import { make } from "./dom.js";
import { grade } from "./grading.js";
import { PAINTERS } from "./painters.js";

/** What the reader has answered: a number, the place of a choice, or a slider's position. @param {HTMLFormElement} form */
const given = (form) => String(new FormData(form).get("answer") ?? "");

/** Let a slider show where it is, and paint. @param {HTMLFormElement} form */
function slide(form) {
  const slider = form.querySelector("input[type=range]");
  if (!(slider instanceof HTMLInputElement)) return;
  const stage = form.querySelector(".check-stage");
  const paint = stage instanceof HTMLElement ? PAINTERS[stage.dataset.painter ?? ""]?.(stage) : undefined;
  const labels = JSON.parse(slider.dataset.labels ?? "null");
  const output = form.querySelector("output");
  const show = () => {
    const words = labels ? labels[Number(slider.value)] : slider.value;
    if (output) output.textContent = words;
    slider.setAttribute("aria-valuetext", words);
    paint?.(Number(slider.value));
  };
  slider.addEventListener("input", show);
  show();
}

/**
 * Make one question answerable.
 * @param {HTMLElement} check @param {import('./progress.js').Memory} memory @param {string} name the section's
 */
function enliven(check, memory, name) {
  const [form, details] = [check.querySelector("form"), check.querySelector("details")];
  const answer = JSON.parse(check.dataset.answer ?? "null");
  const id = check.dataset.check ?? "";
  if (!form || !details || !answer) return;
  const line = make("p", { class: "check-result", role: "status" });
  const reveal = make(
    "button",
    { type: "button", class: "check-reveal", hidden: true, click: () => unfold() },
    "Show the answer",
  );
  const noted = () => memory.section(name).checks[id];
  const open = () => {
    details.hidden = false;
    details.open = true;
    reveal.hidden = true;
  };
  const unfold = () => {
    open();
    details.querySelector("summary")?.focus(); // the button that had the focus is gone
  };
  const mark = () => {
    check.dataset.passed = String(Boolean(noted()?.passed));
  };
  form.append(make("p", { class: "course-buttons" }, make("button", { type: "submit" }, "Check"), reveal), line);
  details.hidden = !noted()?.tries;
  if (noted()?.passed) line.textContent = "Answered right on an earlier visit.";
  mark();
  memory.addEventListener("change", mark);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const result = grade(answer, given(form));
    line.textContent = result.say;
    check.dataset.right = result.counts ? String(result.right) : "";
    if (!result.counts) return;
    const revealed = !details.hidden && !noted()?.passed && details.open;
    memory.note(name, (section) => {
      const before = section.checks[id] ?? { passed: false, tries: 0 };
      section.checks[id] = { passed: before.passed || (result.right && !revealed), tries: before.tries + 1 };
    });
    if (result.right) open();
    else reveal.hidden = details.open;
  });
  slide(form);
}

/**
 * All questions of the page.
 * @param {import('./progress.js').Memory} memory @param {string} name the section's
 */
export function enlivenChecks(memory, name) {
  for (const check of document.querySelectorAll(".course-check"))
    enliven(/** @type {HTMLElement} */ (check), memory, name);
}
