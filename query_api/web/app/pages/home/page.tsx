// Home: how much, how expensive, how slow, how often it failed; every picture leads to the calls behind it.

import { useState } from "preact/hooks";
import { readErrors } from "../../api/errors.ts";
import { facetsPath, readFacets } from "../../api/facets.ts";
import { FACETS, FILTERS, filterParameters } from "../../api/filters.ts";
import { readLatencies } from "../../api/latencies.ts";
import { curl, route } from "../../api/request.ts";
import { type Resource, useResource } from "../../api/resource.ts";
import { readTimeseries, timeseriesPath } from "../../api/timeseries.ts";
import { readTrust, type Trust } from "../../api/trust.ts";
import { FilterLine } from "../../components/filter_line.tsx";
import { Failure, Loading, Pending } from "../../components/states.tsx";
import { range as rangeText } from "../../format/times.ts";
import { address } from "../../state/address.ts";
import { useActions } from "../../state/keys.ts";
import { copy } from "../../state/notices.ts";
import { zone } from "../../state/preferences.ts";
import { range } from "../../state/range.ts";
import { Nothing } from "../calls/nothing.tsx";
import { Failures, SHOWN_GROUPS } from "./failures.tsx";
import { LatencyPanel } from "./latency.tsx";
import { NoSpans } from "./nothing.tsx";
import { COLORED, chosenChart, OverTime } from "./over_time.tsx";
import { sumSteps } from "./sums.ts";
import { Tiles } from "./tiles.tsx";
import { Top, withoutError } from "./top.tsx";
import { TrustPanel } from "./trust.tsx";

/** Filters that do not apply to sums of calls. */
const NOT_HERE = ["q", "counted"];

/** Return the requests of the page for an address; equal addresses give equal paths. */
function usePaths() {
  const { query } = address.value;
  const filters = filterParameters(query, range.value);
  filters.delete("counted");
  const tz = zone.value;
  const steps = route("/v1/latencies", new URLSearchParams([...filters, ["tz", tz]]));
  return {
    // By provider: its series do not overlap, so that they add up to all calls of a step.
    steps: timeseriesPath(filters, { measure: "calls", by: "provider", tz, compare: "previous" }),
    chart: timeseriesPath(filters, { ...chosenChart(query), tz, top: COLORED }),
    latencies: steps,
    errors: route("/v1/errors", new URLSearchParams([...filters, ["tz", tz], ["limit", `${SHOWN_GROUPS}`]])),
    trust: route("/v1/trust", filters),
    facets: facetsPath(filters, FACETS),
  };
}

export function HomePage() {
  const paths = usePaths();
  const { from, to } = range.value;
  const steps = useResource(paths.steps, async (signal) =>
    sumSteps(await readTimeseries(paths.steps, signal), { from, to }),
  );
  const chart = useResource(paths.chart, (signal) => readTimeseries(paths.chart, signal));
  const latencies = useResource(paths.latencies, async (signal) => ({
    ...(await readLatencies(paths.latencies, signal)),
    range: { from, to },
  }));
  const errors = useResource(paths.errors, (signal) => readErrors(paths.errors, signal));
  const trust = useResource(paths.trust, (signal) => readTrust(paths.trust, signal));
  const [filtering, setFiltering] = useState(false);
  const facets = useResource(filtering ? paths.facets : null, (signal) => readFacets(paths.facets, signal));
  useActions({
    why: () => document.querySelector<HTMLElement>(".tiles .asked")?.click(),
    curl: () => void copy(curl(paths.steps), "curl command"),
  });

  const none = steps.data?.of.total.calls === 0 && steps.data.of.complete && !steps.stale;
  return (
    <div class="home">
      <Loading of={steps} what="the sums" />
      <div class="bar">
        <h1>Home</h1>
        <time class="quiet num">{rangeText(from, to, zone.value)}</time>
      </div>
      <div class="home-filter" onFocusIn={() => setFiltering(true)}>
        <FilterLine names={FILTERS.filter((name) => !NOT_HERE.includes(name))} facets={facets.data} />
      </div>
      {steps.error !== null && <Failure error={steps.error} again={steps.again} />}
      {none ? (
        <EmptyHome trust={trust} />
      ) : (
        <>
          {steps.data !== null ? (
            <Tiles steps={steps.data} latencies={latencies.data} request={paths.steps} />
          ) : (
            <Pending of={{ ...steps, error: null }} what="the sums" lines={4} />
          )}
          {steps.data !== null && !steps.data.of.complete && <Incomplete />}
          <OverTime of={withoutError(chart, steps)} steps={steps.data} request={paths.chart} />
          <LatencyPanel of={withoutError(latencies, steps)} />
          <Failures of={withoutError(errors, steps)} request={paths.errors} />
          <Top by="user" name="Users" sums={steps} />
          <Top by="session" name="Sessions" sums={steps} />
          <TrustPanel of={withoutError(trust, steps)} request={paths.trust} />
        </>
      )}
    </div>
  );
}

/** Before the first span of a project: how to send. Else which filter or range leaves everything out. */
function EmptyHome({ trust }: { readonly trust: Resource<Trust> }) {
  if (trust.data === null) return <Pending of={trust} what="the newest span" />;
  return trust.data.newest_span_at === null ? <NoSpans /> : <Nothing />;
}

const Incomplete = () => (
  <p class="incomplete" role="status">
    <strong>Not all calls were read.</strong> Two seconds did not suffice for this range: counts and sums are
    of its newest part, and at least as large as shown. A shorter range or fewer filters give whole numbers.
  </p>
);
