// Reads the rows of a list page by page.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../../api/request.ts";
import { type Resource, useResource } from "../../api/resource.ts";
import { type Row, type RowPage, readRows } from "../../api/traces.ts";

export interface RowList {
  readonly first: Resource<RowPage>;
  readonly rows: readonly Row[];
  /** True while more rows may follow. */
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  readonly moreError: ApiError | null;
  /** Read the next page; does nothing while one is being read. */
  readonly more: () => void;
}

interface Later {
  readonly of: RowPage | null;
  readonly rows: readonly Row[];
  readonly next: string | null;
}

const NOTHING: Later = { of: null, rows: [], next: null };

/** Read a list; `path` is its route with parameters. More pages are read by `more`. */
export function useRows(path: string): RowList {
  const first = useResource(path, (signal) => readRows(path, signal));
  const [later, setLater] = useState<Later>(NOTHING);
  const [moreError, setMoreError] = useState<ApiError | null>(null);
  const reading = useRef<AbortController | null>(null);
  const [loadingMore, setLoadingMore] = useState(false);
  const page = first.data;
  const mine = later.of === page ? later : NOTHING;
  const next = mine.of === null ? (page?.next ?? null) : mine.next;

  useEffect(
    () => () => {
      reading.current?.abort();
      reading.current = null;
      setLoadingMore(false);
      setMoreError(null);
    },
    [page],
  );

  const more = useCallback(() => {
    if (next === null || page === null || reading.current !== null) return;
    const controller = new AbortController();
    reading.current = controller;
    setLoadingMore(true);
    readRows(next, controller.signal)
      .then(
        (read) =>
          setLater((old) => ({
            of: page,
            rows: [...(old.of === page ? old.rows : []), ...read.rows],
            next: read.next,
          })),
        (error: unknown) =>
          controller.signal.aborted ||
          setMoreError(error instanceof ApiError ? error : new ApiError("server", String(error))),
      )
      .finally(() => {
        if (reading.current !== controller) return;
        reading.current = null;
        setLoadingMore(false);
      });
  }, [next, page]);

  const rows = useJoined(page?.rows ?? [], mine.rows);
  return { first, rows, hasMore: next !== null, loadingMore, moreError, more };
}

const EMPTY: readonly Row[] = [];

/** Join two lists; the same array as long as both are the same. */
function useJoined(first: readonly Row[], later: readonly Row[]): readonly Row[] {
  const held = useRef<{ first: readonly Row[]; later: readonly Row[]; joined: readonly Row[] }>({
    first: EMPTY,
    later: EMPTY,
    joined: EMPTY,
  });
  if (held.current.first !== first || held.current.later !== later)
    held.current = { first, later, joined: later.length === 0 ? first : [...first, ...later] };
  return held.current.joined;
}
