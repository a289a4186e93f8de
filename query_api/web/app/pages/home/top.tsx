// The users and sessions that cost the most. They are read once they come into view.

import { useEffect, useRef, useState } from "preact/hooks";
import { filterParameters } from "../../api/filters.ts";
import { type Resource, useResource } from "../../api/resource.ts";
import { readTimeseries, timeseriesPath } from "../../api/timeseries.ts";
import { Value } from "../../components/exact.tsx";
import { Pending } from "../../components/states.tsx";
import { Asked } from "../../components/why.tsx";
import { count, counted, money, moneyExact } from "../../format/numbers.ts";
import { address } from "../../state/address.ts";
import { range } from "../../state/range.ts";
import { callsLink } from "../calls/links.ts";

const SHOWN = 5;

interface Props {
  readonly by: "user" | "session";
  readonly name: string;
  /** The sums of the page; while they fail, only their failure is shown. */
  readonly sums: Resource<unknown>;
}

/** Return a resource without its failure if that of the sums is shown already. */
export const withoutError = <T,>(of: Resource<T>, sums: Resource<unknown>): Resource<T> =>
  sums.error === null ? of : { ...of, error: null };

export function Top({ by, name, sums }: Props) {
  const box = useRef<HTMLElement>(null);
  const path = timeseriesPath(filterParameters(address.value.query, range.value), {
    by,
    top: SHOWN,
    step: "7d",
  });
  const of = useResource(useSeen(box) ? path : null, (signal) => readTimeseries(path, signal));
  const series = of.data?.series ?? [];
  const bound = of.data?.complete === false ? "≥ " : "";
  return (
    <section ref={box} class="panel top-list" data-request={path} aria-label={name}>
      <div class="bar">
        <h2>{name}</h2>
        <span class="grow" />
        <span class="hint">by cost</span>
      </div>
      <Pending of={withoutError(of, sums)} what={name.toLowerCase()} lines={SHOWN} />
      {of.data !== null && series.every(({ key }) => key === null) && (
        <p class="quiet">No call in this range has a {by}.</p>
      )}
      <ul>
        {series.map(({ key, total }, at) => (
          <li key={key}>
            {key === null ? (
              <span class="name quiet">no {by}</span>
            ) : (
              <a class="name" href={callsLink({ [`${by}_id`]: key })} title={key}>
                {key}
              </a>
            )}
            <span class="quiet num">
              {bound}
              <Value of={total.calls} unit="calls" from={`/series/${at}/total/calls`}>
                {counted(total.calls, "call")}
              </Value>
            </span>
            {total.errors > 0 ? (
              <span class="bad-text num">
                <Value of={total.errors} unit="calls" from={`/series/${at}/total/errors`}>
                  {count(total.errors)}
                </Value>{" "}
                failed
              </span>
            ) : (
              <span class="num" />
            )}
            <Asked
              name={key ?? `no ${by}`}
              class="num"
              ask={() => ({
                title: `Why ${money(total.cost_cents)}?`,
                lines: [
                  ["Calls", "", count(total.calls)],
                  ["Unpriced", counted(total.unpriced, "call"), money(null)],
                  ["Usage unknown", counted(total.unknown_usage, "call"), money(null)],
                ],
                sum: ["Cost", "of what is known", moneyExact(total.cost_cents)],
                request: path,
                exact: { value: total.cost_cents, unit: "cents", from: `/series/${at}/total/cost_cents` },
              })}
            >
              {(total.cost_cents === null ? "" : bound) + money(total.cost_cents)}
            </Asked>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Return true once an element has come near the visible part of the page. */
function useSeen(box: { readonly current: HTMLElement | null }): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (box.current === null) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) setSeen(true);
      },
      { rootMargin: "200px" },
    );
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return seen;
}
