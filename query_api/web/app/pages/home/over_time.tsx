// The big chart: one measure over time, stacked by a dimension, with a legend of sums.

import { useMemo } from "preact/hooks";
import type { Resource } from "../../api/resource.ts";
import { type Series, stepLength, type Timeseries } from "../../api/timeseries.ts";
import { Bars, type Picked } from "../../components/bars.tsx";
import { type Formula, type Unit, Value } from "../../components/exact.tsx";
import { Segments } from "../../components/segments.tsx";
import { Pending } from "../../components/states.tsx";
import { covered, instants, rangeValues, sumKnown } from "../../components/steps.ts";
import { Asked, type Reason } from "../../components/why.tsx";
import { count, counted, money, moneyExact, percent, ratio, short } from "../../format/numbers.ts";
import { address, change, changedLink } from "../../state/address.ts";
import { callsLink } from "../calls/links.ts";
import {
  DIMENSIONS,
  type Dimension,
  filterOf,
  MEASURES,
  type Measure,
  oneOf,
  type Steps,
  totalOf,
  valuesOf,
} from "./sums.ts";

const NAMES: Readonly<Record<Measure, string>> = {
  cost: "Cost",
  calls: "Calls",
  tokens: "Tokens",
  errors: "Errors",
};
const FORMATS: Readonly<Record<Measure, (value: number | null) => string>> = {
  cost: money,
  calls: count,
  tokens: short,
  errors: count,
};
/** Series that have a colour; all further ones are one, the last colour's. */
export const COLORED = 6;

/** Return the measure and dimension that the address chooses. */
export function chosenChart(query: URLSearchParams): { readonly measure: Measure; readonly by: Dimension } {
  return { measure: oneOf(MEASURES, query.get("measure")), by: oneOf(DIMENSIONS, query.get("by")) };
}

interface Props {
  readonly of: Resource<Timeseries>;
  /** Sums of all calls by step, for the part that is chosen. */
  readonly steps: Steps | null;
  readonly request: string;
}

