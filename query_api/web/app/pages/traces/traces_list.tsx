// The list of traces: newest first, filtered as calls are; a trace is listed if one of its spans matches.

import { useState } from "preact/hooks";
import { facetsPath, readFacets } from "../../api/facets.ts";
import { activeFilters, FACETS, FILTERS, filterParameters, NO_FILTERS } from "../../api/filters.ts";
import { curl, route } from "../../api/request.ts";
import { useResource } from "../../api/resource.ts";
import type { Tree } from "../../api/trees.ts";
import { Value } from "../../components/exact.tsx";
import { FilterLine } from "../../components/filter_line.tsx";
import { Icon } from "../../components/icon.tsx";
import { Empty, Failure, Loading, Pending } from "../../components/states.tsx";
import { Rows } from "../../components/virtual.tsx";
import { Asked, type Reason } from "../../components/why.tsx";
import { count, counted } from "../../format/numbers.ts";
import { date, minute, parse, range as rangeText } from "../../format/times.ts";
import { address, changedLink, open, pageLink } from "../../state/address.ts";
import { useActions } from "../../state/keys.ts";
import { copy, say } from "../../state/notices.ts";
import { zone } from "../../state/preferences.ts";
import { now, range } from "../../state/range.ts";
import { summaryPath } from "../trace/use_trace.ts";
import { visited } from "../trace/visited.ts";
import { cells } from "./tree_row.tsx";
import { type TreeList, useTrees } from "./use_trees.ts";

const PAGE_ROWS = 50;

export function TracesList() {
  const { query } = address.value;
  const filters = filterParameters(query, range.value);
  const paged = new URLSearchParams(filters);
  if (query.get("order") === "asc") paged.set("order", "asc");
  paged.set("limit", String(PAGE_ROWS));
  const path = route("/v1/trees", paged);
  const list = useTrees(path);
  const facets = useResource(facetsPath(filters, FACETS), (signal) =>
    readFacets(facetsPath(filters, FACETS), signal),
  );
  const [chosenId, setChosen] = useState<string | null>(visited.value);
  const { trees, first } = list;
  const chosen = trees.findIndex((tree) => tree.otel_trace_id === chosenId);
  const step = (by: number): void => {
    const next = trees[chosen < 0 ? 0 : Math.max(0, Math.min(trees.length - 1, chosen + by))];
    if (next === undefined) return;
    setChosen(next.otel_trace_id);
    say(nameOf(next));
  };
  const tree = trees[chosen];
  useActions({
    next: () => step(1),
    previous: () => step(-1),
    open: () => (tree === undefined ? step(1) : open(pageLink("traces", {}, tree.otel_trace_id))),
    curl: () => void copy(curl(path), "curl command"),
    why: () => document.querySelector<HTMLElement>(".strip .asked")?.click(),
    ...(chosen < 0 ? {} : { back: () => setChosen(null) }),
  });
  const empty = first.data !== null && !first.stale && trees.length === 0 && list.next === null;
  return (
    <div class="traces">
      <section class="list" aria-label="Traces">
        <Loading of={first} what="the traces" />
        <div class="bar">
          <h1>Traces</h1>
          <Figures list={list} request={path} />
          <span class="grow" />
          <a
            class="button quiet"
            href={changedLink({ order: query.get("order") === "asc" ? null : "asc" })}
            title="Newest or oldest first"
          >
            <Icon name={query.get("order") === "asc" ? "up" : "down"} />
            {query.get("order") === "asc" ? "Oldest first" : "Newest first"}
          </a>
        </div>
        <FilterLine names={FILTERS.filter((name) => name !== "q")} facets={facets.data} />
        <div class="list-body">
          {first.error !== null && <Failure error={first.error} again={first.again} />}
          {empty ? (
            <Nothing />
          ) : first.data === null ? (
            <Pending of={{ ...first, error: null }} what="the traces" lines={12} />
          ) : (
            <TreeRows list={list} chosen={chosen} request={path} />
          )}
        </div>
      </section>
    </div>
  );
}

const nameOf = (tree: Tree): string => tree.input_preview ?? tree.name ?? tree.otel_trace_id;

function TreeRows({
  list,
  chosen,
  request,
}: {
  readonly list: TreeList;
  readonly chosen: number;
  readonly request: string;
}) {
  const { trees, first, complete } = list;
  const today = date(now.value, zone.value);
  const longest = Math.max(1000, percentile(trees.map((tree) => tree.duration_ms ?? 0)));
  return (
    <Rows
      id="tree"
      label="Traces"
      count={trees.length}
      total={list.next === null ? trees.length : -1}
      chosen={chosen}
      busy={first.loading}
      head={<Head />}
      foot={<Foot list={list} request={request} />}
      row={(at) => {
        const tree = trees[at];
        if (tree === undefined) return { key: String(at), cells: null };
        return {
          key: tree.otel_trace_id,
          props: {
            class: tree.errors > 0 ? "row bad" : "row",
            "aria-label": nameOf(tree),
            "data-request": summaryPath(tree.otel_trace_id),
          },
          cells: cells({
            tree,
            link: pageLink("traces", {}, tree.otel_trace_id),
            zone: zone.value,
            today,
            longest,
          }),
        };
      }}
      {...(complete ? { onEnd: list.more } : {})}
    />
  );
}

