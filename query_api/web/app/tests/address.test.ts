import assert from "node:assert/strict";
import { test } from "node:test";
import { activeFilters, filterParameters } from "../api/filters.ts";
import { nextPath, problemSentence, route } from "../api/request.ts";
import {
  address,
  filteredLink,
  pageAddress,
  parseAddress,
  withValues,
  writeAddress,
} from "../state/address.ts";
import { pinned, rangeLength, resolveRange } from "../state/range.ts";

const round = (text: string): string => {
  const [path = "", search = ""] = text.split("?");
  return writeAddress(parseAddress(path, search));
};

test("an address is read and written the same", () => {
  for (const text of [
    "p/abc/calls",
    "p/abc/calls/01a2?tab=cost",
    "p/a%2Fb/traces?span=1&range=7d",
    "p/abc",
    "",
  ])
    assert.equal(round(text), text);
  const { project, page, id } = parseAddress("/p/a%2Fb/sessions/x%20y", "");
  assert.deepEqual([project, page, id], ["a/b", "sessions", "x y"]);
});

test("an undecodable path stays as it is", () => {
  assert.equal(parseAddress("p/%E0%A4%A/calls", "").project, "%E0%A4%A");
});

test("values are set and removed", () => {
  const query = withValues(new URLSearchParams("model=a&q=b"), {
    model: null,
    status: "error",
    q: "",
    limit: 0,
  });
  assert.equal(query.toString(), "status=error&limit=0");
});

test("instants in addresses stay readable", () => {
  const query = withValues(new URLSearchParams(), {
    from: "2026-11-23T14:00:00Z",
    model: "meta/llama 3 & co",
  });
  assert.equal(
    writeAddress({ project: "p", page: "calls", id: null, query }),
    "p/p/calls?from=2026-11-23T14:00:00Z&model=meta/llama+3+%26+co",
  );
  assert.equal(
    parseAddress("p/p/calls", "from=2026-11-23T14:00:00Z&model=meta/llama+3+%26+co").query.get("model"),
    "meta/llama 3 & co",
  );
});

test("ranges move with the clock or are fixed", () => {
  const now = Date.parse("2026-11-23T12:00:00Z");
  const of = (search: string) => resolveRange(new URLSearchParams(search), now);
  assert.deepEqual(of(""), { from: now - 86_400_000, to: now, name: "24h" });
  assert.deepEqual(of("range=15m"), { from: now - 900_000, to: now, name: "15m" });
  assert.equal(of("range=soon").name, "24h");
  assert.deepEqual(of("from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z&range=7d"), {
    from: Date.parse("2026-11-01"),
    to: Date.parse("2026-11-02"),
    name: null,
  });
  assert.equal(of("from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z").to, Date.parse("2026-11-02") + 1);
  assert.deepEqual(pinned(of("range=1h")), {
    range: null,
    from: "2026-11-23T11:00:00Z",
    to: "2026-11-23T12:00:00Z",
  });
  assert.equal(rangeLength("0h"), null);
});

test("filters of the address become parameters, others do not", () => {
  const query = new URLSearchParams("model=a&tab=cost&call=1&status=&q=x");
  assert.deepEqual(activeFilters(query), [
    ["model", "a"],
    ["q", "x"],
  ]);
  const range = { from: 0, to: 1000, name: null };
  assert.equal(
    filterParameters(query, range).toString(),
    new URLSearchParams({
      model: "a",
      q: "x",
      date_from: "1970-01-01T00:00:00Z",
      date_to: "1970-01-01T00:00:01Z",
    }).toString(),
  );
});

test("the next page comes from the Link header", () => {
  assert.equal(nextPath('</v1/traces?limit=1&cursor=a>; rel="next"'), "/v1/traces?limit=1&cursor=a");
  assert.equal(nextPath('</pulse/p/x/v1/traces?cursor=a>; rel="next"'), "/v1/traces?cursor=a");
  assert.equal(nextPath(null), null);
  assert.equal(route("/v1/traces", { limit: 1, q: null, model: "a b" }), "/v1/traces?limit=1&model=a+b");
});

test("problems become sentences", () => {
  assert.equal(
    problemSentence({
      title: "Bad Request",
      detail: "Invalid parameters",
      errors: [{ path: "limit", message: "must be at least 1" }],
    }),
    "Invalid parameters: limit must be at least 1",
  );
  assert.equal(problemSentence({ error: "The key is wrong." }), "The key is wrong.");
  assert.equal(problemSentence({ title: "Not Found" }), "Not Found");
  assert.equal(problemSentence("text"), null);
});

test("the address of the page is the same object whatever is chosen within it", () => {
  address.value = parseAddress("p/a/calls", "model=b&call=1&tab=cost");
  const before = pageAddress.value;
  address.value = parseAddress("p/a/calls", "model=b&call=2");
  assert.equal(pageAddress.value, before);
  assert.equal(filteredLink({ status: "error" }), "/p/a/calls?model=b&status=error");
  address.value = parseAddress("p/a/calls", "model=c&call=2");
  assert.equal(pageAddress.value.query.get("model"), "c");
});
