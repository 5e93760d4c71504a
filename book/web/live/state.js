/** A demo's state in the address: `#plane?species=fox&scaly=0.5` restores the exact picture. */

/** @typedef {Record<string, string | number | boolean>} State */

/** @param {string} name @param {State} state @returns {string} */
export function toHash(name, state) {
  return `#${name}?${new URLSearchParams(Object.entries(state).map(([key, value]) => [key, String(value)]))}`;
}

/**
 * The state that an address holds, each value of the type of its default; what is unknown or malformed is passed over.
 * @param {string} hash @param {string} name @param {State} defaults
 * @returns {State | null} null when the address means something else
 */
export function fromHash(hash, name, defaults) {
  if (!hash.startsWith(`#${name}?`)) return null;
  const given = new URLSearchParams(hash.slice(name.length + 2));
  return Object.fromEntries(Object.entries(defaults).map(([key, value]) => [key, parsed(given.get(key), value)]));
}

/** @param {string | null} text @param {string | number | boolean} value */
function parsed(text, value) {
  if (text === null) return value;
  if (typeof value === "boolean") return text === "true";
  if (typeof value === "number") return text.trim() && Number.isFinite(Number(text)) ? Number(text) : value;
  return text;
}
