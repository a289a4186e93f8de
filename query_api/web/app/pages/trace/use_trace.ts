// Reads a trace and arranges its spans.

import { Cache } from "../../api/cache.ts";
import { route } from "../../api/request.ts";
import { type Resource, useResource } from "../../api/resource.ts";
import { readSpanRow, readTree, readTrees, type SpanRow, type Tree, treePath } from "../../api/trees.ts";
import { useDelayed } from "../../components/delayed.ts";
import { address } from "../../state/address.ts";
import { now } from "../../state/range.ts";
import { runDepths } from "./folding.ts";
import { arrange, type Layout } from "./layout.ts";
import { decode, rowId, type Spans, spanId } from "./spans.ts";

export interface Trace {
  readonly id: string;
  readonly spans: Spans;
  readonly layout: Layout;
  readonly runDepth: Uint16Array;
  readonly whole: Whole;
}

/** Facts about all spans together. */
export interface Whole {
  readonly failed: number;
  /** Number of spans without a parent. */
  readonly roots: number;
}

/** Read a trace; again when the page is refreshed. */
export function useTrace(id: string): Resource<Trace> {
  return useResource(`${treePath(id)} ${now.value}`, async (signal) => {
    const spans = decode(await readTree(id, signal));
    const layout = arrange(spans);
    let failed = 0;
    let roots = 0;
    for (let index = 0; index < spans.count; index += 1) {
      failed += spans.failed[index] as number;
      if (spans.parent[index] === -1 && !spans.missingParents.has(index) && !spans.unreadParents.has(index))
        roots += 1;
    }
    return { id, spans, layout, runDepth: runDepths(layout), whole: { failed, roots } };
  });
}

export const summaryPath = (id: string): string => route("/v1/trees", { otel_trace_id: id, limit: 1 });

/** Read the previews of a trace, which its columns do not have. */
export function useSummary(id: string): Resource<Tree | null> {
  const path = summaryPath(id);
  return useResource(path, async (signal) => (await readTrees(path, signal)).trees[0] ?? null);
}

const spanRows = new Cache<SpanRow>(200);
/** A key that is held down passes spans faster than this; their rows are not read. */
const SETTLED_MS = 70;

/** Return the row id of a span, and why it does not count; large traces have them only span by span. */
export function useSpanRow(
  { id, spans }: Trace,
  index: number,
): Resource<Pick<SpanRow, "trace_id" | "not_counted">> {
  const span = spanId(spans, index);
  const key = `${address.value.project}/${id}/${span}`;
  const settled = useDelayed(key, SETTLED_MS);
  const own = rowId(spans, index);
  const listed =
    own !== null && (spans.notCounted !== null || spans.counted[index] === 1 || spans.modelCall[index] === 0);
  const resource = useResource(listed || settled !== key ? null : key, () =>
    spanRows.read(key, () => readSpanRow(id, span)),
  );
  if (listed)
    return {
      ...resource,
      data: { trace_id: own, not_counted: spans.notCounted?.get(index) ?? null },
      stale: false,
    };
  const held = spanRows.peek(key);
  if (held !== undefined) return { ...resource, data: held, stale: false, loading: false, slow: false };
  const data = own === null ? null : { trace_id: own, not_counted: null };
  return resource.stale || settled !== key
    ? { ...resource, data }
    : { ...resource, data: resource.data ?? data };
}
