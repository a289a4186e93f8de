import assert from "node:assert/strict";
import { test } from "node:test";
import { completions, parseWords, withoutLastWord, writeWord } from "../components/filter_words.ts";

const NAMES = ["model", "status", "user_id", "service"];
const VALUES: Readonly<Record<string, readonly (readonly [string, number | null])[]>> = {
  model: [
    ["gpt-5-mini", 7],
    ["claude-sonnet-4-5", 5],
    ["my gpt", 1],
  ],
};
const valuesOf = (name: string) => VALUES[name] ?? [];

test("words with a known name are filters, everything else is text", () => {
  assert.deepEqual(parseWords('where model:gpt-5-mini is  user:ana "x" other:1', NAMES), {
    filters: [
      ["model", "gpt-5-mini"],
      ["user_id", "ana"],
    ],
    text: 'where is "x" other:1',
  });
  assert.deepEqual(parseWords('model:"my gpt"', NAMES), { filters: [["model", "my gpt"]], text: "" });
  assert.deepEqual(parseWords("http://x.y model:", NAMES), { filters: [], text: "http://x.y model:" });
});

test("names are completed, then values with their counts", () => {
  assert.deepEqual(
    completions("us", NAMES, valuesOf).map(({ word }) => word),
    ["user_id:"],
  );
  assert.deepEqual(
    completions("text s", NAMES, valuesOf).map(({ word }) => word),
    ["status:", "service:"],
  );
  assert.deepEqual(
    completions("model:GPT", NAMES, valuesOf).map(({ word, count }) => [word, count]),
    [
      ["model:gpt-5-mini", 7],
      ['model:"my gpt"', 1],
    ],
  );
  assert.deepEqual(completions("", NAMES, valuesOf), []);
  assert.deepEqual(completions("nothing:x", NAMES, valuesOf), []);
  assert.deepEqual(completions("__proto__:x", NAMES, valuesOf), []);
});

test("the completed word replaces the last one", () => {
  assert.equal(withoutLastWord('some text model:"my g'), "some text ");
  assert.equal(withoutLastWord("mod"), "");
  assert.equal(writeWord("model", 'my "gpt"'), 'model:"my gpt"');
});
