// The head of a trace: its question, whether it is complete, and its figures.

import type { ComponentChildren } from "preact";
import { curl } from "../../api/request.ts";
import { type Tree, treePath } from "../../api/trees.ts";
import { Value } from "../../components/exact.tsx";
import { Icon } from "../../components/icon.tsx";
import { type Ask, Asked } from "../../components/why.tsx";
import { count, counted, duration, money } from "../../format/numbers.ts";
import { instant } from "../../format/times.ts";
import { fullLink, goBack, pageLink } from "../../state/address.ts";
import { copy } from "../../state/notices.ts";
import { zone } from "../../state/preferences.ts";
import {
  callsReason,
  costReason,
  failedReason,
  spansReason,
  tokensReason,
  tookMs,
  tookReason,
  wholeTotal,
} from "./reasons.ts";
import { nameOf } from "./span_row.tsx";
import type { Trace } from "./use_trace.ts";

interface Props {
  readonly of: Trace;
  readonly summary: Tree | null;
  readonly nextError: () => void;
}

export function Head({ of, summary, nextError }: Props) {
  const { spans, layout, whole } = of;
  const sum = wholeTotal(of);
  const took = tookMs(of);
  const session = spans.sessions[0];
  const bound = spans.nextCursor === null ? "" : "≥ ";
  return (
    <header class="head" data-request={treePath(of.id)}>
      <div class="bar">
        <h1>
          <Icon name="tree" />
          <span class="text" dir="auto">
            {summary?.input_preview ?? nameOf(of, layout.order[0] ?? 0)}
          </span>
        </h1>
        <Completeness of={of} />
        {whole.failed > 0 && (
          <button type="button" class="chip bad" title="Next error (e)" onClick={nextError}>
            <Icon name="alert" />
            <Value of={whole.failed} unit="spans" from={["spans", "failed"]}>
              {count(whole.failed)}
            </Value>{" "}
            failed
            <kbd>e</kbd>
          </button>
        )}
        <span class="grow" />
        {session !== undefined && (
          <a
            class="button session"
            href={pageLink("calls", { session_id: session })}
            title="Calls of the session"
          >
            <Icon name="chat" />
            <span>{session}</span>
          </a>
        )}
        <a
          class="button icon-only wide-only"
          href={pageLink("calls", { otel_trace_id: of.id, operation: "all" })}
          aria-label="As a list of calls"
          title="As a list of calls"
        >
          <Icon name="list" />
        </a>
        <button
          type="button"
          class="button icon-only wide-only"
          aria-label="Copy link"
          title="Copy link (c)"
          onClick={() => void copy(fullLink(), "Link")}
        >
          <Icon name="link" />
        </button>
        <button
          type="button"
          class="button icon-only wide-only"
          aria-label="Copy as curl"
          title="Copy as curl (C)"
          onClick={() => void copy(curl(treePath(of.id)), "curl command")}
        >
          <Icon name="copy" />
        </button>
        <a
          class="button icon-only"
          href={pageLink("traces")}
          aria-label="Close"
          title="Close (Esc)"
          onClick={(event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            event.preventDefault();
            goBack(pageLink("traces"));
          }}
        >
          <Icon name="close" />
        </a>
      </div>
      <dl class="facts wide">
        <Fact name="Began">
          <time>{instant(spans.startMs, zone.value)}</time>
        </Fact>
        <Figure name="Took" ask={() => tookReason(of)}>
          {(took === null ? "" : bound) + duration(took)}
        </Figure>
        <Figure name="Spans" ask={() => spansReason(of)}>
          {bound + count(spans.count)}
        </Figure>
        <Figure name="Model calls" ask={() => callsReason(of)}>
          {bound + count(sum.calls)}
        </Figure>
        {whole.failed > 0 && (
          <Figure name="Failed" extra ask={() => failedReason(of)}>
            {bound + count(whole.failed)}
          </Figure>
        )}
        <Figure name="Tokens" ask={() => tokensReason(of)}>
          {bound + count(sum.tokens)}
        </Figure>
        <Figure name="Cost" ask={() => costReason(of)} after={<Unpriced calls={sum.unpriced} />}>
          {(sum.costCents === null ? "" : bound) + money(sum.costCents)}
        </Figure>
        {spans.users[0] !== undefined && (
          <Fact name="User" extra>
            <Names values={spans.users} filter="user_id" />
          </Fact>
        )}
        {spans.service.values.some((value) => value !== null) && (
          <Fact name="Service" extra>
            <Names values={spans.service.values.filter((value) => value !== null)} filter="service" />
          </Fact>
        )}
      </dl>
    </header>
  );
}

interface FactProps {
  readonly name: string;
  /** True if narrow windows leave the fact out. */
  readonly extra?: boolean;
  readonly children: ComponentChildren;
}

const Fact = ({ name, extra = false, children }: FactProps) => (
  <div class={extra ? "extra" : undefined}>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

const Figure = ({
  ask,
  children,
  after,
  ...fact
}: FactProps & { readonly ask: Ask; readonly after?: ComponentChildren }) => (
  <Fact {...fact}>
    <Asked name={fact.name} ask={ask}>
      {children}
    </Asked>
    {after}
  </Fact>
);

/** Show the first of some names as a link to its calls, and how many more there are. */
const Names = ({ values, filter }: { readonly values: readonly string[]; readonly filter: string }) => (
  <>
    <a href={pageLink("calls", { [filter]: values[0] })}>{values[0]}</a>
    {values.length > 1 && (
      <span class="quiet" title={values.slice(1).join(", ")}>
        {" "}
        and <span class="times">{count(values.length - 1)}</span> more
      </span>
    )}
  </>
);

const Unpriced = ({ calls }: { readonly calls: number }) =>
  calls === 0 ? null : (
    <span class="warn-text">
      {" + "}
      <Value of={calls} unit="calls" from={["spans", "unpriced"]}>
        {counted(calls, "unpriced call")}
      </Value>
    </span>
  );

/** Return why a trace is incomplete; null if nothing is missing. */
function missing({ spans, whole }: Trace): string | null {
  const orphans = spans.missingParents.size;
  if (orphans > 0) return `The parent of ${counted(orphans, "span")} was never received.`;
  return whole.roots === 0 ? "The root span was never received." : null;
}

function Completeness({ of }: { readonly of: Trace }) {
  const text = missing(of);
  if (of.spans.nextCursor !== null)
    return (
      <span class="chip warn" title="The trace has more spans than are read at once">
        <Icon name="alert" />
        first {count(of.spans.count)} spans
      </span>
    );
  if (text === null)
    return (
      <span class="chip good" title="The root and all parents were received">
        <Icon name="check" />
        complete
      </span>
    );
  return (
    <span class="chip warn" title={text}>
      <Icon name="alert" />
      incomplete
    </span>
  );
}
