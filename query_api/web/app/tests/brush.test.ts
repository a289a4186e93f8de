import assert from "node:assert/strict";
import { test } from "node:test";
import { timeMarks } from "../components/axis.ts";
import { type Brush, type BrushChange, changeBrush, chosenSteps, NO_BRUSH } from "../components/brush.ts";
import { scrolledTo, visibleRows } from "../components/visible_rows.ts";

const after = (changes: readonly BrushChange[], count = 10): Brush =>
  changes.reduce((brush, change) => changeBrush(brush, change, count), NO_BRUSH);

test("dragging in either direction chooses the steps between", () => {
  for (const [press, to] of [
    [2, 5],
    [5, 2],
  ] as const) {
    const brush = after([{ type: "press", at: press }, { type: "point", at: to }, { type: "release" }]);
    assert.deepEqual(chosenSteps(brush), [2, 5]);
    assert.equal(brush.dragging, false);
  }
});

test("the pointer outside the chart stays within its steps", () => {
  assert.deepEqual(
    chosenSteps(
      after([
        { type: "press", at: 7 },
        { type: "point", at: 99 },
      ]),
    ),
    [7, 9],
  );
  assert.deepEqual(
    chosenSteps(
      after([
        { type: "press", at: 3 },
        { type: "point", at: -4 },
      ]),
    ),
    [0, 3],
  );
});

test("arrows move the cursor, with Shift they choose", () => {
  const left = { type: "key", by: -1, extend: false } as const;
  assert.equal(after([left]).at, 9);
  assert.equal(after([{ ...left, by: 1 }]).at, 0);
  assert.deepEqual(chosenSteps(after([left, { ...left, extend: true }, { ...left, extend: true }])), [7, 9]);
  assert.deepEqual(chosenSteps(after([{ ...left, extend: true }])), [9, 9]);
  assert.equal(chosenSteps(after([left, { ...left, extend: true }, { type: "clear" }])), null);
});

test("leaving hides the cursor, but not while dragging", () => {
  assert.equal(after([{ type: "point", at: 3 }, { type: "leave" }]).at, -1);
  assert.equal(after([{ type: "press", at: 3 }, { type: "leave" }]).at, 3);
  assert.deepEqual(after([{ type: "press", at: 3 }], 0), NO_BRUSH);
});

test("only rows near the visible part exist", () => {
  assert.deepEqual(visibleRows(0, 480, 48, 1000, 8), [0, 18]);
  assert.deepEqual(visibleRows(4800, 480, 48, 1000, 8), [92, 118]);
  assert.deepEqual(visibleRows(1e9, 480, 48, 1000, 8), [992, 1000]);
  assert.deepEqual(visibleRows(0, 480, 48, 0, 8), [0, 0]);
});

test("marks of the axis stand at midnights and whole hours of the zone", () => {
  const hour = 3_600_000;
  const hours = Array.from({ length: 48 }, (_, at) => Date.parse("2026-11-22T20:00:00Z") + at * hour);
  const day = timeMarks(hours, hour, "Europe/Berlin", 600);
  assert.deepEqual(
    day.map(({ text }) => text),
    ["11-23", "06:00", "12:00", "18:00", "11-24", "06:00", "12:00", "18:00"],
  );
  assert.equal(day[0]?.index, 3);
  const days = Array.from({ length: 30 }, (_, at) => Date.parse("2026-10-10T22:00:00Z") + at * 24 * hour);
  assert.ok(timeMarks(days, 24 * hour, "Europe/Berlin", 600).length <= 9);
  assert.deepEqual(timeMarks([], hour, "UTC", 600), []);
});

test("a chosen row is scrolled to by little, or to the middle if it is far away", () => {
  assert.equal(scrolledTo(100, 10, 50, 100), 50);
  assert.equal(scrolledTo(150, 10, 50, 100), 60);
  assert.equal(scrolledTo(40, 10, 50, 100), 40);
  assert.equal(scrolledTo(1000, 10, 50, 100), 955);
  assert.equal(scrolledTo(0, 10, 500, 100), 0);
});
