// Errors: failed calls in groups of one type, provider, model and message.

import { useMemo } from "preact/hooks";
import { type ErrorGroups, readErrors, typeName } from "../../api/errors.ts";
import { facetsPath, readFacets } from "../../api/facets.ts";
import { FACETS, FILTERS, filterParameters } from "../../api/filters.ts";
import { curl, route } from "../../api/request.ts";
import { useResource } from "../../api/resource.ts";
import { stepLength } from "../../api/timeseries.ts";
import { Bars } from "../../components/bars.tsx";
import { Value } from "../../components/exact.tsx";
import { FilterLine } from "../../components/filter_line.tsx";
import { Empty, Failure, Loading, Pending } from "../../components/states.tsx";
import { covered, instants, rangeValues, type Span, sumKnown } from "../../components/steps.ts";
import { Asked } from "../../components/why.tsx";
import { count, counted } from "../../format/numbers.ts";
import { range as rangeText } from "../../format/times.ts";
import { address, changedLink } from "../../state/address.ts";
import { useActions } from "../../state/keys.ts";
import { copy } from "../../state/notices.ts";
import { zone } from "../../state/preferences.ts";
import { range } from "../../state/range.ts";
import { callsLink } from "../calls/links.ts";
import { Group } from "./group.tsx";

interface Ranged extends ErrorGroups {
  readonly range: Span;
}

const LIMIT = 200;
const NAMES = FILTERS.filter((name) => name !== "q" && name !== "status");

export function ErrorsPage() {
  const filters = filterParameters(address.value.query, range.value);
  const path = route(
    "/v1/errors",
    new URLSearchParams([...filters, ["tz", zone.value], ["limit", `${LIMIT}`]]),
  );
  const facetPath = facetsPath(new URLSearchParams([...filters, ["status", "error"]]), FACETS);
  const { from, to } = range.value;
  const of = useResource(path, async (signal) => ({
    ...(await readErrors(path, signal)),
    range: { from, to },
  }));
  const facets = useResource(filters.get("status") === null ? facetPath : null, (signal) =>
    readFacets(facetPath, signal),
  );
  useActions({
    next: () => step(1),
    previous: () => step(-1),
    why: () => document.querySelector<HTMLElement>(".strip .asked")?.click(),
    curl: () => void copy(curl(path), "curl command"),
  });
  return (
    <div class="errors">
      <Loading of={of} what="the errors" />
      <div class="bar">
        <h1>Errors</h1>
        {of.data !== null && <Figures of={of.data} request={path} />}
        <span class="grow" />
        <time class="quiet num">{rangeText(from, to, zone.value)}</time>
      </div>
      <FilterLine names={NAMES} facets={facets.data} />
      {of.error !== null && <Failure error={of.error} again={of.again} />}
      {of.data === null ? (
        <Pending of={{ ...of, error: null }} what="the errors" lines={10} />
      ) : of.data.groups.length === 0 ? (
        <NoErrors of={of.data} />
      ) : (
        <>
          {!of.data.complete && (
            <p class="incomplete" role="status">
              <strong>Not all failed calls were read.</strong> Two seconds did not suffice, or there are too
              many groups: counts are at least as large as shown. A shorter range gives whole numbers.
            </p>
          )}
          <Types of={of.data} />
          <ul class="error-groups" data-request={path} aria-label="Groups of errors">
            {of.data.groups.map((group, at) => (
              <Group
                key={[group.error_type, group.provider, group.model, group.message].join("\n")}
                of={group}
                at={at}
                request={path}
              />
            ))}
          </ul>
          {of.data.groups.length === LIMIT && (
            <p class="hint">The {count(LIMIT)} largest groups are shown; a filter shows further ones.</p>
          )}
        </>
      )}
    </div>
  );
}

/** Move the focus to the next or previous group. */
function step(by: number): void {
  const links = [...document.querySelectorAll<HTMLElement>(".error-groups .title")];
  const at = links.findIndex((link) => link.closest("li")?.contains(document.activeElement));
  links[at < 0 ? 0 : Math.max(0, Math.min(links.length - 1, at + by))]?.focus();
}

const total = (of: ErrorGroups): number => of.groups.reduce((sum, { calls }) => sum + calls, 0);

const isBound = (of: ErrorGroups): boolean => !of.complete || of.groups.length === LIMIT;

