/**
 * Brings the demos of a page to life. Each is a figure with `data-demo`, in which a poster stands from the start; what
 * goes wrong here leaves it there, with a line that says why.
 */

import { Host } from "./host.js";

const DEMOS = {
  zip: () => import("./demos/zip.js"),
  plane: () => import("./demos/plane.js"),
  guidance: () => import("./demos/guidance.js"),
  spaces: () => import("./demos/spaces.js"),
  steps: () => import("./demos/steps.js"),
  skeleton: () => import("./demos/skeleton.js"),
};

/** Readers who save data, and browsers that cannot tell what is in view, are asked first. */
function asksFirst() {
  return Boolean(navigator.connection?.saveData) || typeof IntersectionObserver !== "function";
}

/** The observer would say so, too, but only after the first picture of the page. @param {HTMLElement} figure */
function inView(figure) {
  const { top, bottom } = figure.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

/** @param {HTMLElement} figure @param {() => Promise<any>} open */
function attend(figure, open) {
  const host = new Host(figure, open);
  addEventListener("hashchange", () => host.linked() && host.visit());
  if (host.linked()) {
    figure.scrollIntoView({ block: "center" });
    host.wake();
  } else if (asksFirst()) host.offer();
  else if (inView(figure)) host.wake();
  else {
    const watch = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watch.disconnect();
      host.wake();
    });
    watch.observe(figure);
  }
}

/** Find the hosts. */
function begin() {
  for (const figure of document.querySelectorAll(".course-demo[data-demo]")) {
    const open = DEMOS[/** @type {HTMLElement} */ (figure).dataset.demo ?? ""];
    if (open) attend(/** @type {HTMLElement} */ (figure), open);
  }
}

// As soon as the page is read: the scripts of the theme, which wait for that, too, take longer than all of this.
if (document.readyState === "loading") document.addEventListener("readystatechange", begin, { once: true });
else begin();
