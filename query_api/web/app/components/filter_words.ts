// The words of a filter line: `model:gpt-5-mini status:error`, and free text.

export interface Words {
  /** Filters that are complete, by name. */
  readonly filters: readonly (readonly [string, string])[];
  /** Everything else, as text to search for. */
  readonly text: string;
}

const WORD = /(\w+):(?:"([^"]*)"|(\S+))/g;

/** Return the filters with a known name, and the text around them. */
export function parseWords(line: string, names: readonly string[]): Words {
  const filters: [string, string][] = [];
  const text = line.replace(
    WORD,
    (whole, name: string, quoted: string | undefined, bare: string | undefined) => {
      const known = fullName(name, names);
      const value = quoted ?? bare ?? "";
      if (known === undefined || value === "") return whole;
      filters.push([known, value]);
      return " ";
    },
  );
  return { filters, text: text.replace(/\s+/g, " ").trim() };
}

/** Names that people type for filters with another name. */
// A map: the keys are data, and an object has members such as `constructor`.
const SHORT: ReadonlyMap<string, string> = new Map([
  ["user", "user_id"],
  ["session", "session_id"],
  ["trace", "otel_trace_id"],
  ["error", "error_type"],
  ["finish", "finish_reason"],
]);

/** Return the filter that a typed name means. */
export const fullName = (name: string, names: readonly string[]): string | undefined => {
  const found = SHORT.get(name) ?? name;
  return names.includes(found) ? found : undefined;
};

/** Write a filter as a word of the line; a value with spaces is quoted. */
export const writeWord = (name: string, value: string): string =>
  `${name}:${/[\s"]/.test(value) ? `"${value.replace(/"/g, "")}"` : value}`;

export interface Completion {
  readonly word: string;
  readonly count: number | null;
  /** The filter that the completion sets; null if it only completes a name. */
  readonly filter: readonly [string, string] | null;
}

const MAX_OFFERED = 9;

/** Return what completes the last word of a line: names of filters, or values of the filter that is named. */
export function completions(
  line: string,
  names: readonly string[],
  valuesOf: (name: string) => readonly (readonly [string, number | null])[],
): readonly Completion[] {
  const word = lastWord(line);
  const colon = word.indexOf(":");
  if (colon < 0)
    return word === ""
      ? []
      : names
          .filter((name) => name.startsWith(word.toLowerCase()))
          .slice(0, MAX_OFFERED)
          .map((name) => ({ word: `${name}:`, count: null, filter: null }));
  const name = fullName(word.slice(0, colon), names);
  if (name === undefined) return [];
  const typed = word
    .slice(colon + 1)
    .replace(/"/g, "")
    .toLowerCase();
  const offered = valuesOf(name).filter(([value]) => value.toLowerCase().includes(typed));
  const best = [...offered].sort(
    (a, b) => Number(b[0].toLowerCase().startsWith(typed)) - Number(a[0].toLowerCase().startsWith(typed)),
  );
  return best
    .slice(0, MAX_OFFERED)
    .map(([value, count]) => ({ word: writeWord(name, value), count, filter: [name, value] as const }));
}

/** Return the word at the end of a line, which may be quoted. */
const lastWord = (line: string): string => /(?:\w+:"[^"]*|\S*)$/.exec(line)?.[0] ?? "";

/** Return the line without its last word. */
export const withoutLastWord = (line: string): string => line.slice(0, line.length - lastWord(line).length);
