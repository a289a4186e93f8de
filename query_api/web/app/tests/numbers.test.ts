import assert from "node:assert/strict";
import { test } from "node:test";
import * as numbers from "../format/numbers.ts";

const plain = (text: string | null): string | null => text?.replace(/\u202f/g, " ") ?? null;

function table(
  format: (value: number | null) => string | null,
  rows: readonly (readonly [number | null, string | null])[],
): void {
  for (const [value, text] of rows) assert.equal(plain(format(value)), text, String(value));
}

test("count groups the digits by three", () => {
  table(numbers.count, [
    [0, "0"],
    [999, "999"],
    [13360, "13 360"],
    [1234567.5, "1 234 567.5"],
    [-1500, "-1 500"],
    [1e21, "1 000 000 000 000 000 000 000"],
    [null, "–"],
    [Number.NaN, "–"],
  ]);
});

test("short has three digits that matter and a unit", () => {
  table(numbers.short, [
    [0, "0"],
    [9999, "9 999"],
    [12_345, "12.3 k"],
    [99_960, "100 k"],
    [999_949, "1 000 k"],
    [201_000_000, "201 M"],
    [2.5e12, "2.50 T"],
    [null, "–"],
  ]);
});

test("money has two decimals from one dollar on and three digits below", () => {
  table(numbers.money, [
    [0, "$0"],
    [123456, "$1 234.56"],
    [100, "$1.00"],
    [68.4, "$0.684"],
    [0.155, "$0.00155"],
    [0.0000001, "$0.00000000100"],
    [null, "–"],
  ]);
});

test("money in columns has five decimals", () => {
  table(numbers.moneyColumn, [
    [0, "$0.00000"],
    [0.0001, "<$0.00001"],
    [0.155, "$0.00155"],
    [123456789, "$1 234 567.89000"],
    [null, "–"],
  ]);
});

test("exact money has every digit to the nano-dollar", () => {
  table(numbers.moneyExact, [
    [0, "$0"],
    [0.1550001, "$0.001550001"],
    [123456.7, "$1 234.567"],
    [100, "$1"],
    [null, "–"],
  ]);
});

test("duration has a unit that fits and carries into the next", () => {
  table(numbers.duration, [
    [0, "0 ms"],
    [0.0001, "1 µs"],
    [0.25, "250 µs"],
    [9.94, "9.9 ms"],
    [9.96, "10 ms"],
    [999.6, "1.00 s"],
    [4460, "4.46 s"],
    [9996, "10.0 s"],
    [59_960, "1 min"],
    [125_000, "2 min 5 s"],
    [3_600_000, "1 h"],
    [5_400_000, "1 h 30 min"],
    [200_000_000, "2 d 8 h"],
    [null, "–"],
  ]);
});

test("percent is never 0 or 100 unless it is exactly that", () => {
  table(numbers.percent, [
    [0, "0 %"],
    [0.00000001, "<0.01 %"],
    [0.0475, "4.8 %"],
    [0.5, "50 %"],
    [0.9996, "99.96 %"],
    [0.999999, "99.99 %"],
    [1, "100 %"],
    [null, "–"],
  ]);
});

test("ratio of an unknown or by zero is unknown", () => {
  assert.equal(numbers.ratio(1, 4), 0.25);
  assert.equal(numbers.ratio(null, 4), null);
  assert.equal(numbers.ratio(1, 0), null);
  assert.equal(numbers.ratio(0, undefined), null);
});

test("change compares with the value before", () => {
  assert.equal(plain(numbers.change(109, 100)), "▲ 9.0 %");
  assert.equal(plain(numbers.change(50, 100)), "▼ 50 %");
  assert.equal(plain(numbers.change(230, 100)), "▲ 130 %");
  assert.equal(plain(numbers.change(772, 100)), "▲ 7.7 times");
  assert.equal(numbers.change(5, 5), "unchanged");
  assert.equal(numbers.change(5, 0), null);
  assert.equal(numbers.change(null, 5), null);
});

test("bytes are powers of 1024 and nouns have their plural", () => {
  assert.equal(plain(numbers.bytes(1023)), "1 023 B");
  assert.equal(plain(numbers.bytes(184_212)), "180 KiB");
  assert.equal(numbers.counted(1, "call"), "1 call");
  assert.equal(numbers.counted(2, "call"), "2 calls");
});
