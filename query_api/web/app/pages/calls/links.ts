// Links from a call to other pages.

import type { Row } from "../../api/traces.ts";
import { pageLink } from "../../state/address.ts";
import { pageInfo } from "../registry.ts";

/** Return the link to the trace of a call, at its span; null if it has none or the page does not exist. */
export function traceLink(row: Row): string | null {
  if (row.otel_trace_id === null || pageInfo("traces") === undefined) return null;
  return pageLink("traces", { span: row.otel_span_id }, row.otel_trace_id);
}
