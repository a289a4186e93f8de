// Reads data for a component: keeps the old data while new ones are on their way, and aborts what was superseded.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "./request.ts";

/** Nothing is drawn about loading before this time: most answers are faster. */
export const SHOW_LOADING_MS = 150;
const SLOW_MS = 2000;
const RETRY_MS = 5000;

export interface Resource<T> {
  /** The newest data that arrived; those of an earlier key while `stale`. */
  readonly data: T | null;
  readonly stale: boolean;
  /** True if an answer has been awaited for 150 ms. */
  readonly loading: boolean;
  /** True if an answer has been awaited for 2 s. */
  readonly slow: boolean;
  readonly error: ApiError | null;
  readonly again: () => void;
}

interface State<T> {
  readonly key: string | null;
  readonly data: T | null;
  readonly error: ApiError | null;
}

/**
 * Read data whenever `key` changes; null reads nothing. The key is what the data depend on, usually the request's path.
 * A store that is away is asked again every five seconds while the page is visible.
 */
export function useResource<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>): Resource<T> {
  const [state, setState] = useState<State<T>>({ key: null, data: null, error: null });
  const [attempt, setAttempt] = useState(0);
  const waiting = useWaiting(key !== null && state.key !== key ? `${key} ${attempt}` : null);
  const loader = useRef(load);
  loader.current = load;
  const again = useCallback(() => {
    setState((old) => ({ ...old, key: null, error: null }));
    setAttempt((count) => count + 1);
  }, []);

  useEffect(() => {
    if (key === null) {
      setState((old) =>
        old.key === null && old.data === null ? old : { key: null, data: null, error: null },
      );
      return;
    }
    const controller = new AbortController();
    loader.current(controller.signal).then(
      (data) => {
        if (!controller.signal.aborted) setState({ key, data, error: null });
      },
      (error: unknown) => {
        if (controller.signal.aborted) return;
        const shown = error instanceof ApiError ? error : new ApiError("server", String(error));
        setState((old) => ({ key, data: old.data, error: shown }));
      },
    );
    return () => controller.abort();
  }, [key, attempt]);

  const unavailable =
    state.error?.kind === "unavailable" || state.error?.kind === "network" || state.error?.kind === "busy";
  useEffect(() => {
    if (!unavailable) return;
    const timer = setTimeout(() => {
      if (document.visibilityState === "visible") setAttempt((count) => count + 1);
    }, state.error?.retryAfterMs ?? RETRY_MS);
    return () => clearTimeout(timer);
  }, [unavailable, state.error]);

  const stale = state.key !== key;
  return {
    data: key === null ? null : state.data,
    stale,
    ...waiting,
    error: stale && state.key === null ? null : state.error,
    again,
  };
}

/** Return how long something has been awaited: `loading` after 150 ms, `slow` after 2 s. */
function useWaiting(key: string | null): { readonly loading: boolean; readonly slow: boolean } {
  const [stage, setStage] = useState(0);
  useEffect(() => {
    setStage(0);
    if (key === null) return;
    const timers = [setTimeout(() => setStage(1), SHOW_LOADING_MS), setTimeout(() => setStage(2), SLOW_MS)];
    return () => timers.forEach(clearTimeout);
  }, [key]);
  return { loading: key !== null && stage > 0, slow: key !== null && stage > 1 };
}
