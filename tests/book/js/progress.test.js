import assert from "node:assert/strict";
import { test } from "node:test";

import { KEY, Memory, merged, nothing, parsed } from "../../../book/web/course/progress.js";

class Storage {
  kept = new Map();
  getItem(key) {
    return this.kept.get(key) ?? null;
  }
  setItem(key, value) {
    this.kept.set(key, value);
  }
  removeItem(key) {
    this.kept.delete(key);
  }
}

test("what is noted is there the next time", () => {
  const storage = new Storage();
  const memory = new Memory(() => storage);
  let told = 0;
  memory.addEventListener("change", () => {
    told += 1;
  });
  memory.note("01_first", (section) => {
    section.complete = true;
    section.checks.a = { passed: true, tries: 2 };
  });
  assert.equal(told, 1);
  const again = new Memory(() => storage);
  assert.equal(again.section("01_first").complete, true);
  assert.deepEqual(again.section("01_first").checks, { a: { passed: true, tries: 2 } });
  assert.equal(again.section("02_second").complete, false);
});

test("two windows do not overwrite each other", () => {
  const storage = new Storage();
  const [one, other] = [new Memory(() => storage), new Memory(() => storage)];
  one.note("01_first", (section) => {
    section.complete = true;
  });
  other.note("02_second", (section) => {
    section.complete = true;
  });
  assert.deepEqual(Object.keys(parsed(storage.getItem(KEY)).sections).sort(), ["01_first", "02_second"]);
});

test("without storage it works, and says that nothing is kept", () => {
  const memory = new Memory(() => {
    throw new Error("denied");
  });
  memory.note("01_first", (section) => {
    section.complete = true;
  });
  assert.equal(memory.kept, false);
  assert.equal(memory.section("01_first").complete, true);
});

test("a storage that is full keeps the page working", () => {
  const storage = new Storage();
  const memory = new Memory(() => storage);
  storage.setItem = () => {
    throw new Error("quota");
  };
  memory.note("01_first", (section) => {
    section.complete = true;
  });
  assert.equal(memory.kept, false);
  assert.equal(memory.progress.sections["01_first"].complete, true);
});

test("a storage that fills up does not bring back what it held before", () => {
  const storage = new Storage();
  const memory = new Memory(() => storage);
  const complete = (section) => {
    section.complete = true;
  };
  memory.note("01_first", complete);
  storage.setItem = () => {
    throw new Error("quota");
  };
  memory.note("02_second", complete);
  memory.note("03_third", complete);
  assert.deepEqual(Object.keys(memory.progress.sections).sort(), ["01_first", "02_second", "03_third"]);
});

test("storage that holds rubbish is as good as empty", () => {
  const storage = new Storage();
  storage.setItem(KEY, '{"version": 1, "sections"');
  assert.deepEqual(new Memory(() => storage).progress, nothing());
});

test("a file from elsewhere is refused with a sentence, odd entries in a good one are dropped", () => {
  for (const text of ["", "hello", "3", "[]", '{"version": 2, "sections": {}}', '{"version": 1}'])
    assert.throws(() => parsed(text), /not one that the course saved/);
  const odd = parsed(
    '{"version": 1, "sections": {"a": {"complete": "yes", "demos": ["zip", 3, "zip"], "checks": {"q": {"passed": 1, "tries": -2}, "r": 3}, "heard": "x"}, "b": 3}}',
  );
  assert.deepEqual(odd.sections, {
    a: { complete: false, demos: ["zip"], checks: { q: { passed: false, tries: 0 } }, heard: 0 },
  });
  const { sections } = parsed('{"version": 1, "sections": {"__proto__": {"complete": true}}}');
  assert.equal({}.complete, undefined);
  assert.deepEqual(Object.keys(sections), ["__proto__"]);
});

test("loading a file loses nothing on either side", () => {
  const mine = parsed(
    '{"version": 1, "sections": {"a": {"complete": true, "demos": ["zip"], "checks": {"q": {"passed": false, "tries": 3}}, "heard": 4}}}',
  );
  const theirs = parsed(
    '{"version": 1, "sections": {"a": {"demos": ["plane"], "checks": {"q": {"passed": true, "tries": 1}}, "heard": 9}, "b": {"complete": true}}}',
  );
  const both = merged(mine, theirs).sections;
  assert.deepEqual(both.a, {
    complete: true,
    demos: ["zip", "plane"],
    checks: { q: { passed: true, tries: 3 } },
    heard: 4,
  });
  assert.equal(both.b.complete, true);
});
