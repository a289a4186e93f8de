// One trace: its spans as a tree on a time line, and the chosen span next to it.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { curl, route } from "../../api/request.ts";
import { type Resource, useResource } from "../../api/resource.ts";
import { readRows } from "../../api/traces.ts";
import { treePath } from "../../api/trees.ts";
import { useDelayed } from "../../components/delayed.ts";
import { Icon } from "../../components/icon.tsx";
import { Empty, Failure, Loading, Pending } from "../../components/states.tsx";
import { count } from "../../format/numbers.ts";
import { goBack, open, pageLink } from "../../state/address.ts";
import { useActions } from "../../state/keys.ts";
import { copy, say } from "../../state/notices.ts";
import { prefetch } from "../calls/contents.ts";
import { choose as chooseRow, chosenRow } from "./chosen.ts";
import { Detail } from "./detail.tsx";
import {
  type Folds,
  foldedAll,
  isRun,
  NO_FOLDS,
  nextFailed,
  revealing,
  runOf,
  runWith,
  unfoldedAll,
  visible,
} from "./folding.ts";
import { Head } from "./head.tsx";
import { Overview } from "./overview.tsx";
import { nameOf, type RowContext } from "./span_row.tsx";
import { endOf, indexOf, rowId, type Spans } from "./spans.ts";
import { clampView, isWhole, type View, wholeView } from "./time_scale.ts";
import { Tree } from "./tree.tsx";
import { type Trace, useSummary, useTrace } from "./use_trace.ts";
import { visited } from "./visited.ts";

export function TracePage({ id }: { readonly id: string }) {
  const trace = useTrace(id);
  useEffect(() => {
    visited.value = id;
  }, [id]);
  const missing = trace.data === null && trace.error?.kind === "not-found";
  useActions(trace.data === null ? { back: () => goBack(pageLink("traces")) } : {});
  if (missing)
    return (
      <Empty title="There is no such trace in this project">
        <p>
          Its id is <code>{id}</code>. It may be of another project, or retention or an erasure deleted it.
        </p>
        <a class="button" href={pageLink("traces")}>
          To the list of traces
        </a>
      </Empty>
    );
  if (trace.data === null)
    return (
      <div class="trace-pending">
        <Pending of={trace} what="the trace" lines={12} />
      </div>
    );
  return (
    <>
      <Loading of={trace} what="the trace" />
      {trace.error !== null && <Failure error={trace.error} again={trace.again} />}
      <Spread key={trace.data.spans.count} of={trace.data} />
    </>
  );
}