function Figures({ of, request }: { readonly of: Ranged; readonly request: string }) {
  const bound = isBound(of) ? "≥ " : "";
  return (
    <div class="strip" data-request={request}>
      <div class="figure">
        <Asked
          name="failed calls"
          ask={() => ({
            title: `Why ${counted(total(of), "failed call")}?`,
            lines: byType(of).map(({ name, groups }) => [
              name,
              counted(groups.length, "group"),
              count(groups.reduce((sum, { calls }) => sum + calls, 0)),
            ]),
            sum: ["Failed calls", counted(of.groups.length, "group"), count(total(of))],
            notes: ["A call failed if its span ended with an error. A refusal of the model is no error."],
            request,
            exact: { value: total(of), unit: "calls", from: ["sum", 0, "/groups/*/calls"] },
          })}
        >
          {bound + count(total(of))}
        </Asked>
        <span>failed</span>
      </div>
      <div class="figure">
        <b>
          {bound}
          <Value of={of.groups.length} unit="values" from={["count", "/groups/*/calls"]}>
            {count(of.groups.length)}
          </Value>
        </b>
        <span>{of.groups.length === 1 ? "group" : "groups"}</span>
      </div>
    </div>
  );
}

const MOST_TYPES = 6;

/** Return the groups by type, the most frequent type first; types beyond the sixth are one. */
function byType(of: ErrorGroups) {
  const found = new Map<string, ErrorGroups["groups"][number][]>();
  for (const group of of.groups) {
    const same = found.get(typeName(group.error_type));
    if (same === undefined) found.set(typeName(group.error_type), [group]);
    else same.push(group);
  }
  const sorted = [...found].map(([name, groups]) => ({ name, groups }));
  const size = (groups: ErrorGroups["groups"]): number => groups.reduce((sum, { calls }) => sum + calls, 0);
  sorted.sort((a, b) => size(b.groups) - size(a.groups));
  const others = sorted.slice(MOST_TYPES).flatMap(({ groups }) => groups);
  const first = sorted.slice(0, MOST_TYPES);
  return others.length === 0 ? first : [...first, { name: "all other types", groups: others }];
}

const COLORS = ["--bad", "--c1", "--c3", "--c0", "--c2", "--c5", "--c6"];

/** Failed calls over time by type, to choose a range from. */
function Types({ of }: { readonly of: Ranged }) {
  const { starts, series, sums } = useMemo(() => {
    const series = byType(of).map(({ name, groups }, at) => ({
      name,
      color: COLORS[at] ?? "--c6",
      values: of.starts.map((_, start) => sumKnown(groups.map((group) => group.counts[start]))),
    }));
    return {
      starts: instants(of.starts),
      series,
      sums: of.starts.map((_, at) => sumKnown(series.map(({ values }) => values[at]))),
    };
  }, [of]);
  return (
    <section class="panel" aria-label="Over time">
      <div class="bar">
        <h2>Over time</h2>
        <ul class="legend-line">
          {series.map(({ name, color }) => (
            <li key={name}>
              <span class="key" style={{ background: `var(${color})` }} />
              {name}
            </li>
          ))}
        </ul>
      </div>
      <Bars
        label={`Failed calls by type, each bar ${of.step}`}
        starts={starts}
        step={stepLength(of.step)}
        series={series}
        sums={sums}
        format={count}
        height={120}
        pick={(first, last) => ({
          text: `${isBound(of) ? "≥ " : ""}${counted(sumKnown(sums.slice(first, last + 1)), "failed call")}`,
          link: callsLink({ ...rangeValues(covered(starts, first, last, of.range)), status: "error" }),
        })}
      />
    </section>
  );
}

function NoErrors({ of }: { readonly of: Ranged }) {
  return (
    <Empty title={of.complete ? "No call failed" : "No failed call was found in time"}>
      <p>
        {of.complete
          ? `In ${rangeText(of.range.from, of.range.to, zone.value)} no call with these filters ended with an error.`
          : "Two seconds did not suffice to read this range. A shorter range gives a whole answer."}
      </p>
      <div class="bar">
        <a class="button" href={callsLink({ status: null, error_type: null })}>
          Show the calls
        </a>
        <a class="button" href={changedLink({ range: "7d", from: null, to: null })}>
          Look at the last 7 days
        </a>
      </div>
    </Empty>
  );
}
