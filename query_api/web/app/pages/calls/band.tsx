// Calls over time above the list, failed and succeeded, to choose a range from.

import { useMemo } from "preact/hooks";
import { stepLength, type Timeseries } from "../../api/timeseries.ts";
import { Bars } from "../../components/bars.tsx";
import { covered, rangeValues } from "../../components/steps.ts";
import { count, counted } from "../../format/numbers.ts";
import { parse } from "../../format/times.ts";
import { filteredLink } from "../../state/address.ts";
import { range } from "../../state/range.ts";

/** Return the sum over all series of a column by step; null for steps that were not read. */
function sum(of: Timeseries, name: "calls" | "errors"): readonly (number | null)[] {
  const all = of.other === null ? of.series : [...of.series, of.other];
  return of.starts.map((_, at) => {
    const values = all.map((each) => each[name][at] ?? null);
    const known = values.filter((value) => value !== null);
    return values.length > 0 && known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
  });
}

export function Band({ of }: { readonly of: Timeseries }) {
  const step = stepLength(of.step);
  const { starts, calls, series } = useMemo(() => {
    const calls = sum(of, "calls");
    const errors = sum(of, "errors");
    return {
      starts: of.starts.map((start) => parse(start) ?? 0),
      calls,
      series: [
        { name: "failed", color: "--bad", values: errors },
        {
          name: "succeeded",
          color: "--k-model",
          values: calls.map((value, at) => (value === null ? null : value - (errors[at] ?? 0))),
        },
      ],
    };
  }, [of]);
  return (
    <Bars
      label={`Calls, each bar ${of.step}`}
      starts={starts}
      step={step}
      series={series}
      format={count}
      height={44}
      axis={false}
      pick={(from, to) => ({
        text: sumText(calls.slice(from, to + 1)),
        link: filteredLink(rangeValues(covered(starts, from, to, range.value))),
      })}
    />
  );
}

const sumText = (calls: readonly (number | null)[]): string => {
  const known = calls.filter((value) => value !== null);
  const text = counted(
    known.reduce((a, b) => a + b, 0),
    "call",
  );
  return known.length < calls.length ? `≥ ${text}` : text;
};