/** The trace itself, with what is folded, shown and searched. */
function Spread({ of }: { readonly of: Trace }) {
  const { spans, layout } = of;
  const summary = useSummary(of.id);
  const { row, missing } = chosenRow(of);
  const [folds, setFolds] = useState<Folds>(() => (isRun(row) ? NO_FOLDS : revealing(layout, NO_FOLDS, row)));
  const [view, setView] = useState<View>(() => wholeView(layout.end));
  const [text, setText] = useState("");
  const [searchesContent, setSearchesContent] = useState(false);
  const content = useContentSearch(of, searchesContent ? text.trim() : "");
  const found = useMemo(
    () => (text.trim() === "" ? null : search(spans, text.trim(), content.data ?? [])),
    [spans, text, content.data],
  );
  const rows = useMemo(() => visible(layout, folds), [layout, folds]);
  const places = useMemo(() => placesOf(rows, spans.count, layout.runs.length), [rows]);
  const chosen = places(row);
  const input = useRef<HTMLInputElement>(null);

  /** Choose a row and unfold what hides it. */
  const choose = (next: number): void => {
    if (!isRun(next) && places(next) < 0) setFolds(revealing(layout, folds, next));
    chooseRow(of, next);
  };
  // Back and links choose rows too.
  useEffect(() => {
    if (chosen < 0 && !isRun(row)) setFolds((old) => revealing(layout, old, row));
  }, [row]);
  const refold = (next: Folds): void => {
    setFolds(next);
    const shown = nearestShown(of, visible(layout, next), row);
    if (shown !== row) chooseRow(of, shown);
  };
  const fold = (each: number): void => refold(toggled(of, folds, each));
  const step = (by: number): void => {
    const next = rows[Math.max(0, Math.min(rows.length - 1, Math.max(0, chosen) + by))];
    if (next === undefined) return;
    choose(next);
    say(nameOf(of, runOf(layout, next)?.first ?? next));
  };
  const nextError = (): void => {
    const at = runOf(layout, row)?.first ?? row;
    const next = nextFailed(layout, spans.failed, at);
    if (next >= 0) choose(next);
  };
  const zoom = (): void => setView(zoomed(of, view, row));
  const isOpen = isRun(row) ? folds.opened.has(runOf(layout, row)?.first ?? -1) : !folds.closed.has(row);
  const hasBelow = isRun(row) || (layout.size[row] as number) > 1;
  const goIn = (): void => {
    if (!hasBelow) return;
    if (isOpen) step(1);
    else fold(row);
  };
  const goOut = (): void => {
    if (hasBelow && isOpen) fold(row);
    else {
      const above = rowAbove(of, places, row);
      if (above !== null) choose(above);
    }
  };
  const id = isRun(row) ? null : rowId(spans, row);
  const nextHit = (by: 1 | -1): void => {
    const hit = found === null ? -1 : nextFound(of, found, runOf(layout, row)?.first ?? row, by);
    if (hit >= 0) choose(hit);
  };
  const back = (): void => {
    if (text !== "") setText("");
    else if (!isWhole(view, layout.end)) setView(wholeView(layout.end));
    else goBack(pageLink("traces"));
  };
  useActions({
    next: () => step(1),
    previous: () => step(-1),
    into: goIn,
    out: goOut,
    zoom,
    nextError,
    fold: () => refold(foldedAll(layout)),
    unfold: () => refold(unfoldedAll(layout)),
    filter: () => input.current?.focus(),
    why: () => document.querySelector<HTMLElement>(".trace .span .asked, .trace .head .asked")?.click(),
    curl: () => void copy(curl(treePath(of.id)), "curl command"),
    back,
    ...(id === null ? {} : { open: () => open(pageLink("calls", {}, id)) }),
  });
  usePrefetch(of, rows, chosen);
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = { Home: 0, End: rows.length - 1, PageDown: chosen + 10, PageUp: chosen - 10 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    step(to - chosen);
  };
  const context: RowContext = { trace: of, folds, view, found, fold, choose };
  const head = useMemo(
    () => <Head of={of} summary={summary.data} nextError={nextError} />,
    [of, summary.data, row, folds],
  );
  return (
    <div class="trace">
      {head}
      <section class="left" aria-label="Tree" data-request={treePath(of.id)}>
        <div class="bar tools">
          <div class="field">
            <Icon name="lens" />
            <input
              ref={input}
              type="search"
              placeholder="Find names and errors"
              aria-label="Find in this trace"
              autocomplete="off"
              spellcheck={false}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key === "Enter") nextHit(event.shiftKey ? -1 : 1);
                else if (event.key === "Escape") {
                  setText("");
                  event.currentTarget.blur();
                } else return;
                event.preventDefault();
                event.stopPropagation();
              }}
            />
            {found !== null && <Hits found={found} next={() => nextHit(1)} />}
            {found !== null && (
              <button
                type="button"
                class="tiny"
                aria-pressed={searchesContent}
                title="Search the content of the spans too"
                onClick={() => setSearchesContent(!searchesContent)}
              >
                {content.loading ? "content …" : "content"}
              </button>
            )}
            {found === null && <kbd>/</kbd>}
          </div>
          <span class="grow" />
          <button
            type="button"
            class="button quiet"
            aria-pressed={!isWhole(view, layout.end)}
            title="Zoom to the step, and out again (z)"
            onClick={zoom}
          >
            Zoom
          </button>
          <button
            type="button"
            class="button quiet"
            title="Fold all ([)"
            onClick={() => refold(foldedAll(layout))}
          >
            Fold
          </button>
          <button
            type="button"
            class="button quiet"
            title="Unfold all (])"
            onClick={() => refold(unfoldedAll(layout))}
          >
            Unfold
          </button>
        </div>
        <Overview of={of} view={view} show={setView} />
        {missing !== null && (
          <p class="note missing">
            <Icon name="alert" />
            <span>
              The link is to the span <code>{missing}</code>, which this trace does not have.
            </span>
          </p>
        )}
        <Tree context={context} rows={rows} chosen={chosen} show={setView} onKeyDown={onKeyDown} />
      </section>
      <Detail of={of} row={row} open={isOpen} choose={choose} fold={fold} />
    </div>
  );
}

function Hits({ found, next }: { readonly found: Uint8Array; readonly next: () => void }) {
  let hits = 0;
  for (const each of found) hits += each;
  return (
    <button type="button" class="tiny hits" title="Next (Enter)" disabled={hits === 0} onClick={next}>
      {count(hits)} found
    </button>
  );
}