/** Return the value below which 95 % of some values lie. */
function percentile(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.95)] ?? sorted.at(-1) ?? 0;
}

const COLUMNS = ["Began", "Trace", "Session, user", "Spans, calls", "Failed", "Took", "Cost"];

const Head = () => (
  <div class="rows-head" role="row" aria-rowindex={1}>
    {COLUMNS.map((name, at) => (
      <span key={name} role="columnheader" class={at > 2 ? "num" : undefined}>
        {name}
      </span>
    ))}
  </div>
);

function Foot({ list, request }: { readonly list: TreeList; readonly request: string }) {
  const last = list.trees.at(-1);
  if (list.moreError !== null)
    return (
      <div class="rows-foot">
        <Failure error={list.moreError} again={list.more} />
      </div>
    );
  if (list.loadingMore) return <p class="rows-foot">Reading more …</p>;
  if (!list.complete && list.next !== null)
    return (
      <div class="rows-foot">
        <span>
          The search stopped after two seconds
          {last === undefined
            ? ", before it found a trace"
            : `, at ${minute(parse(last.started_at) ?? 0, zone.value)}`}
          .
        </span>
        <button type="button" class="button" onClick={list.more}>
          Search on
        </button>
      </div>
    );
  return list.next === null ? (
    <p class="rows-foot" data-request={withLimit(request, list.trees.length)}>
      End of the list:{" "}
      <Value of={list.trees.length} unit="traces" from={["count", "/trees/*/spans"]}>
        {count(list.trees.length)}
      </Value>{" "}
      shown.
    </p>
  ) : null;
}

function Figures({ list, request }: { readonly list: TreeList; readonly request: string }) {
  const { trees, next } = list;
  if (list.first.data === null) return <div class="strip" />;
  const more = next === null ? "" : "+";
  const shown = withLimit(request, trees.length);
  const failed = trees.filter((tree) => tree.errors > 0).length;
  return (
    <div class="strip" data-request={shown}>
      <div class="figure">
        <Asked name="traces" ask={() => reason(trees, next !== null, shown)}>
          {count(trees.length)}
          {more}
        </Asked>
        <span>{trees.length === 1 && more === "" ? "trace" : "traces"}</span>
      </div>
      {failed > 0 && (
        <div class="figure">
          <b class="bad-text">
            <Value of={failed} unit="traces" from={["positive", "/trees/*/errors"]}>
              {count(failed)}
            </Value>
            {more}
          </b>
          <span>with failures</span>
        </div>
      )}
    </div>
  );
}

/** Largest `limit` of the API. */
const MAX_LIMIT = 1000;

/** Return the request that gives as many traces as were read in pages, at most `MAX_LIMIT`. */
function withLimit(request: string, trees: number): string {
  const [path = "", query] = request.split("?");
  const parameters = new URLSearchParams(query);
  parameters.set("limit", String(Math.min(Math.max(PAGE_ROWS, trees), MAX_LIMIT)));
  return route(path, parameters);
}

function reason(trees: readonly Tree[], more: boolean, request: string): Reason {
  const withFailures = trees.filter((tree) => tree.errors > 0).length;
  return {
    title: `Why ${counted(trees.length, "trace")}${more ? " or more" : ""}?`,
    lines: [
      ["With failed spans", "", count(withFailures)],
      ["Without", "", count(trees.length - withFailures)],
    ],
    sum: ["Traces", more ? "read so far" : "", count(trees.length)],
    notes: [
      "A trace is listed if one of its spans matches the filters and lies in the range. Its totals are over all of its spans.",
    ],
    request,
    exact: { value: trees.length, unit: "traces", from: ["count", "/trees/*/spans"] },
  };
}

/** Say why the list is empty, and what would change that. */
function Nothing() {
  const filters = activeFilters(address.value.query);
  const when = rangeText(range.value.from, range.value.to, zone.value);
  return (
    <Empty title={filters.length === 0 ? "No trace in this range" : "No trace matches"}>
      <p>
        {filters.length === 0
          ? `No span with a trace id began in ${when}.`
          : `In ${when} no span has all of ${filters.map(([name, value]) => `${name}:${value}`).join(" ")}.`}
      </p>
      <div class="bar">
        {filters.length > 0 && (
          <a class="button primary" href={changedLink(NO_FILTERS)}>
            Remove all filters
          </a>
        )}
        {(["7d", "30d"] as const).map((name) => (
          <a key={name} class="button" href={changedLink({ range: name, from: null, to: null })}>
            Show the last {name.slice(0, -1)} days
          </a>
        ))}
      </div>
    </Empty>
  );
}
