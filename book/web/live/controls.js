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
  const shown = element("span", { class: "demo-value" }, say(value));
  const input = element("input", { type: "range", min, max, step, value, "aria-label": label });
  const tell = () => {
    shown.textContent = say(Number(input.value));
    input.setAttribute("aria-valuetext", shown.textContent);
  };
  input.addEventListener("input", () => {
    tell();
    change(Number(input.value));
  });
  tell();
  const node = element("label", { class: "demo-range" }, element("span", {}, label), shown, input);
  const set = (to) => {
    input.value = String(to);
    tell();
  };
  return { node, input, set };
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

/** @param {string} label @param {() => void} press @param {Record<string, any>} [attributes] */
export function button(label, press, attributes = {}) {
  return element("button", { type: "button", onclick: press, ...attributes }, label);
}