/** Search the content of a trace's spans by the API; "" searches nothing. Return the ids of the spans found. */
function useContentSearch({ id }: Trace, text: string): Resource<readonly string[]> {
  const settled = useDelayed(text, SEARCH_AFTER_MS);
  const parameters = { otel_trace_id: id, q: settled, search_in: "bodies", operation: "all", counted: "all" };
  const path = settled === "" ? null : route("/v1/traces", { ...parameters, limit: MAX_HITS });
  const found = useResource(path, async (signal) =>
    (await readRows(path ?? "", signal)).rows.map((row) => row.otel_span_id ?? ""),
  );
  return found.stale ? { ...found, data: null } : found;
}

const SEARCH_AFTER_MS = 300;
const MAX_HITS = 200;

/**
 * Return 1 for each span with a text in its name, operation, model or error, in any case of letters, and for the spans
 * with some ids.
 */
function search(spans: Spans, text: string, ids: readonly string[]): Uint8Array {
  const wanted = text.toLowerCase();
  const columns = [spans.name, spans.operation, spans.model, spans.errorType, spans.errorMessage].map(
    (column) => [column.at, column.matching(wanted)] as const,
  );
  const found = new Uint8Array(spans.count);
  for (let index = 0; index < spans.count; index += 1)
    if (columns.some(([at, matches]) => matches[at[index] as number] === 1)) found[index] = 1;
  for (const id of ids) {
    const index = indexOf(spans, id);
    if (index >= 0) found[index] = 1;
  }
  return found;
}

/** Return the span that the search found next to another one, in the order of the tree; -1 if there is none. */
function nextFound({ layout }: Trace, found: Uint8Array, index: number, by: 1 | -1): number {
  const { order, place } = layout;
  for (let step = 1; step <= order.length; step += 1) {
    const at = ((place[index] as number) + by * step + order.length * 2) % order.length;
    if (found[order[at] as number] === 1) return order[at] as number;
  }
  return -1;
}

/** Return a function that gives the place of a row in a list of rows; -1 if it is not in it. */
function placesOf(rows: Int32Array, spans: number, runs: number): (row: number) => number {
  const ofSpan = new Int32Array(spans).fill(-1);
  const ofRun = new Int32Array(runs).fill(-1);
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at] as number;
    if (row < 0) ofRun[-1 - row] = at;
    else ofSpan[row] = at;
  }
  return (row) => (row < 0 ? (ofRun[-1 - row] ?? -1) : (ofSpan[row] ?? -1));
}

/** Return folds with one row folded, or unfolded if it is folded. */
function toggled({ layout }: Trace, { closed, opened }: Folds, row: number): Folds {
  const toggle = (set: ReadonlySet<number>, value: number): ReadonlySet<number> => {
    const next = new Set(set);
    if (!next.delete(value)) next.add(value);
    return next;
  };
  const run = runOf(layout, row);
  return run === undefined
    ? { closed: toggle(closed, row), opened }
    : { closed, opened: toggle(opened, run.first) };
}

/** Return the row that a row is shown below; null at the top. */
function rowAbove({ layout }: Trace, places: (row: number) => number, row: number): number | null {
  const index = runOf(layout, row)?.first ?? row;
  const within = isRun(row) ? -1 : runWith(layout, index);
  if (within >= 0 && places(-1 - within) >= 0) return -1 - within;
  const above = layout.parent[index] as number;
  return above < 0 ? null : above;
}

/** Return a row itself if it is shown, else the nearest one above it in the tree that is. */
function nearestShown(of: Trace, rows: Int32Array, row: number): number {
  const places = placesOf(rows, of.spans.count, of.layout.runs.length);
  let at: number | null = row;
  while (at !== null && places(at) < 0) at = rowAbove(of, places, at);
  return at ?? rows[0] ?? row;
}

/** Return the view of the step that a row belongs to, or the whole trace if that is shown already. */
function zoomed({ spans, layout }: Trace, view: View, row: number): View {
  const run = runOf(layout, row);
  const index = run?.first ?? row;
  const step =
    run === undefined && (layout.size[index] as number) > 1
      ? index
      : Math.max(-1, layout.parent[index] as number);
  if (step < 0) return wholeView(layout.end);
  const wanted = clampView({ from: spans.start[step] as number, to: endOf(spans, step) }, layout.end);
  return view.from === wanted.from && view.to === wanted.to ? wholeView(layout.end) : wanted;
}

const PREFETCH_AFTER_MS = 120;

/** Read the content of the two spans after the chosen one ahead, so that the next key shows it at once. */
function usePrefetch({ spans }: Trace, rows: Int32Array, chosen: number): void {
  useEffect(() => {
    if (chosen < 0) return;
    const timer = setTimeout(() => {
      for (const row of rows.slice(chosen + 1, chosen + 3)) {
        const id = isRun(row) ? null : rowId(spans, row);
        if (id !== null) prefetch(id);
      }
    }, PREFETCH_AFTER_MS);
    return () => clearTimeout(timer);
  }, [rows, chosen]);
}
