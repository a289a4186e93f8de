// Formats numbers: counts, money, durations, shares. No other file formats a number.

/** Text of an unknown value. Unknown is never 0. */
export const UNKNOWN = "–";

/** Narrow no-break space: stands between groups of three digits, and before units. */
const THIN = "\u202f";

export type Known = number | null | undefined;

const isKnown = (value: Known): value is number =>
  value !== null && value !== undefined && Number.isFinite(value);

/** Group the digits of a number by three: 13360 is `13 360`. */
export function count(value: Known): string {
  if (!isKnown(value)) return UNKNOWN;
  const [whole = "", decimals] = digits(value).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, THIN);
  return decimals === undefined ? grouped : `${grouped}.${decimals}`;
}

/** Write a number without an exponent. */
const digits = (value: number): string => {
  const text = String(value);
  if (!text.includes("e")) return text;
  return Math.abs(value) < 1 ? value.toFixed(20).replace(/\.?0+$/, "") : BigInt(value).toString();
};

const UNITS = [
  [1e12, 1e12, "T"],
  [1e9, 1e9, "G"],
  [1e6, 1e6, "M"],
  [1e4, 1e3, "k"],
] as const;

/** Format a large number with three digits that matter and a unit: `201 M`. Below 10 000 all digits are shown. */
export function short(value: Known): string {
  if (!isKnown(value)) return UNKNOWN;
  for (const [from, unit, name] of UNITS) {
    if (Math.abs(value) < from) continue;
    const scaled = value / unit;
    const text = Math.abs(scaled) >= 99.95 ? count(Math.round(scaled)) : scaled.toPrecision(3);
    return `${text}${THIN}${name}`;
  }
  return count(Number.isInteger(value) ? value : Number(value.toPrecision(3)));
}

/** Format an amount of cents as dollars with three digits that matter, two decimals from one dollar on. */
export function money(cents: Known): string {
  if (!isKnown(cents)) return UNKNOWN;
  const dollars = cents / 100;
  const sign = dollars < 0 ? "−" : "";
  const size = Math.abs(dollars);
  if (size === 0) return "$0";
  if (size >= 1) return `${sign}$${count0(size, 2)}`;
  const decimals = Math.min(12, 2 - Math.floor(Math.log10(size)));
  return `${sign}$${size.toFixed(decimals)}`;
}

/** Format an amount of cents for a column of a table: five decimals, so that magnitudes compare by eye. */
export function moneyColumn(cents: Known): string {
  if (!isKnown(cents)) return UNKNOWN;
  const dollars = cents / 100;
  return dollars > 0 && dollars < 0.000005 ? "<$0.00001" : `$${count0(dollars, 5)}`;
}

/** Format an amount of cents with every digit that it has, down to the nano-dollar. */
export function moneyExact(cents: Known): string {
  if (!isKnown(cents)) return UNKNOWN;
  const text = (cents / 100).toFixed(9).replace(/0+$/, "").replace(/\.$/, "");
  return `$${count(Number(text)) === text ? text : grouped(text)}`;
}

/** Format a price in dollars per million tokens. */
export const price = (dollars: Known): string =>
  isKnown(dollars) ? `$${count(Number(dollars.toPrecision(6)))}` : UNKNOWN;

const count0 = (value: number, decimals: number): string => grouped(value.toFixed(decimals));

const grouped = (text: string): string => {
  const [whole = "", rest] = text.split(".");
  const left = whole.replace(/\B(?=(\d{3})+$)/g, THIN);
  return rest === undefined ? left : `${left}.${rest}`;
};

/** Format a duration in milliseconds with a unit that fits: `845 ms`, `4.46 s`, `2 min 5 s`. */
export function duration(ms: Known): string {
  if (!isKnown(ms)) return UNKNOWN;
  if (ms === 0) return `0${THIN}ms`;
  if (ms < 1) return `${Math.max(1, Math.round(ms * 1000))}${THIN}µs`;
  if (ms < 9.95) return `${ms.toFixed(1)}${THIN}ms`;
  if (ms < 999.5) return `${Math.round(ms)}${THIN}ms`;
  if (ms < 9_995) return `${(ms / 1000).toFixed(2)}${THIN}s`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)}${THIN}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return pair(seconds, 60, "min", "s");
  if (seconds < 172_800) return pair(Math.round(seconds / 60), 60, "h", "min");
  return pair(Math.round(seconds / 3600), 24, "d", "h");
}

const pair = (value: number, per: number, unit: string, smaller: string): string => {
  const rest = value % per;
  const first = `${count(Math.floor(value / per))}${THIN}${unit}`;
  return rest === 0 ? first : `${first} ${rest}${THIN}${smaller}`;
};

/** Format a share in percent; two digits that matter, and never 0 or 100 unless it is exactly that. */
export function percent(share: Known): string {
  if (!isKnown(share)) return UNKNOWN;
  const value = share * 100;
  if (value === 0 || value === 100) return `${value}${THIN}%`;
  if (value < 0.01) return `<0.01${THIN}%`;
  if (value < 1) return `${value.toFixed(2)}${THIN}%`;
  if (value < 10) return `${value.toFixed(1)}${THIN}%`;
  if (value <= 99 || value > 100) return `${count(Math.round(value))}${THIN}%`;
  return `${Math.min(99.99, Math.floor(value * 100) / 100)}${THIN}%`;
}

/** Divide two numbers; null if either is unknown or the second is 0. */
export const ratio = (part: Known, whole: Known): number | null =>
  isKnown(part) && isKnown(whole) && whole !== 0 ? part / whole : null;

/** Format a number of bytes in powers of 1024. */
export function bytes(value: Known): string {
  if (!isKnown(value)) return UNKNOWN;
  if (value < 1024) return `${count(value)}${THIN}B`;
  if (value < 1024 * 1024) return `${Number((value / 1024).toPrecision(3))}${THIN}KiB`;
  return `${Number((value / 1024 / 1024).toPrecision(3))}${THIN}MiB`;
}

/** Write a count with its noun: `1 call`, `12 calls`. */
export const counted = (value: Known, noun: string, plural = `${noun}s`): string =>
  `${count(value)} ${value === 1 ? noun : plural}`;

/** From this ratio on a change is a factor: "7.0 times" is understood sooner than "600 %". */
export const FACTOR_FROM = 3;

/** Format the change against an earlier value: `▲ 9.1 %`, `▲ 7.0 times`; null if there is nothing to compare. */
export function change(now: Known, before: Known): string | null {
  const factor = ratio(now, before);
  if (factor === null) return null;
  if (factor === 1) return "unchanged";
  if (factor >= FACTOR_FROM) return `▲ ${factor < 10 ? factor.toFixed(1) : count(Math.round(factor))} times`;
  return `${factor > 1 ? "▲" : "▼"} ${percent(Math.abs(factor - 1))}`;
}
