// Links from a call to other pages, and from figures to the calls that they count.

import type { ErrorGroup } from "../../api/errors.ts";
import { activeFilters } from "../../api/filters.ts";
import type { Row } from "../../api/traces.ts";
import { address, pageLink, type Values } from "../../state/address.ts";
import { pageInfo } from "../registry.ts";

/** Return the link to the trace of a call, at its span; null if it has none or the page does not exist. */
export function traceLink(row: Row): string | null {
  if (row.otel_trace_id === null || pageInfo("traces") === undefined) return null;
  return pageLink("traces", { span: row.otel_span_id }, row.otel_trace_id);
}

/** Return the link to the calls of this page's range and filters, with some values changed. */
export const callsLink = (values: Values = {}): string =>
  pageLink("calls", { ...Object.fromEntries(activeFilters(address.value.query)), ...values });

/** Return the link to the failed calls of a group's type, provider and model. */
export const groupLink = (of: ErrorGroup): string =>
  callsLink({
    status: "error",
    ...(of.error_type === null ? {} : { error_type: of.error_type }),
    ...(of.provider === null ? {} : { provider: of.provider }),
    ...(of.model === null ? {} : { model: of.model }),
  });
