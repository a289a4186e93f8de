// The pages that exist. The rail, the palette and the keys show these and no others.

import type { ComponentType } from "preact";
import type { IconName } from "../components/icon.tsx";
// Home and Errors share these. Here they are part of the first file: otherwise Home needs one more request.
import "../api/errors.ts";
import "../components/spark.tsx";
import { CallsPage } from "./calls/page.tsx";

export interface PageInfo {
  /** Name in the address: `/p/{project}/{page}`. */
  readonly page: string;
  readonly name: string;
  readonly icon: IconName;
  /** The page, if its code is part of the first bundle, as that of lists is. */
  readonly Page?: ComponentType;
  /** Load the page, if its code is a bundle of its own. */
  readonly load?: () => Promise<ComponentType>;
}

export const PAGES: readonly PageInfo[] = [
  { page: "home", name: "Home", icon: "pulse", load: async () => (await import("./home/page.tsx")).HomePage },
  { page: "calls", name: "Calls", icon: "list", Page: CallsPage },
  {
    page: "traces",
    name: "Traces",
    icon: "tree",
    load: async () => (await import("./traces/page.tsx")).TracesPage,
  },
  {
    page: "errors",
    name: "Errors",
    icon: "alert",
    load: async () => (await import("./errors/page.tsx")).ErrorsPage,
  },
];

/** Page of an address without one. */
export const FIRST_PAGE = PAGES[0]?.page ?? "calls";

export const pageInfo = (page: string | null): PageInfo | undefined =>
  PAGES.find((each) => each.page === page);
