// "Can these numbers be trusted?": what they lack, each with the calls behind it.

import type { Resource } from "../../api/resource.ts";
import type { Trust } from "../../api/trust.ts";
import { Value } from "../../components/exact.tsx";
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

/** A span that began less than this before is evidence that spans arrive; an older one is none that they do not. */
const FRESH_MS = 600_000;

interface Props {
  readonly of: Resource<Trust>;
  readonly request: string;
}

export function TrustPanel({ of, request }: Props) {
  return (
    <section class="panel health" data-request={request} aria-labelledby="trust">
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
  const incomplete = (
    <>
      <Value of={of.incomplete_traces} unit="traces" from="/incomplete_traces">
        {count(of.incomplete_traces)}
      </Value>{" "}
      of{" "}
      <Value of={of.traces} unit="traces" from="/traces">
        {count(of.traces)}
      </Value>
    </>
  );
  const ask = (reason: (of: Trust, request: string) => Reason) => () => reason(of, request);
  return (
    <dl>
      <Fact
        name="Newest span"
        mood={newest !== null && now.value - newest < FRESH_MS ? "good" : ""}
        text={newest === null ? "–" : ago(newest, Math.max(now.value, newest), zone.value)}
        ask={ask(reasons.newestReason)}
      >
        {newest !== null && <time>{minute(newest, zone.value)}</time>}
      </Fact>
      <Fact
        name="Priced"
        mood={mood(of.priced, of.unpriced)}
        text={share(of.priced, of.unpriced)}
        ask={ask(reasons.pricedReason)}
      >
        {of.unpriced > 0 ? (
          <a href={callsLink({ cost: "unpriced" })}>
            <Value of={of.unpriced} unit="calls" from="/unpriced">
              {counted(of.unpriced, "call")}
            </Value>{" "}
            without a price
          </a>
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
          <a href={callsLink({ cost: "no_usage" })}>
            <Value of={of.unknown_usage} unit="calls" from="/unknown_usage">
              {counted(of.unknown_usage, "call")}
            </Value>{" "}
            without tokens
          </a>
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
          <a href={pageLink("traces")}>{incomplete} lack a span</a>
        ) : (
          <>{incomplete} lack a span</>
        )}
      </Fact>
      <Fact
        name="Refused"
        mood={of.rejected === null ? "" : of.rejected > 0 ? "bad" : "good"}
        text={counted(of.rejected, "span")}
        ask={ask(reasons.refusedReason)}
      >
        {of.since === null ? (
          "counted elsewhere"
        ) : (
          <>
            since <time>{minute(parse(of.since) ?? 0, zone.value)}</time>
          </>
        )}
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
