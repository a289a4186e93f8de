// The address is the whole state of a page: reads it, changes it, and writes links.

import { computed, signal } from "@preact/signals";

export interface Address {
  readonly project: string | null;
  readonly page: string | null;
  readonly id: string | null;
  readonly query: URLSearchParams;
}

export type Values = Readonly<Record<string, string | number | null | undefined>>;

/** Split a path below the base and a query string into an address. */
export function parseAddress(path: string, search: string): Address {
  const query = new URLSearchParams(search);
  const [first, project, page, ...rest] = path.replace(/^\/+/, "").split("/");
  if (first !== "p" || !project) return { project: null, page: first || null, id: null, query };
  return {
    project: decode(project),
    page: page || null,
    id: rest.length > 0 && rest[0] ? decode(rest.join("/")) : null,
    query,
  };
}

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Write the path and query of an address, relative to the base. */
export function writeAddress({ project, page, id, query }: Address): string {
  const path =
    project === null
      ? (page ?? "")
      : ["p", project, page, id]
          .filter(Boolean)
          .map((part) => encodeURIComponent(part ?? ""))
          .join("/");
  const text = writeQuery(query);
  return text === "" ? path : `${path}?${text}`;
}

/** Write a query as people read it: colons, commas and slashes stay as they are. */
export const writeQuery = (query: URLSearchParams): string =>
  query.toString().replace(/%3A/gi, ":").replace(/%2C/gi, ",").replace(/%2F/gi, "/").replace(/%40/g, "@");

/** Return a copy of a query with values set; null, undefined and "" remove a parameter. */
export function withValues(query: URLSearchParams, values: Values): URLSearchParams {
  const changed = new URLSearchParams(query);
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === "") changed.delete(name);
    else changed.set(name, String(value));
  }
  return changed;
}

const inBrowser = typeof document !== "undefined";

/** Path below which everything lies, also behind a proxy with a prefix. The shell has it in an attribute. */
export const base: string = (inBrowser ? document.documentElement.dataset.base : undefined) ?? "/";

const current = (): Address => parseAddress(location.pathname.slice(base.length), location.search);

export const address = signal<Address>(inBrowser ? current() : parseAddress("", ""));

/** Values that choose something within a page. Lists, figures and charts do not depend on them. */
const CHOICES = { call: null, tab: null, span: null };

const pageText = computed(() =>
  writeAddress({ ...address.value, query: withValues(address.value.query, CHOICES) }),
);

/**
 * The address without what is chosen within the page. It stays the same object while a key runs through the rows of a
 * list, so that what depends on it is not rendered again.
 */
export const pageAddress = computed<Address>(() => {
  const [path = "", search = ""] = pageText.value.split("?");
  return parseAddress(path, search);
});

/** Values that a link to another page keeps: the range of time. */
const KEPT = ["range", "from", "to"];

/** Return the link to a page of this project; it keeps the range of time. */
export function pageLink(page: string, values: Values = {}, id: string | null = null): string {
  const now = pageAddress.value;
  const kept = new URLSearchParams([...now.query].filter(([name]) => KEPT.includes(name)));
  return base + writeAddress({ project: now.project, page, id, query: withValues(kept, values) });
}

/** Return the link to this page with some values changed, and nothing chosen within it. */
export function filteredLink(values: Values): string {
  const now = pageAddress.value;
  return base + writeAddress({ ...now, query: withValues(now.query, values) });
}

/** Return the link to this page with some values changed. */
export function changedLink(values: Values): string {
  const now = address.value;
  return base + writeAddress({ ...now, query: withValues(now.query, values) });
}

/** Return the link to the same page of another project. */
export function projectLink(project: string): string {
  const { page, query } = pageAddress.value;
  const kept = new URLSearchParams([...query].filter(([name]) => KEPT.includes(name)));
  return base + writeAddress({ project, page, id: null, query: kept });
}

// Browsers ignore or refuse more than some 10 changes of the history a second, so what follows quickly is written once.
const WRITE_AFTER_MS = 120;
let timer: ReturnType<typeof setTimeout> | undefined;

function write(): void {
  if (timer === undefined) return;
  clearTimeout(timer);
  timer = undefined;
  history.replaceState(history.state, "", base + writeAddress(address.value));
}

/**
 * Change values of the address. The signal changes at once; the history entry is replaced soon after, or with `add`
 * an entry is added, so that Back returns to the state before.
 */
export function change(values: Values, { add = false }: { readonly add?: boolean } = {}): void {
  const now = address.value;
  const next = { ...now, query: withValues(now.query, values) };
  if (writeAddress(next) === writeAddress(now)) return;
  if (add) {
    open(base + writeAddress(next));
    return;
  }
  address.value = next;
  clearTimeout(timer);
  timer = setTimeout(write, WRITE_AFTER_MS);
}

/** Open a link of these pages as a new history entry, or in place of the present one. */
export function open(link: string, { replace = false }: { readonly replace?: boolean } = {}): void {
  write();
  const before = location.pathname + location.search;
  if (replace) history.replaceState(history.state, "", link);
  else if (link !== before) history.pushState({ from: before } satisfies Entry, "", link);
  address.value = current();
}

/** What a history entry has: the link from which it was opened. */
interface Entry {
  readonly from: string;
}

/** Return to the page from which the present one was opened, else open a link. */
export function goBack(otherwise: string): void {
  write();
  const from = (history.state as Partial<Entry> | null)?.from;
  if (typeof from === "string" && !from.startsWith(location.pathname)) history.back();
  else open(otherwise);
}

/** Return the whole address of the present state, to be copied. */
export function fullLink(): string {
  write();
  return location.href;
}

/** Follow clicks on links of these pages without loading anything; clicks with a modifier stay the browser's. */
export function followLinks(): void {
  addEventListener("popstate", () => {
    clearTimeout(timer);
    timer = undefined;
    address.value = current();
  });
  addEventListener("pagehide", write);
  document.addEventListener("click", (event) => {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.ctrlKey ||
      event.metaKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (
      link === null ||
      link.target !== "" ||
      link.hasAttribute("download") ||
      link.origin !== location.origin
    )
      return;
    if (
      !link.pathname.startsWith(base) ||
      link.pathname.includes("/v1/") ||
      (link.hash !== "" && link.pathname === location.pathname)
    )
      return;
    event.preventDefault();
    open(link.pathname + link.search);
  });
}
