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

const NAMES: Readonly<Record<string, string>> = {
  input: "Input",
  output: "Output",
  cache_read: "Input from cache",
  cache_write: "Input written to cache",
  cache_write_1h: "Input written to cache for an hour",
  reasoning: "Reasoning",
  per_call: "Each call",
};

/** Return the name of a bucket for readers. A bucket has the tokens that no more specific one has. */
export function bucketName(name: string, all: readonly Bucket[]): string {
  const cached = all.some((each) => each.name.startsWith("cache_"));
  if (name === "input" && cached) return "Input, not cached";
  return NAMES[name] ?? name.replace(/_/g, " ").replace(/^./, (first) => first.toUpperCase());
}

export const costPath = (id: string): string => route(`/v1/traces/${encodeURIComponent(id)}/cost`);

export const readCost = (id: string, signal?: AbortSignal): Promise<Cost> => get<Cost>(costPath(id), signal);
