import assert from "node:assert/strict";
import { test } from "node:test";
import * as times from "../format/times.ts";

const AT = Date.parse("2026-11-23T13:37:56.082Z");

test("instants are written in the zone", () => {
  assert.equal(times.instant(AT, "UTC"), "2026-11-23 13:37:56.082");
  assert.equal(times.instant(AT, "Europe/Berlin"), "2026-11-23 14:37:56.082");
  assert.equal(times.minute(AT, "Asia/Kathmandu"), "2026-11-23 19:22");
  assert.equal(times.date(Date.parse("2026-11-23T23:30:00Z"), "Europe/Berlin"), "2026-11-24");
});

test("offsets follow the zone's rules at the instant", () => {
  assert.equal(times.offsetText(AT, "Europe/Berlin"), "UTC+01:00");
  assert.equal(times.offsetText(Date.parse("2026-07-01T00:00:00Z"), "Europe/Berlin"), "UTC+02:00");
  assert.equal(times.offsetText(AT, "America/St_Johns"), "UTC−03:30");
  assert.equal(times.offsetText(AT, "UTC"), "UTC");
});

test("a range leaves out the date of its end if it is the same", () => {
  assert.equal(times.range(AT, AT + 3_600_000, "UTC"), "2026-11-23 13:37 – 14:37");
  assert.equal(times.range(AT, AT + 86_400_000, "UTC"), "2026-11-23 13:37 – 2026-11-24 13:37");
});

test("local times become instants, also where the clock changes", () => {
  const berlin = (text: string) => times.rfc3339(times.fromLocal(text, "Europe/Berlin") ?? 0);
  assert.equal(berlin("2026-11-23T14:37"), "2026-11-23T13:37:00Z");
  assert.equal(berlin("2026-11-23"), "2026-11-22T23:00:00Z");
  // Twice: the first is meant. Skipped: an hour later.
  assert.equal(berlin("2026-10-25T02:30"), "2026-10-25T00:30:00Z");
  assert.equal(berlin("2026-03-29T02:30"), "2026-03-29T01:30:00Z");
  assert.equal(times.fromLocal("yesterday", "UTC"), null);
  assert.equal(times.toLocal(AT, "Europe/Berlin"), "2026-11-23T14:37");
});

test("times before 1970 keep their milliseconds", () => {
  assert.equal(times.time(-1, "UTC", true), "23:59:59.999");
});

test("unreadable instants are unknown", () => {
  assert.equal(times.parse("2026-13-99"), null);
  assert.equal(times.parse(null), null);
  assert.equal(times.zoneExists("Mars/Olympus"), false);
});

test("ago is short, and a date for long ago", () => {
  assert.equal(times.ago(AT - 2000, AT, "UTC"), "2 s ago");
  assert.equal(times.ago(AT - 400_000, AT, "UTC"), "6 min ago");
  assert.equal(times.ago(AT + 5000, AT, "UTC"), "0 s ago");
  assert.equal(times.ago(AT - 10 * 86_400_000, AT, "UTC"), "2026-11-13");
});
