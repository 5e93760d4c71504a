/** Building pieces of a page, and finding one's place in the book. */

/**
 * An element with attributes (`null` and `false` leave one out, functions listen) and children.
 * @param {string} tag @param {Record<string, any>} [attributes] @param {...(Node | string)} children
 * @returns {any}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/** The path of an address, in one spelling: hosts may leave `.html` out. @param {string} address */
const path = (address) => new URL(address, document.baseURI).pathname.replace(/\.html$/, "");

/** The address of a page of the book. @param {string} page such as `book/course-map` */
export const address = (page) =>
  new URL(`${document.documentElement.dataset.content_root ?? "./"}${page}.html`, document.baseURI).href;

/** Whether a link leads to a page of the book. @param {string} href @param {string} page */
export const leadsTo = (href, page) => path(href) === path(address(page));

/** The name under which a section is remembered. @param {{page: string}} section */
export const nameOf = (section) => section.page.split("/").at(-1);

/** `3 checks`, `1 check` @param {number} n @param {string} what */
export const many = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
