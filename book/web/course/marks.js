/** Where progress shows: at the end of a section, in the sidebar, on the course map. */

import { leadsTo, make, many, nameOf } from "./dom.js";
import { merged, nothing, parsed } from "./progress.js";

/** @typedef {{page: string, title: string, checks: string[], demos: string[]}} Listed a section as the book lists it */

/**
 * What has been done of a section.
 * @param {import('./progress.js').Memory} memory @param {Listed} listed
 */
export function done(memory, listed) {
  const { complete, demos, checks } = memory.section(nameOf(listed));
  const passed = listed.checks.filter((id) => checks[id]?.passed).length;
  return { complete, passed, of: listed.checks.length, demos: demos.length };
}

/** The same in words; empty where nothing has been done. @param {ReturnType<typeof done>} one */
export function told({ complete, passed, of, demos }) {
  const parts = [];
  if (complete) parts.push("complete");
  if (passed) parts.push(`${passed} of ${many(of, "check")} passed`);
  if (demos) parts.push(`${many(demos, "demo")} tried`);
  return parts.join(", ");
}

/** @param {import('./progress.js').Memory} memory @param {Listed[]} sections */
function markSidebar(memory, sections) {
  for (const link of document.querySelectorAll(".bd-sidebar-primary nav.bd-links a.reference")) {
    const listed = sections.find(({ page }) => leadsTo(/** @type {HTMLAnchorElement} */ (link).href, page));
    if (!listed) continue;
    const one = done(memory, listed);
    const words = told(one);
    link.querySelector(".course-mark")?.remove();
    if (!words) continue;
    link.append(
      make(
        "span",
        { class: "course-mark", "data-complete": one.complete, title: words },
        make("span", { "aria-hidden": "true" }, one.complete ? "✓" : "◐"),
        make("span", { class: "course-unseen" }, ` (${words})`),
      ),
    );
  }
}

/** @param {import('./progress.js').Memory} memory @param {Listed[]} sections */
function markMap(memory, sections) {
  for (const stop of document.querySelectorAll(".stop")) {
    const links = [...stop.querySelectorAll("a")];
    const listed = sections.find(({ page }) => links.some((link) => leadsTo(link.href, page)));
    if (!listed) continue;
    const one = done(memory, listed);
    stop.classList.toggle("done", one.complete);
    stop.querySelector(".stop-progress")?.remove();
    if (told(one)) stop.append(make("p", { class: "stop-progress" }, `${one.complete ? "✓" : "◐"} ${told(one)}`));
  }
}

/** The box at the end of a section. @param {import('./progress.js').Memory} memory @param {string} name */
function completer(memory, name) {
  const box = make("input", {
    type: "checkbox",
    change: () =>
      memory.note(name, (section) => {
        section.complete = box.checked;
      }),
  });
  const told = make("div", {});
  const show = () => {
    box.checked = memory.section(name).complete;
    told.replaceChildren(...(memory.kept ? [] : [forgetful()]));
  };
  memory.addEventListener("change", show);
  show();
  return make(
    "section",
    { class: "course-complete", "aria-label": "Your progress" },
    make("label", {}, box, " I have worked through this section"),
    told,
  );
}

const forgetful = () =>
  make(
    "p",
    { class: "course-note" },
    "This browser keeps nothing for this book, so your progress lasts until you leave the page; on the course map you can save it to a file.",
  );

/** Counted over the whole book. @param {import('./progress.js').Memory} memory @param {Listed[]} sections */
function summary(memory, sections) {
  const all = sections.map((listed) => done(memory, listed));
  const sum = (/** @type {(one: ReturnType<typeof done>) => number} */ of) =>
    all.reduce((total, one) => total + of(one), 0);
  return (
    `${sum((one) => Number(one.complete))} of ${many(sections.length, "section")} complete, ` +
    `${sum((one) => one.passed)} of ${many(
      sum((one) => one.of),
      "check",
    )} passed, ${many(
      sum((one) => one.demos),
      "demo",
    )} tried.`
  );
}

/** Offer the progress as a file. @param {import('./progress.js').Memory} memory */
function save(memory) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(memory.progress, null, 1)], { type: "application/json" }));
  make("a", { href: url, download: "latent-space-and-control-progress.json" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** What stands on the course map above the stops. @param {import('./progress.js').Memory} memory @param {Listed[]} sections */
function overview(memory, sections) {
  const line = make("p", { role: "status" });
  const counted = make("p", { class: "course-counted" });
  const file = make("input", {
    type: "file",
    accept: ".json,application/json",
    class: "course-unseen",
    change: async () => {
      if (!file.files[0]) return;
      try {
        memory.keep(merged(memory.progress, parsed(await file.files[0].text())));
        line.textContent = "Loaded, and added to what was here.";
      } catch (error) {
        line.textContent = error.message;
      }
      file.value = "";
    },
  });
  const again = () => {
    if (!window.confirm("Forget all progress in this browser?")) return;
    memory.keep(nothing());
    line.textContent = "Forgotten.";
  };
  const show = () => {
    counted.textContent = summary(memory, sections);
  };
  memory.addEventListener("change", show);
  show();
  return make(
    "section",
    { class: "course-progress", "aria-label": "Your progress" },
    make("h2", {}, "Your progress"),
    counted,
    make(
      "p",
      { class: "course-buttons" },
      make("button", { type: "button", click: () => save(memory) }, "Save to a file"),
      make("label", { class: "course-file" }, file, "Load from a file"),
      make("button", { type: "button", click: again }, "Start over"),
    ),
    line,
    memory.kept ? make("p", { class: "course-note" }, "Kept in this browser alone; nobody else sees it.") : forgetful(),
  );
}

/**
 * Note a demo as tried once its reader has used it while it was alive; elsewhere than on its own section's page it counts there.
 * @param {import('./progress.js').Memory} memory @param {Listed[]} sections @param {Listed | undefined} here
 */
export function noteDemos(memory, sections, here) {
  const tried = (/** @type {Event} */ event) => {
    const host = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest?.("[data-demo]"));
    const demo = host?.dataset.demo;
    const home = here ?? sections.find(({ demos }) => demos.includes(demo));
    if (!demo || !home || host.dataset.state !== "live") return;
    if (memory.section(nameOf(home)).demos.includes(demo)) return;
    memory.note(nameOf(home), (section) => {
      section.demos.push(demo);
    });
  };
  for (const kind of ["pointerdown", "keydown", "input", "change", "drop"]) document.addEventListener(kind, tried);
}

/**
 * Show progress on this page, and again whenever it changes.
 * @param {import('./progress.js').Memory} memory @param {Listed[]} sections @param {Listed | undefined} here the section that this page is
 */
export function showProgress(memory, sections, here) {
  const show = () => {
    markSidebar(memory, sections);
    markMap(memory, sections);
  };
  memory.addEventListener("change", show);
  show();
  const article = document.querySelector("article.bd-article");
  const stop = article?.querySelector(".stop");
  stop?.before(overview(memory, sections));
  if (here) article?.append(completer(memory, nameOf(here)));
}
