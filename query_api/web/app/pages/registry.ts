// The pages that exist. The rail, the palette and the keys show these and no others.

import type { ComponentType } from "preact";
import type { IconName } from "../components/icon.tsx";

export interface PageInfo {
  /** Name in the address: `/p/{project}/{page}`. */
  readonly page: string;
  readonly name: string;
  readonly icon: IconName;
  /** Load the page; its code is a bundle of its own unless it is part of the first one. */
  readonly load: () => Promise<ComponentType>;
}

export const PAGES: readonly PageInfo[] = [
  { page: "calls", name: "Calls", icon: "list", load: async () => (await import("./calls/page.tsx")).CallsPage },
];

/** Page of an address without one. */
export const FIRST_PAGE = PAGES[0]?.page ?? "calls";

export const pageInfo = (page: string | null): PageInfo | undefined => PAGES.find((each) => each.page === page);
