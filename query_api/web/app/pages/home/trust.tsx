// "Can these numbers be trusted?": what they lack, each with the calls behind it.

import type { Resource } from "../../api/resource.ts";
import type { Trust } from "../../api/trust.ts";
import { Pending } from "../../components/states.tsx";
import { Asked, type Reason } from "../../components/why.tsx";
import { count, counted, percent, ratio } from "../../format/numbers.ts";
import { ago, minute, parse } from "../../format/times.ts";
import { pageLink } from "../../state/address.ts";
import { zone } from "../../state/preferences.ts";
import { now } from "../../state/range.ts";
import { callsLink } from "../calls/links.ts";
import { pageInfo } from "../registry.ts";
import * as reasons from "./reasons.ts";

interface Props {
  readonly of: Resource<Trust>;
  readonly request: string;
}

export function TrustPanel({ of, request }: Props) {
  return (
    <section class="panel health" aria-labelledby="trust">
      <div class="bar">
        <h2 id="trust">Can these numbers be trusted?</h2>
      </div>
      <Pending of={of} what="what the numbers lack" lines={2} />
      {of.data !== null && <Facts of={of.data} request={request} />}
    </section>
  );
}

function Facts({ of, request }: { readonly of: Trust; readonly request: string }) {
  const newest = parse(of.newest_span_at);
  const ask = (reason: (of: Trust, request: string) => Reason) => () => reason(of, request);
  return (
    <dl>
      <Fact
        name="Newest span"
        mood={newest === null ? "" : "good"}
        text={newest === null ? "–" : ago(newest, Math.max(now.value, newest), zone.value)}
        ask={ask(reasons.newestReason)}
      >
        {newest !== null && minute(newest, zone.value)}
      </Fact>
      <Fact
        name="Priced"
        mood={mood(of.priced, of.unpriced)}
        text={share(of.priced, of.unpriced)}
        ask={ask(reasons.pricedReason)}
      >
        {of.unpriced > 0 ? (
          <a href={callsLink({ cost: "unpriced" })}>{counted(of.unpriced, "call")} without a price</a>
        ) : (
          "of calls with tokens"
        )}
      </Fact>
      <Fact
        name="Usage known"
        mood={mood(of.usage_known, of.unknown_usage)}
        text={share(of.usage_known, of.unknown_usage)}
        ask={ask(reasons.usageReason)}
      >
        {of.unknown_usage > 0 ? (
          <a href={callsLink({ cost: "no_usage" })}>{counted(of.unknown_usage, "call")} without tokens</a>
        ) : (
          "of successful calls"
        )}
      </Fact>
      <Fact
        name="Traces complete"
        mood={of.traces === 0 ? "" : of.incomplete_traces > 0 ? "warn" : "good"}
        text={percent(ratio(of.traces - of.incomplete_traces, of.traces))}
        ask={ask(reasons.completeReason)}
      >
        {of.incomplete_traces > 0 && pageInfo("traces") !== undefined ? (
          <a href={pageLink("traces")}>{counted(of.incomplete_traces, "trace")} with a missing span</a>
        ) : (
          `${count(of.incomplete_traces)} of ${count(of.traces)} lack a span`
        )}
      </Fact>
      <Fact
        name="Refused"
        mood={of.rejected === null ? "" : of.rejected > 0 ? "bad" : "good"}
        text={counted(of.rejected, "span")}
        ask={ask(reasons.refusedReason)}
      >
        {of.since === null ? "counted elsewhere" : `since ${minute(parse(of.since) ?? 0, zone.value)}`}
      </Fact>
      <Fact name="Lost by exporters" mood="" text="unknown" ask={() => reasons.lostReason(request)}>
        no exporter reports it
      </Fact>
    </dl>
  );
}

const share = (known: number | null, unknown: number): string =>
  known === null ? "–" : percent(ratio(known, known + unknown));

const mood = (known: number | null, unknown: number): string =>
  known === null ? "" : unknown > 0 ? "warn" : "good";

const MOODS: Readonly<Record<string, string>> = { good: "good: ", warn: "doubtful: ", bad: "bad: ", "": "" };

interface FactProps {
  readonly name: string;
  readonly mood: string;
  readonly text: string;
  readonly ask: () => Reason;
  readonly children: preact.ComponentChildren;
}

const Fact = ({ name, mood: is, text, ask, children }: FactProps) => (
  <div>
    <dt>
      <span class={`dot ${is}`} />
      <span class="sr">{MOODS[is]}</span>
      {name}
    </dt>
    <dd>
      <Asked name={name} ask={ask}>
        {text}
      </Asked>
      <span class="quiet">{children}</span>
    </dd>
  </div>
);
