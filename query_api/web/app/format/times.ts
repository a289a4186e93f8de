// Formats instants and parses what people type as one. Every time on a page is in the zone that is passed in.

const two = (value: number): string => String(value).padStart(2, "0");

export interface Clock {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Return the formatter of a zone. Creating one takes about 50 µs, so they are kept. */
function formatter(zone: string): Intl.DateTimeFormat {
  let found = formats.get(zone);
  if (found === undefined) {
    const options = {
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    } as const;
    found = new Intl.DateTimeFormat("en-US", { ...options, timeZone: zone, hourCycle: "h23" });
    formats.set(zone, found);
  }
  return found;
}

/** Return date and clock time of an instant (Unix milliseconds) in a zone. */
export function clock(at: number, zone: string): Clock {
  if (zone === "UTC") {
    const date = new Date(at);
    return {
      ...{ year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() },
      ...{ hour: date.getUTCHours(), minute: date.getUTCMinutes(), second: date.getUTCSeconds() },
    };
  }
  const found: Record<string, number> = {};
  for (const { type, value } of formatter(zone).formatToParts(at)) found[type] = Number(value);
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = found;
  return { year, month, day, hour, minute, second };
}

/** Return how far a zone is ahead of UTC at an instant, in milliseconds. */
export function offset(at: number, zone: string): number {
  const { year, month, day, hour, minute, second } = clock(at, zone);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}

/** Format the offset of a zone at an instant: `UTC+01:00`, or `UTC`. */
export function offsetText(at: number, zone: string): string {
  const minutes = Math.round(offset(at, zone) / 60_000);
  if (minutes === 0) return "UTC";
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** Format the date of an instant: `2026-11-23`. */
export function date(at: number, zone: string): string {
  const { year, month, day } = clock(at, zone);
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
}

/** Format the time of day of an instant: `14:37:56`, with milliseconds if `precise`. */
export function time(at: number, zone: string, precise = false): string {
  const { hour, minute, second } = clock(at, zone);
  const text = `${two(hour)}:${two(minute)}:${two(second)}`;
  return precise ? `${text}.${String(((Math.floor(at) % 1000) + 1000) % 1000).padStart(3, "0")}` : text;
}

/** Format an instant to the minute: `2026-11-23 14:37`. */
export const minute = (at: number, zone: string): string => `${date(at, zone)} ${time(at, zone).slice(0, 5)}`;

/** Format an instant to the millisecond: `2026-11-23 14:37:56.082`. */
export const instant = (at: number, zone: string): string => `${date(at, zone)} ${time(at, zone, true)}`;

/** Format a range; the date of its end is left out if it is that of its beginning. */
export function range(from: number, to: number, zone: string): string {
  const end = date(from, zone) === date(to, zone) ? time(to, zone).slice(0, 5) : minute(to, zone);
  return `${minute(from, zone)} – ${end}`;
}

/** Return the Unix milliseconds of an RFC 3339 text; null if it is none. */
export function parse(text: string | null | undefined): number | null {
  if (text === null || text === undefined) return null;
  const at = Date.parse(text);
  return Number.isFinite(at) ? at : null;
}

/** Write an instant as the API and addresses have it: RFC 3339 in UTC, without milliseconds if they are 0. */
export const rfc3339 = (at: number): string => new Date(at).toISOString().replace(".000Z", "Z");

/**
 * Return the instant of a local date and time (`2026-11-23T14:37`, as inputs of the type datetime-local have it).
 * A time that a zone skips is moved forward; of a time that it has twice, the first is returned. Null if it is no time.
 */
export function fromLocal(text: string, zone: string): number | null {
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?$/.test(text)) return null;
  const wall = Date.parse(`${text.replace(" ", "T")}${text.length === 10 ? "T00:00" : ""}Z`);
  if (!Number.isFinite(wall)) return null;
  const before = wall - offset(wall - 86_400_000, zone);
  const after = wall - offset(wall + 86_400_000, zone);
  for (const at of [Math.min(before, after), Math.max(before, after)])
    if (at + offset(at, zone) === wall) return at;
  return Math.max(before, after);
}

/** Write an instant as inputs of the type datetime-local have it, in a zone. */
export const toLocal = (at: number, zone: string): string =>
  `${date(at, zone)}T${time(at, zone).slice(0, 5)}`;

/** Return whether a zone of this name exists. */
export function zoneExists(zone: string): boolean {
  try {
    return formatter(zone) !== undefined;
  } catch {
    return false;
  }
}

/** Return the zone of the browser. */
export const browserZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** Format the time since an instant: `2 s ago`, `5 min ago`; the date for more than two days. */
export function ago(at: number, now: number, zone: string): string {
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ago`;
  return date(at, zone);
}
