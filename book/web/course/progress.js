/** What a reader has done, kept in the browser's storage; where that is denied, until the page is left. */

/**
 * @typedef {{passed: boolean, tries: number}} Check
 * @typedef {{complete: boolean, demos: string[], checks: Record<string, Check>, heard: number}} Section
 * @typedef {{version: 1, sections: Record<string, Section>}} Progress
 */

export const KEY = "latent-space-and-control/progress";

/** @returns {Progress} */
export const nothing = () => ({ version: 1, sections: {} });

/** @returns {Section} A section in which nothing has been done. */
export const untouched = () => ({ complete: false, demos: [], checks: {}, heard: 0 });

const record = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const count = (value) => (Number.isInteger(value) && value >= 0 ? value : 0);

/**
 * Keep of each entry what can be understood.
 * @template T
 * @param {unknown} object @param {(value: any) => T} read @returns {Record<string, T>}
 */
const entries = (object, read) =>
  Object.fromEntries(
    Object.entries(record(object) ? object : {})
      .filter(([, value]) => record(value))
      .map(([name, value]) => [name, read(value)]),
  );

/** @param {any} value @returns {Section} */
const section = (value) => ({
  complete: value.complete === true,
  demos: Array.isArray(value.demos) ? [...new Set(value.demos.filter((name) => typeof name === "string"))] : [],
  checks: entries(value.checks, (check) => ({ passed: check.passed === true, tries: count(check.tries) })),
  heard: count(value.heard),
});

/**
 * Progress out of a text, as the storage or an exported file holds it.
 * @param {string} text @returns {Progress} @throws {Error} with a sentence for the reader
 */
export function parsed(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("This file is not one that the course saved: it is not JSON.");
  }
  if (!record(value) || value.version !== 1 || !record(value.sections)) {
    throw new Error("This file is not one that the course saved, or a later edition of the course saved it.");
  }
  return { version: 1, sections: entries(value.sections, section) };
}

/**
 * Both together: nothing that was done on either side is lost.
 * @param {Section} mine @param {Section} theirs @returns {Section}
 */
function joined(mine, theirs) {
  const checks = { ...theirs.checks };
  for (const [id, check] of Object.entries(mine.checks)) {
    const other = checks[id] ?? { passed: false, tries: 0 };
    checks[id] = { passed: check.passed || other.passed, tries: Math.max(check.tries, other.tries) };
  }
  return {
    complete: mine.complete || theirs.complete,
    demos: [...new Set([...mine.demos, ...theirs.demos])],
    checks,
    heard: mine.heard || theirs.heard,
  };
}

/** @param {Progress} mine @param {Progress} theirs @returns {Progress} */
export function merged(mine, theirs) {
  const names = [...new Set([...Object.keys(mine.sections), ...Object.keys(theirs.sections)])];
  const of = (progress, name) => progress.sections[name] ?? untouched();
  return {
    version: 1,
    sections: Object.fromEntries(names.map((name) => [name, joined(of(mine, name), of(theirs, name))])),
  };
}

/** The progress of this browser. Tells of changes, also of those made in another window, by a `change` event. */
export class Memory extends EventTarget {
  /** @param {() => Storage} open gives the storage, or throws where it is denied */
  constructor(open = () => window.localStorage) {
    super();
    this.progress = nothing();
    /** Whether what is noted outlives the page. */
    this.kept = false;
    try {
      this.storage = open();
      this.storage.setItem(`${KEY}/try`, "1");
      this.storage.removeItem(`${KEY}/try`);
      this.kept = true;
    } catch {
      this.storage = null;
    }
    this.read();
  }

  /** Take up what the storage holds; what cannot be read is passed over, and overwritten by the next note. */
  read() {
    try {
      const text = this.storage?.getItem(KEY);
      if (text) this.progress = parsed(text);
      else if (this.kept) this.progress = nothing();
    } catch {
      /* unreadable: begin anew */
    }
  }

  /** @param {string} name @returns {Section} a copy */
  section(name) {
    return structuredClone(this.progress.sections[name] ?? untouched());
  }

  /** @param {string} name @param {(section: Section) => void} change what to note of a section */
  note(name, change) {
    this.read();
    const noted = this.section(name);
    change(noted);
    this.keep({ version: 1, sections: { ...this.progress.sections, [name]: noted } });
  }

  /** @param {Progress} progress replaces everything */
  keep(progress) {
    this.progress = progress;
    try {
      this.storage?.setItem(KEY, JSON.stringify(progress));
    } catch {
      this.kept = false; // what lies there is older from now on: it must not come back with the next note
      this.storage = null;
    }
    this.dispatchEvent(new Event("change"));
  }

  /** Follow what other windows of the book note. @param {Window} view */
  follow(view) {
    view.addEventListener("storage", (event) => {
      if (event.key !== KEY && event.key !== null) return;
      this.read();
      this.dispatchEvent(new Event("change"));
    });
  }
}
