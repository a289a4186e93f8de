// Reads the list of traces page by page.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../../api/request.ts";
import { type Resource, useResource } from "../../api/resource.ts";
import { readTrees, type Tree, type TreePage } from "../../api/trees.ts";

export interface TreeList {
  readonly first: Resource<TreePage>;
  readonly trees: readonly Tree[];
  /** Path of the next page; null if all traces were read. */
  readonly next: string | null;
  /** False if the newest page ended early, because two seconds did not suffice. */
  readonly complete: boolean;
  readonly loadingMore: boolean;
  readonly moreError: ApiError | null;
  /** Read the next page; does nothing while one is being read. */
  readonly more: () => void;
}

/** Read a list; `path` is its route with parameters. More pages are read by `more`. */
export function useTrees(path: string): TreeList {
  const first = useResource(path, (signal) => readTrees(path, signal));
  const page = first.data;
  const [later, setLater] = useState<{ readonly of: TreePage | null; readonly pages: readonly TreePage[] }>({
    of: null,
    pages: [],
  });
  const [moreError, setMoreError] = useState<ApiError | null>(null);
  const [loadingMore, setLoadingMore] = useState(false);
  const reading = useRef<AbortController | null>(null);
  const pages = page === null ? [] : [page, ...(later.of === page ? later.pages : [])];
  const last = pages.at(-1);
  const next = last?.next ?? null;

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
    setMoreError(null);
    readTrees(next, controller.signal)
      .then(
        (read) => setLater((old) => ({ of: page, pages: [...(old.of === page ? old.pages : []), read] })),
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

  return {
    first,
    trees: pages.flatMap(({ trees }) => trees),
    next,
    complete: last?.complete ?? true,
    loadingMore,
    moreError,
    more,
  };
}
