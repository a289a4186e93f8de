// Reads what the numbers of a range lack: prices, usage, spans.

import { get } from "./request.ts";

export interface Trust {
  readonly newest_span_at: string | null;
  readonly calls: number;
  readonly priced: number | null;
  readonly unpriced: number;
  readonly usage_known: number | null;
  readonly unknown_usage: number;
  /** The newest traces of the range that were checked, and those of them that lack a span. */
  readonly traces: number;
  readonly incomplete_traces: number;
  /** Spans rejected by this process since `since`; null if another process receives them. */
  readonly rejected: number | null;
  readonly since: string | null;
  readonly complete: boolean;
}

export const readTrust = (path: string, signal?: AbortSignal): Promise<Trust> => get<Trust>(path, signal);
