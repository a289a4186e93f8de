// Chooses the marks of a time axis: midnights and whole hours of the zone that is shown.

import { clock, date, time } from "../format/times.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;
/** Distances between marks, in minutes of the day; beyond a day, in days. */
const MINUTES = [1, 5, 10, 15, 30, 60, 120, 180, 360, 720];
const DAYS = [1, 2, 7, 14, 30];
const LABEL_PX = 64;

export interface Mark {
  /** Index of the step at which the mark stands. */
  readonly index: number;
  readonly text: string;
}

/** Return the marks for steps that begin at `starts`, on an axis of a width in pixels. */
export function timeMarks(
  starts: readonly number[],
  step: number,
  zone: string,
  width: number,
): readonly Mark[] {
  const first = starts[0];
  if (first === undefined || width <= 0) return [];
  const span = step * starts.length;
  const room = Math.max(1, Math.floor(width / LABEL_PX));
  const minutes = MINUTES.find((each) => each * MINUTE >= step && span / (each * MINUTE) <= room);
  if (minutes !== undefined) return marks(starts, (at) => minuteOfDay(at, zone) % minutes === 0, zone);
  const days = DAYS.find((each) => span / (each * 24 * HOUR) <= room) ?? 60;
  return marks(
    starts,
    (at) => dayNumber(at, zone) % days === 0 && (step >= 24 * HOUR || minuteOfDay(at, zone) < step / MINUTE),
    zone,
  );
}

const minuteOfDay = (at: number, zone: string): number => {
  const { hour, minute } = clock(at, zone);
  return hour * 60 + minute;
};

const dayNumber = (at: number, zone: string): number => {
  const { year, month, day } = clock(at, zone);
  return Math.round(Date.UTC(year, month - 1, day) / 86_400_000);
};

function marks(starts: readonly number[], stands: (at: number) => boolean, zone: string): readonly Mark[] {
  return starts.flatMap((at, index) => {
    if (!stands(at)) return [];
    const text = time(at, zone).slice(0, 5);
    return [{ index, text: text === "00:00" ? date(at, zone).slice(5) : text }];
  });
}
