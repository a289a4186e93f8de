// What the palette finds without asking the server.

import type { IconName } from "../components/icon.tsx";
import { PAGES, pageInfo } from "../pages/registry.ts";
import { pageLink, projectLink } from "../state/address.ts";
import { toggleDensity, toggleTheme } from "../state/preferences.ts";
import { refresh } from "../state/range.ts";
import { projects } from "../state/session.ts";

export interface Find {
  readonly key: string;
  readonly icon: IconName;
  readonly name: string;
  readonly kind: string;
  readonly link?: string;
  readonly act?: () => void;
}

/** Return whether all words of a text begin a word of a name, in any case. */
export function matches(name: string, text: string): boolean {
  const words = name.toLowerCase().split(/[\s/._-]+/);
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((part) => words.some((word) => word.startsWith(part)));
}

const VIEWS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["Failed calls", { status: "error" }],
  ["Unpriced calls", { cost: "unpriced" }],
  ["Slowest calls", { sort: "latency" }],
  ["Most expensive calls", { sort: "cost" }],
];

export const fixedFinds = {
  all: (): readonly Find[] => [
    ...PAGES.map(
      (each): Find => ({
        key: each.page,
        icon: each.icon,
        name: each.name,
        kind: "Page",
        link: pageLink(each.page),
      }),
    ),
    ...VIEWS.map(
      ([name, values]): Find => ({
        key: name,
        icon: "filter",
        name,
        kind: "View",
        link: pageLink("calls", values),
      }),
    ),
    ...projects.value.map(
      (each): Find => ({
        key: each.project_id,
        icon: "open",
        name: each.name,
        kind: "Project",
        link: projectLink(each.project_id),
      }),
    ),
    { key: "theme", icon: "sun", name: "Light or dark", kind: "Do", act: toggleTheme },
    { key: "density", icon: "list", name: "Compact rows, or usual ones", kind: "Do", act: toggleDensity },
    { key: "refresh", icon: "refresh", name: "Read again", kind: "Do", act: refresh },
  ],
  call: (id: string): string => pageLink("calls", {}, id),
  search: (text: string): readonly Find[] => [
    {
      key: "search",
      icon: "lens",
      name: `Calls with “${text}” in their previews`,
      kind: "Search",
      link: pageLink("calls", { q: text }),
    },
    {
      key: "search-bodies",
      icon: "lens",
      name: `Calls with “${text}” anywhere in their content`,
      kind: "Search",
      link: pageLink("calls", { q: text, search_in: "bodies" }),
    },
    {
      key: "session",
      icon: "chat",
      name: `Session ${text}`,
      kind: "Calls",
      link: pageLink("calls", { session_id: text }),
    },
    {
      key: "user",
      icon: "user",
      name: `User ${text}`,
      kind: "Calls",
      link: pageLink("calls", { user_id: text }),
    },
  ],
};

/** Return what a text is if it is an id: of a row, or of an OpenTelemetry trace. */
export function idFinds(text: string): readonly Find[] {
  if (/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text))
    return [{ key: "id", icon: "model", name: `Call ${text}`, kind: "Id", link: fixedFinds.call(text) }];
  if (!/^[0-9a-f]{32}$/i.test(text)) return [];
  const link =
    pageInfo("traces") === undefined
      ? pageLink("calls", { otel_trace_id: text, operation: "all" })
      : pageLink("traces", {}, text);
  return [{ key: "trace", icon: "tree", name: `Trace ${text}`, kind: "Id", link }];
}
