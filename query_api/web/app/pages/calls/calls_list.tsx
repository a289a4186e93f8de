// The list of calls with everything around it.

import { computed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { facetsPath, readFacets } from "../../api/facets.ts";
import { FACETS, FILTERS, filterParameters } from "../../api/filters.ts";
import { curl, route } from "../../api/request.ts";
import { useResource } from "../../api/resource.ts";
import { readTimeseries, timeseriesPath } from "../../api/timeseries.ts";
import { modelOf, type Row } from "../../api/traces.ts";
import { Facets } from "../../components/facets.tsx";
import { FilterLine } from "../../components/filter_line.tsx";
import { Icon } from "../../components/icon.tsx";
import { Failure, Loading, Pending } from "../../components/states.tsx";
import { address, change, open, pageAddress, pageLink } from "../../state/address.ts";
import { useActions } from "../../state/keys.ts";
import { copy, say } from "../../state/notices.ts";
import { zone } from "../../state/preferences.ts";
import { range } from "../../state/range.ts";
import { Band } from "./band.tsx";
import { prefetch } from "./contents.ts";
import { Figures } from "./figures.tsx";
import { usePreloadedView } from "./later_view.tsx";
import { traceLink } from "./links.ts";
import { List, SortBy } from "./list.tsx";
import { Nothing } from "./nothing.tsx";
import { Peek } from "./peek.tsx";
import { type RowList, useRows } from "./use_rows.ts";

const PAGE_ROWS = 60;
const PREFETCH_AFTER_MS = 120;
const DEFAULT_SLOWEST_MS = 8000;

/** Return the requests of the page for an address; equal addresses give equal paths. */
function usePaths() {
  const { query } = pageAddress.value;
  const filters = filterParameters(query, range.value);
  const bodies = query.get("search_in") === "bodies" && query.get("q") !== null;
  const list = new URLSearchParams(filters);
  // A search in content reads rows in order of time.
  for (const name of bodies ? ["order"] : ["sort", "order"])
    if (query.get(name) !== null) list.set(name, query.get(name) ?? "");
  if (bodies) list.set("search_in", "bodies");
  list.set("limit", String(PAGE_ROWS));
  return {
    bodies,
    list: route("/v1/traces", list),
    // The API sums only counted calls and does not search content, so other lists have no figures.
    sums:
      bodies || !listsCounted(query)
        ? null
        : timeseriesPath(filters, { measure: "calls", by: "provider", tz: zone.value }),
    facets: bodies ? null : facetsPath(filters, FACETS),
  };
}

/** Return whether a list has only counted calls: the default, unless an operation selects other spans. */
function listsCounted(query: URLSearchParams): boolean {
  const counted = query.get("counted");
  if (counted !== null) return counted === "true";
  return (query.get("operation") ?? "model") === "model";
}

export function CallsList() {
  const paths = usePaths();
  const list = useRows(paths.list);
  const sums = useResource(paths.sums, (signal) => readTimeseries(paths.sums ?? "", signal));
  const facets = useResource(paths.facets, (signal) => readFacets(paths.facets ?? "", signal));
  const [facetsShown, setFacetsShown] = useState(false);
  const { rows, first } = list;
  const index = useIndex(rows);
  usePreloadedView();
  const slowest = Math.max(1000, sums.data?.total.p95_ms ?? DEFAULT_SLOWEST_MS) * 1.25;
  const empty = first.data !== null && !first.stale && rows.length === 0 && !list.hasMore;
  return (
    <Frame facetsShown={facetsShown}>
      <Facets of={facets} fields={FACETS} request={paths.facets ?? ""} />
      <section class="list" aria-label="Calls">
        <Loading of={first} what="the calls" />
        <div class="bar">
          <h1>Calls</h1>
          <Figures sums={sums} page={first.data} request={paths.sums ?? paths.list} list={paths.list} />
          <span class="grow" />
          <SortBy />
          <button
            type="button"
            class="button facets-open"
            aria-expanded={facetsShown}
            aria-label="Narrow down"
            onClick={() => setFacetsShown(!facetsShown)}
          >
            <Icon name={facetsShown ? "close" : "filter"} />
            <span>Narrow</span>
          </button>
        </div>
        <FilterLine names={NAMES} facets={facets.data} />
        <div class="band">
          {sums.data !== null ? (
            <Band of={sums.data} />
          ) : (
            sums.error !== null && <Failure error={sums.error} again={sums.again} />
          )}
        </div>
        <div class="list-body">
          {first.error !== null && <Failure error={first.error} again={first.again} />}
          {empty ? (
            <Nothing />
          ) : first.data === null ? (
            <Pending of={{ ...first, error: null }} what="the calls" lines={12} />
          ) : (
            <ChosenInList
              list={list}
              index={index}
              slowest={slowest}
              searchesBodies={paths.bodies}
              path={paths.list}
            />
          )}
        </div>
      </section>
      <ChosenCall rows={rows} index={index} />
    </Frame>
  );
}

const NAMES = FILTERS.filter((name) => name !== "q");

const chosenCall = computed(() => address.value.query.get("call"));
const isPeeking = computed(() => chosenCall.value !== null);

/** The layout: what lies in it is not rendered again when a call is chosen. */
const Frame = ({
  facetsShown,
  children,
}: {
  readonly facetsShown: boolean;
  readonly children: ComponentChildren;
}) => (
  <div class={`calls${isPeeking.value ? " peeking" : ""}${facetsShown ? " facets-shown" : ""}`}>
    {children}
  </div>
);

const choose = (id: string): void => change({ call: id }, { add: !isPeeking.peek() });

interface ChosenProps {
  readonly list: RowList;
  /** Index of each row by its id. */
  readonly index: ReadonlyMap<string, number>;
  readonly slowest: number;
  readonly searchesBodies: boolean;
  readonly path: string;
}

/** The rows, the chosen one of them, and what the keys do with it. */
function ChosenInList({ list, index, slowest, searchesBodies, path }: ChosenProps) {
  const call = chosenCall.value;
  const chosen = call === null ? -1 : (index.get(call) ?? -1);
  useRowKeys(list.rows, chosen, call, path);
  usePrefetch(list.rows, chosen);
  return (
    <List
      list={list}
      chosen={chosen}
      slowest={slowest}
      choose={choose}
      searchesBodies={searchesBodies}
      request={path}
    />
  );
}

function ChosenCall({
  rows,
  index,
}: {
  readonly rows: readonly Row[];
  readonly index: ReadonlyMap<string, number>;
}) {
  const call = chosenCall.value;
  if (call === null) return null;
  const at = index.get(call);
  if (at === undefined) return <Peek id={call} row={null} previous={null} next={null} />;
  return (
    <Peek id={call} row={rows[at] ?? null} previous={rows[at - 1] ?? null} next={rows[at + 1] ?? null} />
  );
}

const useIndex = (rows: readonly Row[]): ReadonlyMap<string, number> =>
  useMemo(() => new Map(rows.map((row, at) => [row.trace_id, at])), [rows]);

function useRowKeys(rows: readonly Row[], chosen: number, call: string | null, path: string): void {
  const step = (by: number): void => {
    const next = rows[chosen < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, chosen + by))];
    if (next === undefined) return;
    choose(next.trace_id);
    // A focused button or link would take the next Enter, which opens the chosen call.
    if (document.activeElement?.closest(".peek, .grid-box:focus") === null)
      document.querySelector<HTMLElement>(".calls .grid-box")?.focus({ preventScroll: true });
    say(`${modelOf(next)}, ${next.input_preview?.slice(0, 120) ?? ""}`);
  };
  const row = rows[chosen];
  useActions({
    next: () => step(1),
    previous: () => step(-1),
    open: () => (row === undefined ? step(1) : open(traceLink(row) ?? pageLink("calls", {}, row.trace_id))),
    ...(call === null
      ? {
          curl: () => void copy(curl(path), "curl command"),
          why: () => document.querySelector<HTMLElement>(".strip .asked")?.click(),
        }
      : {}),
  });
}

/** Read the content of the two rows after the chosen one ahead, so that the next key shows it at once. */
function usePrefetch(rows: readonly Row[], chosen: number): void {
  useEffect(() => {
    if (chosen < 0) return;
    const timer = setTimeout(() => {
      for (const row of rows.slice(chosen + 1, chosen + 3)) prefetch(row.trace_id);
    }, PREFETCH_AFTER_MS);
    return () => clearTimeout(timer);
  }, [rows, chosen]);
}
