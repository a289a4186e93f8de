// The time line: which part of the trace is shown, where a span lies in it, and the marks above.

import { duration } from "../../format/numbers.ts";

/** Part of the trace that the time line shows, in microseconds from its start. */
export interface View {
  readonly from: number;
  readonly to: number;
}

export const wholeView = (end: number): View => ({ from: 0, to: end });

export const isWhole = (view: View, end: number): boolean => view.from <= 0 && view.to >= end;

/** Return a view within the trace that is at least 1 µs long. */
export function clampView({ from, to }: View, end: number): View {
  const length = Math.max(1, Math.min(end, to - from));
  const start = Math.max(0, Math.min(from, end - length));
  return { from: start, to: start + length };
}

/** Return the view moved by a share of its length and scaled around its middle. */
export function movedView({ from, to }: View, by: number, scale: number, end: number): View {
  const length = (to - from) * scale;
  const start = from + (to - from - length) / 2 + by * length;
  return clampView({ from: start, to: start + length }, end);
}

export interface Bar {
  /** Percent of the view's length; not beyond its edges. */
  readonly left: number;
  readonly width: number;
  /** On which side of the view the span lies if no part of it is in the view. */
  readonly outside: "before" | "after" | null;
}

/** Return where a span from an instant to another lies in a view. */
export function bar(view: View, start: number, end: number): Bar {
  const length = view.to - view.from;
  if (end < view.from || (end === view.from && start < end)) return { left: 0, width: 0, outside: "before" };
  if (start > view.to || (start === view.to && start < end)) return { left: 100, width: 0, outside: "after" };
  const left = Math.max(0, ((start - view.from) / length) * 100);
  const right = Math.min(100, ((end - view.from) / length) * 100);
  return { left, width: Math.max(0.15, right - left), outside: null };
}

export interface Mark {
  readonly percent: number;
  readonly text: string;
}

const SECOND = 1e6;
const MINUTE = 60 * SECOND;
/** Steps of whole minutes and hours; shorter ones are 1, 2 or 5 times a power of ten microseconds. */
const LONG_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * MINUTE);
const MARKS = 4;
/** Beyond so many steps from the start the marks after the first one have distances. */
const MANY_STEPS = 500;

/** Return a distance of marks that gives at most `MARKS` of them. */
function stepOf(length: number): number {
  const least = length / MARKS;
  if (least > 30 * SECOND)
    return LONG_STEPS.find((step) => step >= least) ?? Math.ceil(least / (1440 * MINUTE)) * 1440 * MINUTE;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
}

/** Return the marks above the time line, at round times from the start of the trace. */
export function marks({ from, to }: View): readonly Mark[] {
  const step = stepOf(to - from);
  const found: Mark[] = [];
  const first = Math.ceil(from / step) * step;
  for (let at = first; at < to; at += step) {
    const far = first / step > MANY_STEPS && at > first;
    found.push({
      percent: ((at - from) / (to - from)) * 100,
      text: far ? `+${duration((at - first) / 1000)}` : duration(at / 1000),
    });
  }
  return found;
}
