// The rows of the list with their head: sorted by a click, chosen by mouse or keys.

import { useMemo } from "preact/hooks";
import type { ApiError } from "../../api/request.ts";
import type { Sort } from "../../api/traces.ts";
import { modelOf, type Row, rowPath } from "../../api/traces.ts";
import { Value } from "../../components/exact.tsx";
import { Icon } from "../../components/icon.tsx";
import { Failure } from "../../components/states.tsx";
import { Rows, type RowsProps } from "../../components/virtual.tsx";
import { count } from "../../format/numbers.ts";
import { date, minute, parse } from "../../format/times.ts";
import { change, filteredLink, pageAddress } from "../../state/address.ts";
import { zone } from "../../state/preferences.ts";
import { now } from "../../state/range.ts";
import { cells } from "./row.tsx";
import type { RowList } from "./use_rows.ts";

interface Props {
  readonly list: RowList;
  /** Index of the chosen row; -1 for none. */
  readonly chosen: number;
  readonly slowest: number;
  readonly choose: (id: string) => void;
  /** True if the search reads content, which ends early for its budget. */
  readonly searchesBodies: boolean;
  /** The request that gives the list. */
  readonly request: string;
}

export function List({ list, chosen, slowest, choose, searchesBodies, request }: Props) {
  const { rows, first } = list;
  const row = useRowParts(rows, slowest, choose);
  const head = useMemo(() => <Head />, []);
  const foot = useMemo(
    () => <Foot list={list} searchesBodies={searchesBodies} request={request} />,
    [list.rows, list.hasMore, list.loadingMore, list.moreError, searchesBodies, request],
  );
  return (
    <Rows
      id="call"
      label="Calls"
      count={rows.length}
      total={list.hasMore ? -1 : rows.length}
      chosen={chosen}
      busy={first.loading}
      head={head}
      foot={foot}
      row={row}
      {...(searchesBodies ? {} : { onEnd: list.more })}
    />
  );
}

type RowParts = ReturnType<RowsProps["row"]>;

/** Return what makes the parts of a row; those of a row are made once, so that a step to the next row makes none. */
function useRowParts(rows: readonly Row[], slowest: number, choose: (id: string) => void): RowsProps["row"] {
  const shownZone = zone.value;
  const today = date(now.value, shownZone);
  const at = pageAddress.value;
  return useMemo(() => {
    const made = new Map<string, RowParts>();
    return (index) => {
      const each = rows[index];
      if (each === undefined) return { key: String(index), cells: null };
      let parts = made.get(each.trace_id);
      if (parts === undefined) {
        const onClick = (event: MouseEvent): void => {
          if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
          event.preventDefault();
          choose(each.trace_id);
        };
        const link = filteredLink({ call: each.trace_id });
        parts = {
          key: each.trace_id,
          props: {
            class: each.status === "error" ? "row bad" : "row",
            onClick,
            "aria-label": modelOf(each),
            "data-request": rowPath(each.trace_id),
          },
          cells: cells({ row: each, link, zone: shownZone, today, slowest }),
        };
        made.set(each.trace_id, parts);
      }
      return parts;
    };
  }, [rows, slowest, choose, shownZone, today, at]);
}

const COLUMNS: readonly (readonly [string, Sort | null])[] = [
  ["Time", "time"],
  ["Call", null],
  ["Session, user", null],
  ["Tokens in → out", "tokens"],
  ["Latency", "latency"],
  ["Cost", "cost"],
];

function Head() {
  const { query } = pageAddress.value;
  const sort = query.get("sort") ?? "time";
  const ascending = query.get("order") === "asc";
  return (
    <div class="rows-head" role="row" aria-rowindex={1}>
      {COLUMNS.map(([name, by], at) => {
        const sorted = by === sort;
        return (
          <span
            key={name}
            role="columnheader"
            class={at > 2 ? "num" : undefined}
            aria-sort={sorted ? (ascending ? "ascending" : "descending") : undefined}
          >
            {by === null ? (
              name
            ) : (
              <a
                href={filteredLink({
                  sort: by === "time" ? null : by,
                  order: sorted && !ascending ? "asc" : null,
                })}
                title={`Sort by ${name.toLowerCase()}`}
              >
                {name}
                {sorted && (by !== "time" || ascending) && <Icon name={ascending ? "up" : "down"} />}
              </a>
            )}
          </span>
        );
      })}
    </div>
  );
}

/** Choose the order of the list where it has no head. */
export function SortBy() {
  const sort = pageAddress.value.query.get("sort") ?? "time";
  return (
    <select
      class="sort-by"
      aria-label="Sort by"
      value={sort}
      onChange={({ currentTarget: { value } }) =>
        change({ sort: value === "time" ? null : value, order: null, call: null })
      }
    >
      {COLUMNS.map(
        ([name, by]) => by !== null && <option key={by} value={by}>{`by ${name.toLowerCase()}`}</option>,
      )}
    </select>
  );
}

function Foot({ list, searchesBodies, request }: Pick<Props, "list" | "searchesBodies" | "request">) {
  const last = list.rows.at(-1);
  if (list.moreError !== null) return <Foothold error={list.moreError} again={list.more} />;
  if (list.loadingMore) return <p class="rows-foot">Reading more …</p>;
  if (searchesBodies && list.hasMore)
    return (
      <div class="rows-foot">
        <span>
          The search stopped after two seconds or 256 MiB of content
          {last === undefined ? "" : `, at ${minute(parse(last.timestamp) ?? 0, zone.value)}`}.
        </span>
        <button type="button" class="button" onClick={list.more}>
          Search on
        </button>
      </div>
    );
  return list.hasMore ? null : (
    <p class="rows-foot" data-request={request}>
      End of the list:{" "}
      <Value of={list.rows.length} unit="calls" from="/total">
        {count(list.rows.length)}
      </Value>{" "}
      shown.
    </p>
  );
}

const Foothold = ({ error, again }: { readonly error: ApiError; readonly again: () => void }) => (
  <div class="rows-foot">
    <Failure error={error} again={again} />
  </div>
);
