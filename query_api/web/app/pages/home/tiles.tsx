// The five figures of a range, each with its change against the period before.

import type { Latencies } from "../../api/latencies.ts";
import type { Totals } from "../../api/timeseries.ts";
import { type Formula, Value } from "../../components/exact.tsx";
import { Spark } from "../../components/spark.tsx";
import { Asked, type Reason } from "../../components/why.tsx";
import {
  change,
  count,
  counted,
  duration,
  FACTOR_FROM,
  money,
  percent,
  ratio,
  short,
} from "../../format/numbers.ts";
import { range } from "../../state/range.ts";
import { callsReason, costReason, errorsReason, latencyReason } from "../calls/reasons.ts";
import { tokensReason } from "./reasons.ts";
import { type Steps, tokens } from "./sums.ts";

/** A value of two periods, and how it follows from the sums of one. */
interface Compared {
  readonly of: (of: Totals) => number | null;
  readonly from: (of: "/total" | "/previous") => Formula;
}

interface Props {
  readonly steps: Steps;
  readonly latencies: Latencies | null;
  readonly request: string;
}

export function Tiles({ steps, latencies, request }: Props) {
  const { total, previous, complete } = steps.of;
  const bound = complete ? "" : "≥ ";
  const tile = (
    name: string,
    text: string,
    ask: (total: Totals, request: string) => Reason,
    value: Compared,
    values: readonly (number | null)[],
    color: string,
    worse = false,
  ) => (
    <Tile
      name={name}
      delta={<Delta now={total} before={previous} compare={value} worse={worse} />}
      values={values}
      color={color}
    >
      <Asked name={name} ask={() => ask(total, request)}>
        {text}
      </Asked>
    </Tile>
  );
  return (
    <div class="tiles" data-request={request}>
      {tile(
        "Calls",
        bound + count(total.calls),
        callsReason,
        { of: (of) => of.calls, from: (of) => `${of}/calls` },
        steps.calls,
        "--k-model",
      )}
      {tile(
        "Cost",
        (total.cost_cents === null ? "" : bound) + money(total.cost_cents),
        costReason,
        { of: (of) => of.cost_cents, from: (of) => `${of}/cost_cents` },
        steps.cost,
        "--accent",
      )}
      {tile(
        "Tokens",
        (tokens(total) === null ? "" : bound) + short(tokens(total)),
        tokensReason,
        { of: tokens, from: (of) => ["sum", `${of}/input_tokens`, `${of}/output_tokens`] },
        steps.tokens,
        "--k-agent",
      )}
      {tile(
        "Errors",
        percent(ratio(total.errors, total.calls)),
        errorsReason,
        {
          of: (of) => ratio(of.errors, of.calls),
          from: (of) => ["ratio", `${of}/errors`, `${of}/calls`],
        },
        steps.errors,
        "--bad",
        true,
      )}
      <Tile
        name="Latency"
        delta={
          <Delta
            now={total}
            before={previous}
            compare={{ of: (of) => of.p95_ms, from: (of) => `${of}/p95_ms` }}
            worse
            what="p95 "
          />
        }
        values={latencies === null ? [] : medians(latencies)}
        color="--k-tool"
      >
        {(["p50", "p95"] as const).map((name) => (
          <span key={name}>
            <Asked name={name} ask={() => latencyReason(total, request, name)}>
              {duration(total[`${name}_ms`])}
            </Asked>
            <small>{name}</small>
          </span>
        ))}
      </Tile>
    </div>
  );
}

function Tile({
  name,
  delta,
  values,
  color,
  children,
}: {
  readonly name: string;
  readonly delta: preact.ComponentChildren;
  readonly values: readonly (number | null)[];
  readonly color: string;
  readonly children: preact.ComponentChildren;
}) {
  return (
    <div class="tile" role="group" aria-label={name}>
      <h2>{name}</h2>
      <div class={name === "Latency" ? "value pair" : "value"}>{children}</div>
      {delta}
      <Spark values={values} color={color} label={`${name} over time`} />
    </div>
  );
}

const NOTABLE = 0.1;

/** The change of a value against the period of the same length before. */
function Delta({
  now,
  before,
  compare,
  worse,
  what = "",
}: {
  readonly now: Totals;
  readonly before: Totals | null | undefined;
  readonly compare: Compared;
  /** True if more is worse. */
  readonly worse: boolean;
  readonly what?: string;
}) {
  if (before === null || before === undefined) return <p class="delta quiet">the period before is unknown</p>;
  if (before.calls === 0) return <p class="delta quiet">no calls in {periodBefore()}</p>;
  const is = compare.of(now);
  const was = compare.of(before);
  const text = change(is, was);
  if (text === null || is === null || was === null) {
    const rose = worse && was === 0 && is !== null && is > 0;
    return rose ? (
      <p class="delta bad-text">none in {periodBefore()}</p>
    ) : (
      <p class="delta quiet">
        <Value of={null} unit="share" from={["ratio", compare.from("/total"), compare.from("/previous")]}>
          –
        </Value>
      </p>
    );
  }
  const share = is / was - 1;
  const mood = !worse || Math.abs(share) < NOTABLE ? "quiet" : share > 0 ? "bad-text" : "good-text";
  const [first, second] = [compare.from("/total"), compare.from("/previous")];
  const difference = share < 0 ? (["minus", second, first] as const) : (["minus", first, second] as const);
  const exact =
    is / was >= FACTOR_FROM
      ? ({ of: is / was, from: ["ratio", first, second] } as const)
      : ({ of: Math.abs(is - was) / was, from: ["ratio", difference, second] } as const);
  return (
    <p class={`delta ${mood}`} title={`${counted(before.calls, "call")} in ${periodBefore()}`}>
      {what}
      {share === 0 ? (
        text
      ) : (
        <Value unit="share" {...exact}>
          {text}
        </Value>
      )}{" "}
      <span class="quiet">against {periodBefore()}</span>
    </p>
  );
}

/** Name the period before the range, such as `the 7 days before`. */
function periodBefore(): string {
  const match = /^(\d+)([mhd])$/.exec(range.value.name ?? "");
  if (match === null) return "the period before";
  const unit = { m: "minute", h: "hour", d: "day" }[match[2] ?? "h"] ?? "hour";
  return match[1] === "1" ? `the ${unit} before` : `the ${match[1]} ${unit}s before`;
}

/** Return the middle octave of each step, as a share of the octaves; null for steps without calls. */
function medians({ counts, bounds_ms: bounds }: Latencies): readonly (number | null)[] {
  return counts.map((column) => {
    if (column === null) return null;
    let left = column.reduce((sum, value) => sum + value, 0) / 2;
    for (const [octave, value] of column.entries()) {
      if (value > 0 && left <= value) return (bounds[octave] ?? 0) * 2 ** (left / value);
      left -= value;
    }
    return null;
  });
}
