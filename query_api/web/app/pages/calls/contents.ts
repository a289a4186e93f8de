// Content of single calls: what was read stays for a while, and that of the next rows is read ahead.

import { Cache } from "../../api/cache.ts";
import { type Messages, readMessages } from "../../api/messages.ts";
import { type Resource, useResource } from "../../api/resource.ts";
import { type Row, readRow } from "../../api/traces.ts";
import { useDelayed } from "../../components/delayed.ts";
import { address } from "../../state/address.ts";

const KEPT = 40;
const messages = new Cache<Messages>(KEPT);
const rows = new Cache<Row>(KEPT);
/** A key that is held down passes rows faster than this; their content is not read. */
const SETTLED_MS = 70;

const key = (id: string): string => `${address.peek().project}/${id}`;

/** Read the messages of a call ahead. */
export function prefetch(id: string): void {
  // What fails is shown once the call is chosen.
  void messages.read(key(id), () => readMessages(id)).catch(() => undefined);
}

/** Return the messages of a call; at once if they were read before. */
export function useMessages(id: string): Resource<Messages> {
  return useCached(messages, id, (wanted) => readMessages(wanted));
}

/** Return a row with its bodies. */
export function useWholeRow(id: string): Resource<Row> {
  return useCached(rows, id, (wanted) => readRow(wanted));
}

function useCached<T>(cache: Cache<T>, id: string, load: (id: string) => Promise<T>): Resource<T> {
  const settled = useDelayed(id, SETTLED_MS);
  const held = cache.peek(key(id));
  const resource = useResource(settled === id ? key(id) : null, () => cache.read(key(id), () => load(id)));
  // Data of another call are never shown as those of this one.
  if (held !== undefined) return { ...resource, data: held, stale: false, loading: false, slow: false };
  return resource.stale || settled !== id ? { ...resource, data: null } : resource;
}
