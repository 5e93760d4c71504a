/** A demo's state in the address: `#plane?species=fox&scaly=0.5` restores the exact picture. */

/** @typedef {Record<string, string | number | boolean>} State */

/** @typedef {Record<string, [number, number, number]>} Limits lowest, highest, and what all are multiples of, or 0 */

/** What seeds there are, for PyTorch's generator and for the page's. @type {[number, number, number]} */
export const SEED = [0, 2 ** 32 - 1, 1];

/** @param {string} name @param {State} state @returns {string} */
export function toHash(name, state) {
  return `#${name}?${new URLSearchParams(Object.entries(state).map(([key, value]) => [key, String(value)]))}`;
}

/**
 * The state that an address holds, each value of the type of its default; what is unknown or malformed is passed over.
 * @param {string} hash @param {string} name @param {State} defaults @param {Limits} [limits] of its numbers
 * @returns {State | null} null when the address means something else
 */
export function fromHash(hash, name, defaults, limits) {
  if (!hash.startsWith(`#${name}?`)) return null;
  const given = new URLSearchParams(hash.slice(name.length + 2));
  const state = Object.entries(defaults).map(([key, value]) => [key, parsed(given.get(key), value)]);
  return bounded(Object.fromEntries(state), defaults, limits);
}

/** The nearest number that is allowed. @param {number} value @param {[number, number, number]} limits */
export function within(value, [low, high, step]) {
  return Math.min(high, Math.max(low, step ? Math.round(value / step) * step : value));
}

/**
 * What came from outside: of its default's type, or the default; and numbers within their limits.
 * @param {Record<string, any>} state or a part of it @param {State} defaults @param {Limits} [limits]
 * @returns {State}
 */
export function bounded(state, defaults, limits = {}) {
  return Object.fromEntries(Object.entries(state).map(([key, value]) => {
    const known = typeof value === typeof defaults[key] && !Number.isNaN(value) ? value : defaults[key];
    return [key, limits[key] ? within(/** @type {number} */ (known), limits[key]) : known];
  }));
}

/**
 * What is none of a menu's options becomes the default, here in the state itself.
 * @param {State} state @param {Record<string, readonly any[]>} options by name @param {State} defaults
 */
export function restrict(state, options, defaults) {
  for (const [name, values] of Object.entries(options)) {
    if (values.includes(state[name])) continue;
    state[name] = values.includes(defaults[name]) ? defaults[name] : values[0];
  }
}

/** Whether two states show the same. @param {State} a @param {State} b */
export const same = (a, b) => toHash("", a) === toHash("", b);

/**
 * The student that answers while one drags, of those that are there: the adversarial one first, which tears fewest
 * animals between two prompts. @param {Record<string, any>} index @returns {string | undefined}
 */
export const student = (index) => ["adversarial", "lcm"].find((name) => index[name]);

/** A string as Python's source has it: what JSON escapes, Python reads. @param {string} text */
export const quoted = (text) => JSON.stringify(text);

/** @param {string | null} text @param {string | number | boolean} value */
function parsed(text, value) {
  if (text === null) return value;
  if (typeof value === "boolean") return text === "true";
  if (typeof value === "number") return text.trim() && Number.isFinite(Number(text)) ? Number(text) : value;
  return text;
}
