/** Controls, all of them native elements with a label of their own. */

/**
 * An element.
 * @param {string} tag @param {Record<string, any>} [attributes] @param {...(Node | string)} children
 * @returns {any}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") node.toggleAttribute(name, value);
    else node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

/**
 * A slider with its value beside it.
 * @param {string} label
 * @param {{min: number, max: number, step: number, value: number, say?: (value: number) => string}} options
 * @param {(value: number) => void} change while it is moved
 */
export function range(label, { min, max, step, value, say = String }, change) {
  const shown = element("span", { class: "demo-value" });
  const input = element("input", { type: "range", min, max, step, "aria-label": label });
  const tell = (to) => {
    shown.textContent = say(to);
    input.setAttribute("aria-valuetext", shown.textContent);
  };
  input.addEventListener("input", () => {
    tell(Number(input.value));
    change(Number(input.value));
  });
  const set = (to) => {
    if (to > Number(input.max)) input.max = String(to); // a link, or a notebook, may go further than one can slide
    input.value = String(to);
    tell(to);
  };
  set(value);
  const node = element("label", { class: "demo-range" }, element("span", {}, label), shown, input);
  return { node, input, set };
}

/**
 * A line to type in.
 * @param {string} label @param {string} value @param {(value: string) => void} change when Enter or leaving tells it
 */
export function line(label, value, change) {
  const input = element("input", { type: "text", maxlength: 200, "aria-label": label });
  let told = "";
  const set = (to) => {
    if (document.activeElement === input && input.value !== told) return; // somebody is typing
    input.value = to;
    told = input.value;
  };
  input.addEventListener("change", () => {
    told = input.value;
    change(told);
  });
  set(value);
  return { node: element("label", { class: "demo-text" }, element("span", {}, label), input), input, set };
}

/**
 * A menu.
 * @param {string} label @param {readonly string[]} options @param {string} value @param {(value: string) => void} change
 */
export function menu(label, options, value, change) {
  const select = element("select", { "aria-label": label }, ...options.map((name) => element("option", {}, name)));
  select.value = value;
  select.addEventListener("change", () => change(select.value));
  const node = element("label", { class: "demo-menu" }, element("span", {}, label), select);
  return { node, input: select, set: (to) => (select.value = to) };
}

/** Full screen and back; the whole window where the browser has none. @param {HTMLElement} figure */
export function enlarging(figure) {
  const fill = () => figure.classList.toggle("demo-large");
  addEventListener("keydown", ({ key }) => key === "Escape" && figure.classList.remove("demo-large"));
  return button("Full screen", () => {
    if (document.fullscreenElement) return document.exitFullscreen();
    return figure.requestFullscreen ? figure.requestFullscreen().catch(fill) : fill();
  });
}

/** Whether the keyboard is in there. @param {HTMLElement} node */
export const holds = (node) => node.contains(document.activeElement);

/** Text to the clipboard. @param {string} text @returns {Promise<boolean>} whether the browser allowed it */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} label @param {() => void} press @param {Record<string, any>} [attributes] */
export function button(label, press, attributes = {}) {
  return element("button", { type: "button", onclick: press, ...attributes }, label);
}
