// One row of the list: time, model and texts, session and user, tokens, latency, cost.

import type { ComponentChildren } from "preact";
import { modelOf, type Row } from "../../api/traces.ts";
import { CostMark, isUnpriced } from "../../components/cost_mark.tsx";
import { Value } from "../../components/exact.tsx";
import { KindIcon } from "../../components/icon.tsx";
import { count, duration, moneyColumn, percent, ratio } from "../../format/numbers.ts";
import { date, instant, parse, time } from "../../format/times.ts";

interface Props {
  readonly row: Row;
  readonly link: string;
  readonly zone: string;
  /** Date of today in the zone; other dates are shown. */
  readonly today: string;
  /** Latency at which the bar is full. */
  readonly slowest: number;
}

/** Return the cells of a row. */
export function cells({ row, link, zone, today, slowest }: Props): ComponentChildren {
  const at = parse(row.timestamp) ?? 0;
  const day = date(at, zone);
  const failed = row.status === "error";
  const error = row.error?.type ?? (failed ? "error" : null);
  return (
    <>
      <span class="when" role="gridcell">
        <span class={`dot ${failed ? "bad" : "none"}`} />
        <time title={instant(at, zone)} class="titled">
          {day === today ? null : (
            <>
              <span class="quiet">{day.slice(5)}</span>
              <br />{" "}
            </>
          )}
          {time(at, zone)}
        </time>
      </span>
      <span class="what" role="gridcell">
        <a class="row-link" href={link} tabIndex={-1} aria-label={`${modelOf(row)}, ${time(at, zone)}`} />
        <span class="model">
          <KindIcon operation={row.operation} />
          <b>{modelOf(row)}</b>
        </span>
        <span class="say">
          {error !== null && <span class="bad-text">{error}</span>}
          <span class="ask">{row.input_preview ?? row.name ?? ""}</span>
          {error === null && row.output_preview !== null && <span class="answer">{row.output_preview}</span>}
        </span>
      </span>
      <span class="who" role="gridcell">
        <span>{row.session_id ?? ""}</span>
        <span class="quiet">{row.user_id ?? ""}</span>
      </span>
      <Tokens row={row} />
      <Latency row={row} slowest={slowest} />
      <span class="money num" role="gridcell">
        <Value of={row.cost_cents} unit="cents" from="/cost_cents">
          {isUnpriced(row) ? <span class="warn-text">unpriced</span> : moneyColumn(row.cost_cents)}
        </Value>
        <CostMark source={row.cost_source} />
      </span>
    </>
  );
}

function Tokens({ row }: { readonly row: Row }) {
  const share = ratio(row.cache_read_tokens, row.input_tokens);
  const known = row.input_tokens !== null || row.output_tokens !== null;
  return (
    <span class="tokens num" role="gridcell">
      <span>
        <TokensOf row={row} />
      </span>
      {known && (
        <span
          class="cached titled"
          title={
            share === null ? "cached share unknown" : `${percent(share)} of the input came from the cache`
          }
        >
          <i style={{ inlineSize: `${100 * (share ?? 0)}%` }} />
        </span>
      )}
    </span>
  );
}

/** The tokens of a call, `992 → 412`; one sign if both are unknown. */
export function TokensOf({ row }: { readonly row: Row }) {
  const { input_tokens: input, output_tokens: output } = row;
  return (
    <>
      <Value of={input} unit="tokens" from="/input_tokens">
        {count(input)}
      </Value>
      {(input !== null || output !== null) && (
        <>
          {" → "}
          <Value of={output} unit="tokens" from="/output_tokens">
            {count(output)}
          </Value>
        </>
      )}
    </>
  );
}

function Latency({ row, slowest }: { readonly row: Row; readonly slowest: number }) {
  const wide = (ms: number): string => `${Math.min(100, (100 * ms) / slowest)}%`;
  return (
    <span class="lasts num" role="gridcell">
      <Value of={row.latency_ms} unit="ms" from="/latency_ms">
        {duration(row.latency_ms)}
      </Value>
      {row.latency_ms !== null && (
        <span class="line">
          <i style={{ inlineSize: wide(row.latency_ms) }} />
          {row.time_to_first_token_ms !== null && (
            <u
              class="titled"
              style={{ left: `${Math.min(98, (100 * row.time_to_first_token_ms) / slowest)}%` }}
              title={`first token after ${duration(row.time_to_first_token_ms)}`}
            />
          )}
        </span>
      )}
    </span>
  );
}
