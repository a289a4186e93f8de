// What a JSON viewer shows of a value: its entries, cut texts, and texts that hold JSON themselves.

/** Longer texts are cut at this length until their whole is asked for. */
export const TEXT_LIMIT = 2000;
/** Longer levels are shown in steps of this many entries. */
export const LEVEL_LIMIT = 200;
const MAX_NESTED = 2_000_000;

/** Return names and values of an array's or object's entries; names of an array's entries are null. */
export function entriesOf(value: object): readonly (readonly [string | null, unknown])[] {
  return Array.isArray(value)
    ? value.map((each: unknown) => [null, each] as const)
    : Object.keys(value).map((name) => [name, (value as Record<string, unknown>)[name]] as const);
}

/** Return the array or object that a text holds as JSON; undefined if it holds none. */
export function nestedJson(text: string): object | undefined {
  const first = text.trimStart()[0];
  if ((first !== "{" && first !== "[") || text.length > MAX_NESTED) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Cut a text at the limit, never between the two halves of a surrogate pair. */
export function cutText(text: string, limit = TEXT_LIMIT): string {
  if (text.length <= limit) return text;
  const code = text.charCodeAt(limit - 1);
  return text.slice(0, code >= 0xd800 && code <= 0xdbff ? limit - 1 : limit);
}
