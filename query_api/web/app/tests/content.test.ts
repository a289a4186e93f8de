import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache } from "../api/cache.ts";
import { bucketName } from "../api/cost.ts";
import type { Message, Part } from "../api/messages.ts";
import { cutText, entriesOf, nestedJson } from "../components/json_tree.ts";
import { firstLine, pairResults, sourceText } from "../components/message_pairs.ts";

const message = (role: string, ...parts: readonly Part[]): Message => ({
  role,
  source: "request",
  parts,
  digest: null,
});
const call = (id: string | null): Part => ({ type: "tool_call", id, name: "find", arguments: {} });
const result = (id: string | null, text: string): Part => ({
  type: "tool_result",
  id,
  name: "find",
  parts: [{ type: "text", text }],
});

test("a result joins its call and its message disappears", () => {
  const { shown, results } = pairResults([
    message("assistant", call("1"), call("2")),
    message("tool", result("1", "a")),
  ]);
  assert.deepEqual(
    shown.map((each) => each.message.role),
    ["assistant"],
  );
  assert.deepEqual(results.get("1")?.parts, [{ type: "text", text: "a" }]);
  assert.equal(results.has("2"), false);
});

test("results without a call, and a second result of one call, stay where they are", () => {
  const { shown } = pairResults([
    message("tool", result("9", "early")),
    message("assistant", call("9")),
    message("tool", result("9", "a"), result("9", "b")),
    message("tool", result(null, "c")),
  ]);
  assert.deepEqual(
    shown.map(({ message: each, parts }) => [each.role, parts.length]),
    [
      ["tool", 1],
      ["assistant", 1],
      ["tool", 1],
      ["tool", 1],
    ],
  );
});

test("the source of a message is its text, whole", () => {
  assert.equal(
    sourceText([
      { type: "text", text: "a" },
      { type: "json", value: { b: 1 } },
    ]),
    'a\n\n{\n  "b": 1\n}',
  );
  assert.equal(firstLine("\n\n  Hello\nworld"), "Hello");
});

test("entries are own properties, also those named like a prototype's", () => {
  const value = JSON.parse('{"__proto__": 1, "constructor": 2, "a": null}') as object;
  assert.deepEqual(entriesOf(value), [
    ["__proto__", 1],
    ["constructor", 2],
    ["a", null],
  ]);
  assert.deepEqual(entriesOf([1, [2]]), [
    [null, 1],
    [null, [2]],
  ]);
});

test("texts that hold an object or array can be opened", () => {
  assert.deepEqual(nestedJson(' {"a":1}'), { a: 1 });
  assert.equal(nestedJson('"text"'), undefined);
  assert.equal(nestedJson("{broken"), undefined);
});

test("a text is never cut within a surrogate pair", () => {
  assert.equal(cutText("ab😀cd", 3), "ab");
  assert.equal(cutText("ab😀cd", 4), "ab😀");
  assert.equal(cutText("ab", 4), "ab");
});

test("the cache reads once, keeps the newest, and forgets failures", async () => {
  const cache = new Cache<number>(2);
  let reads = 0;
  const load = (value: number) => () => {
    reads += 1;
    return Promise.resolve(value);
  };
  await Promise.all([cache.read("a", load(1)), cache.read("a", load(1))]);
  assert.equal(reads, 1);
  await cache.read("b", load(2));
  await cache.read("a", load(1));
  await cache.read("c", load(3));
  assert.deepEqual([cache.peek("a"), cache.peek("b"), cache.peek("c")], [1, undefined, 3]);
  await assert.rejects(cache.read("d", () => Promise.reject(new Error("no"))));
  assert.equal(await cache.read("d", load(4)), 4);
});

test("buckets have names for readers", () => {
  const bucket = (name: string) => ({ name, tokens: 1, usd_per_million: 1, cost_cents: 1 });
  assert.equal(bucketName("input", [bucket("input")]), "Input");
  assert.equal(bucketName("input", [bucket("input"), bucket("cache_read")]), "Input, not cached");
  assert.equal(bucketName("output_audio", []), "Output audio");
});
