import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { Tokenizer } from "../../../book/web/live/tokenizer.js";

const expected = JSON.parse(readFileSync(new URL("expected.json", import.meta.url)));
const tables = JSON.parse(readFileSync(new URL("../../../book/web/models/tokenizer.json", import.meta.url)));
const tokenizer = new Tokenizer(tables);

test("ids are those of CLIPTokenizer, on captions and on words it never saw", () => {
  for (const [text, ids] of expected.tokens) assert.deepEqual(Array.from(tokenizer.encode(text), Number), ids, text);
});

test("it says when the end of a text is not read", () => {
  assert.equal(tokenizer.cuts("a fox"), false);
  assert.equal(tokenizer.cuts("a fox ".repeat(12)), true);
});
