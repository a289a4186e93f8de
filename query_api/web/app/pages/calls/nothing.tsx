// An empty list: says why, and what would change that.

import { activeFilters, filterParameters, NO_FILTERS } from "../../api/filters.ts";
import { route } from "../../api/request.ts";
import { useResource } from "../../api/resource.ts";
import { readRows } from "../../api/traces.ts";
import { Empty, Loading } from "../../components/states.tsx";
import { count, counted } from "../../format/numbers.ts";
import { minute, parse, range as rangeText, rfc3339 } from "../../format/times.ts";
import { filteredLink, pageAddress } from "../../state/address.ts";
import { zone } from "../../state/preferences.ts";
import { range } from "../../state/range.ts";

/** Say which filter to drop, or when the newest call was. */
export function Nothing() {
  const filters = activeFilters(pageAddress.value.query);
  return filters.length === 0 ? <NothingInRange /> : <TooNarrow filters={filters} />;
}

const MAX_TRIED = 6;

function TooNarrow({ filters }: { readonly filters: readonly (readonly [string, string])[] }) {
  const { query } = pageAddress.value;
  const paths = filters.slice(0, MAX_TRIED).map(([name]) => {
    const others = filterParameters(query, range.value);
    others.delete(name);
    others.set("limit", "1");
    return [name, route("/v1/traces", others)] as const;
  });
  const found = useResource(paths.map(([, path]) => path).join(" "), async (signal) => {
    const counts: (readonly [string, number, boolean])[] = [];
    for (const [name, path] of paths) {
      const page = await readRows(path, signal);
      counts.push([name, page.total, page.totalIsBound]);
    }
    return counts;
  });
  const value = (name: string): string => filters.find(([each]) => each === name)?.[1] ?? "";
  const helpful = (found.data ?? []).filter(([, total]) => total > 0);
  return (
    <Empty title="No call matches">
      <Loading of={found} what="what each filter leaves out" />
      <p>
        In {rangeText(range.value.from, range.value.to, zone.value)} no call has all of{" "}
        {filters.map(([name, each]) => `${name}:${each}`).join(" ")}.
      </p>
      {helpful.length > 0 && (
        <ul class="ways">
          {helpful.map(([name, total, bound]) => (
            <li key={name}>
              <a href={filteredLink({ [name]: null })}>
                Without {name}:{value(name)}
              </a>
              : {bound ? "≥ " : ""}
              {counted(total, "call")}
            </li>
          ))}
        </ul>
      )}
      <a class="button" href={filteredLink(NO_FILTERS)}>
        Remove all filters
      </a>
    </Empty>
  );
}

const WIDER = [
  ["24h", "last 24 hours"],
  ["7d", "last 7 days"],
  ["30d", "last 30 days"],
] as const;

function NothingInRange() {
  const path = route("/v1/traces", { limit: 1 });
  const newest = useResource(path, (signal) => readRows(path, signal));
  const at = parse(newest.data?.rows[0]?.timestamp);
  if (newest.data !== null && at === null)
    return (
      <Empty title="No call was stored yet">
        <p>
          This project has no calls. Send spans over OTLP to this server with a key of the project; they show
          here within a second.
        </p>
      </Empty>
    );
  const day =
    at === null
      ? null
      : filteredLink({ range: null, from: rfc3339(at - 43_200_000), to: rfc3339(at + 60_000) });
  return (
    <Empty title="No call in this range">
      <Loading of={newest} what="the newest call" />
      <p>
        No call began in {rangeText(range.value.from, range.value.to, zone.value)}.
        {at !== null && ` The newest of ${count(newest.data?.total)} began ${minute(at, zone.value)}.`}
      </p>
      <div class="bar">
        {day !== null && (
          <a class="button primary" href={day}>
            Show the newest
          </a>
        )}
        {WIDER.map(([name, text]) => (
          <a key={name} class="button" href={filteredLink({ range: name, from: null, to: null })}>
            Show the {text}
          </a>
        ))}
      </div>
    </Empty>
  );
}
