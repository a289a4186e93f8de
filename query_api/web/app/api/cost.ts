// Reads what a call cost, bucket by bucket.

import { get, route } from "./request.ts";

export interface Bucket {
  readonly name: string;
  /** Null for what is not charged by tokens. */
  readonly tokens: number | null;
  readonly usd_per_million: number | null;
  readonly cost_cents: number;
}

export interface Cost {
  readonly cost_cents: number | null;
  readonly source: "reported" | "computed" | null;
  readonly price_version: string | null;
  readonly buckets: readonly Bucket[];
  /** True if the buckets give the stored cost to the nano-dollar. */
  readonly adds_up: boolean;
  readonly note: string | null;
}

export const costPath = (id: string): string => route(`/v1/traces/${encodeURIComponent(id)}/cost`);

export const readCost = (id: string, signal?: AbortSignal): Promise<Cost> => get<Cost>(costPath(id), signal);