export function OverTime({ of, steps, request }: Props) {
  const { measure, by } = chosenChart(address.value.query);
  return (
    <section class="panel wide" aria-label="Over time">
      <div class="bar">
        <h2>Over time</h2>
        <Segments
          label="Measure"
          values={MEASURES.map((each) => [each, NAMES[each]] as const)}
          chosen={measure}
          choose={(value) => change({ measure: value === MEASURES[0] ? null : value })}
        />
        <label class="select">
          <span>by</span>
          <select
            value={by}
            onChange={(event) =>
              change({ by: event.currentTarget.value === DIMENSIONS[0] ? null : event.currentTarget.value })
            }
          >
            {DIMENSIONS.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </label>
        <span class="grow" />
        <span class="hint">Drag, or Shift and arrows, to choose a part</span>
      </div>
      <Pending of={of} what="the sums over time" lines={8} />
      {of.data !== null && <Chart of={of.data} measure={measure} steps={steps} request={request} />}
    </section>
  );
}

interface ChartProps {
  readonly of: Timeseries;
  readonly measure: Measure;
  readonly steps: Steps | null;
  readonly request: string;
}

function Chart({ of, measure, steps, request }: ChartProps) {
  const format = FORMATS[measure];
  const { starts, series } = useMemo(
    () => ({
      starts: instants(of.starts),
      series: allSeries(of).map(({ name, color, of: each }) => ({
        name,
        color,
        values: valuesOf(each, measure),
      })),
    }),
    [of, measure],
  );
  const fits = steps !== null && steps.of.starts[0] === of.starts[0] && steps.starts.length === starts.length;
  const sums = steps?.[measure];
  return (
    <div class="with-legend">
      <Bars
        label={`${NAMES[measure]} by ${of.by}, each bar ${of.step}`}
        starts={starts}
        step={stepLength(of.step)}
        series={series}
        {...(fits && sums !== undefined ? { sums } : {})}
        format={format}
        height={232}
        {...(fits ? { pick: (from: number, to: number) => picked(steps, measure, from, to) } : {})}
      />
      <Legend of={of} measure={measure} request={request} />
    </div>
  );
}

interface Named {
  readonly name: string;
  readonly color: string;
  /** The value of the series' filter; null if no filter selects its calls. */
  readonly key: string | null;
  /** Pointer to the series in the answer. */
  readonly at: string;
  readonly of: Series | Omit<Series, "key">;
}

const allSeries = (of: Timeseries): readonly Named[] => [
  ...of.series.map((each, at) => ({
    name: each.key ?? `no ${of.by}`,
    color: `--c${at}`,
    key: each.key,
    at: `/series/${at}`,
    of: each,
  })),
  ...(of.other === null
    ? []
    : [{ name: "all others", color: `--c${COLORED}`, key: null, at: "/other", of: of.other }]),
];

/** Return what the calls of some steps add up to, and the link to them. */
function picked(steps: Steps, measure: Measure, first: number, last: number): Picked {
  const range = rangeValues(covered(steps.starts, first, last, steps.range));
  const sum = (values: readonly (number | null)[]): number | null => sumKnown(values.slice(first, last + 1));
  const known = steps.calls.slice(first, last + 1).every((value) => value !== null);
  const bound = known ? "" : "≥ ";
  if (measure === "errors")
    return {
      text: bound + counted(sum(steps.errors), "failed call"),
      link: callsLink({ ...range, status: "error" }),
    };
  const calls = bound + counted(sum(steps.calls), "call");
  const more = measure === "tokens" ? `${short(sum(steps.tokens))} tokens` : money(sum(steps.cost));
  return { text: `${calls} · ${more}`, link: callsLink(range) };
}

function Legend({ of, measure, request }: Omit<ChartProps, "steps">) {
  const all = allSeries(of);
  const most = Math.max(...all.map((each) => totalOf(each.of.total, measure) ?? 0), 1e-9);
  const bound = of.complete ? "" : "≥ ";
  return (
    <ul class="legend-list" data-request={request} aria-label={`${NAMES[measure]} by ${of.by}`}>
      {all.map((each) => {
        const total = totalOf(each.of.total, measure);
        const filter = { [filterOf(of.by)]: each.key };
        return (
          <li key={`${each.color} ${each.name}`}>
            <span class="key" style={{ background: `var(${each.color})` }} />
            {each.key === null ? (
              <span class="name quiet">{each.name}</span>
            ) : (
              <a class="name" href={changedLink(filter)} title={`Only ${each.name}`}>
                {each.name}
              </a>
            )}
            {total === null && measure === "cost" && each.of.total.unpriced > 0 ? (
              <a class="num warn-text" href={callsLink({ ...filter, cost: "unpriced" })}>
                <Value of={null} unit="cents" from={totalFormula(each.at, measure)}>
                  no price
                </Value>
              </a>
            ) : (
              <Asked name={each.name} class="num" ask={() => seriesReason(each, of, measure, request)}>
                {(total === null ? "" : bound) + FORMATS[measure](total)}
              </Asked>
            )}
            <i
              class="share"
              style={{ inlineSize: `${(100 * (total ?? 0)) / most}%`, background: `var(${each.color})` }}
            />
          </li>
        );
      })}
      {all.length === 0 && <li class="quiet">No call in this range.</li>}
    </ul>
  );
}

/** Explain the sum of a series. */
function seriesReason(each: Named, of: Timeseries, measure: Measure, request: string): Reason {
  const { total } = each.of;
  const value = totalOf(total, measure);
  const exact = measure === "cost" ? moneyExact : count;
  return {
    title: `Why ${FORMATS[measure](value)}?`,
    lines: [
      ["Calls", "", count(total.calls)],
      ["Failed", percent(ratio(total.errors, total.calls)), count(total.errors)],
      ["Cost", "of priced calls", moneyExact(total.cost_cents)],
      ["Unpriced", counted(total.unpriced, "call"), "–"],
      ["Tokens", "input and output", count(totalOf(total, "tokens"))],
    ],
    sum: [each.name, NAMES[measure].toLowerCase(), exact(value)],
    notes: [
      ...(of.by === "model"
        ? ["A call counts under the model that answered; without an answer, under the requested model."]
        : []),
      ...(of.by === "tag" ? ["A call with two tags counts under both."] : []),
      `${percent(ratio(value, totalOf(of.total, measure)))} of all calls' ${measure}.`,
    ],
    request,
    exact: { value, unit: UNITS[measure], from: totalFormula(each.at, measure) },
  };
}

const UNITS: Readonly<Record<Measure, Unit>> = {
  cost: "cents",
  calls: "calls",
  tokens: "tokens",
  errors: "calls",
};

/** Return how the total of a measure follows from the sums of a series. */
const totalFormula = (at: string, measure: Measure): Formula =>
  measure === "tokens"
    ? ["sum", `${at}/total/input_tokens`, `${at}/total/output_tokens`]
    : `${at}/total/${measure === "cost" ? "cost_cents" : measure}`;
