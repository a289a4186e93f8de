import assert from "node:assert/strict";
import { test } from "node:test";
import { covered, instants, rangeValues, sumKnown } from "../components/steps.ts";

const STARTS = instants(["2026-11-30T00:00:00Z", "2026-11-30T01:00:00Z", "2026-11-30T02:00:00Z"]);
const RANGE = { from: Date.UTC(2026, 10, 30, 0, 20), to: Date.UTC(2026, 10, 30, 2, 20) };

test("steps within a range cover all of their time", () => {
  const middle = { from: Date.UTC(2026, 10, 30, 1), to: Date.UTC(2026, 10, 30, 2) };
  assert.deepEqual(covered(STARTS, 1, 1, RANGE), middle);
  assert.deepEqual(rangeValues(middle), {
    range: null,
    from: "2026-11-30T01:00:00Z",
    to: "2026-11-30T02:00:00Z",
  });
});

test("the first and the last step cover only the part that is in the range", () => {
  assert.deepEqual(covered(STARTS, 0, 2, RANGE), RANGE);
  assert.equal(covered(STARTS, 0, 0, RANGE).from, RANGE.from);
  assert.equal(covered(STARTS, 2, 2, RANGE).to, RANGE.to);
});

test("a sum of nothing known is unknown", () => {
  assert.equal(sumKnown([]), null);
  assert.equal(sumKnown([null, undefined]), null);
  assert.equal(sumKnown([null, 0, 2]), 2);
  assert.equal(sumKnown([0]), 0);
});
