// Reads failed calls in groups of one type, provider, model and message.

import { get } from "./request.ts";

export interface ErrorGroup {
  readonly error_type: string | null;
  readonly provider: string | null;
  readonly model: string | null;
  /** The message with numbers, ids and quoted values taken out. */
  readonly message: string | null;
  readonly calls: number;
  /** Number of different known users. */
  readonly users: number;
  readonly first_at: string;
  readonly last_at: string;
  /** Failed calls by start. */
  readonly counts: readonly (number | null)[];
  readonly sample: { readonly trace_id: string; readonly message: string | null };
}

export interface ErrorGroups {
  readonly starts: readonly string[];
  readonly step: string;
  readonly tz: string;
  readonly groups: readonly ErrorGroup[];
  readonly complete: boolean;
}

export const readErrors = (path: string, signal?: AbortSignal): Promise<ErrorGroups> =>
  get<ErrorGroups>(path, signal);

/** Name a type of errors. */
export const typeName = (type: string | null): string => type ?? "Error without a type";
