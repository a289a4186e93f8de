// The chosen span next to the tree: what it is, its figures, and its content in tabs.

import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Row } from "../../api/traces.ts";
import { type Reason, treePath } from "../../api/trees.ts";
import { Value } from "../../components/exact.tsx";
import { Icon, KindIcon } from "../../components/icon.tsx";
import { kindOf } from "../../components/kinds.ts";
import { Pending } from "../../components/states.tsx";
import { type Ask, Asked } from "../../components/why.tsx";
import { count, counted, duration, money, percent, ratio, UNKNOWN } from "../../format/numbers.ts";
import { address, change, changedLink, pageLink } from "../../state/address.ts";
import { copy } from "../../state/notices.ts";
import { useWholeRow } from "../calls/contents.ts";
import { Pane } from "../calls/later_view.tsx";
import { runOf } from "./folding.ts";
import { type Run, subtree, total } from "./layout.ts";
import { costReason, spanCostReason, spanTokensReason, spanTookReason, tokensReason } from "./reasons.ts";
import { lastEnd, nameOf } from "./span_row.tsx";
import { costCents, durationMs, known, spanId } from "./spans.ts";
import { type Trace, useSpanRow } from "./use_trace.ts";

interface Props {
  readonly of: Trace;
  /** Row as in `TreeRows`. */
  readonly row: number;
  /** True if the row is unfolded. */
  readonly open: boolean;
  readonly choose: (row: number) => void;
  readonly fold: (row: number) => void;
}

export function Detail({ of, row, open, choose, fold }: Props) {
  const run = runOf(of.layout, row);
  return run === undefined ? (
    <SpanDetail of={of} index={row} choose={choose} />
  ) : (
    <RunDetail of={of} run={run} open={open} fold={() => fold(row)} />
  );
}

const KIND_NAMES = {
  model: "Model call",
  tool: "Tool",
  agent: "Agent",
  find: "Retrieval",
  other: "Span",
} as const;

const TABS = [
  ["messages", "Messages"],
  ["cost", "Cost"],
  ["details", "Attributes"],
  ["raw", "Raw"],
] as const;
type Tab = (typeof TABS)[number][0];

function SpanDetail({
  of,
  index,
  choose,
}: {
  readonly of: Trace;
  readonly index: number;
  readonly choose: (row: number) => void;
}) {
  const { spans, layout } = of;
  const span = useSpanRow(of, index);
  const id = span.data?.trace_id ?? null;
  const isCall = spans.modelCall[index] === 1;
  const tabs = TABS.filter(([tab]) => isCall || tab !== "cost");
  const wanted = address.value.query.get("tab");
  const tab: Tab = tabs.find(([each]) => each === wanted)?.[0] ?? "messages";
  const kind = kindOf(spans.operation.get(index)).kind;
  const pane = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (pane.current !== null) pane.current.scrollTop = 0;
  }, [index, tab]);
  return (
    <section class="span call-view" aria-label="Chosen span">
      <header>
        <div class="title">
          <KindIcon operation={spans.operation.get(index)} />
          <h2 dir="auto">{nameOf(of, index)}</h2>
          {spans.failed[index] === 1 && (
            <span class="chip bad">{spans.errorType.get(index) ?? "failed"}</span>
          )}
          <span class="grow" />
          {id !== null && (
            <a
              class="icon-button"
              href={pageLink("calls", {}, id)}
              title="Open by itself (Enter)"
              aria-label="Open by itself"
            >
              <Icon name="open" />
            </a>
          )}
          <button
            type="button"
            class="icon-button"
            title="Copy the span's id"
            aria-label="Copy the span's id"
            onClick={() => void copy(spanId(spans, index), "Span id")}
          >
            <Icon name="copy" />
          </button>
        </div>
        <p class="sub">
          {kind === "model" && !isCall ? "Span" : KIND_NAMES[kind]} · starts{" "}
          <time>{duration((spans.start[index] as number) / 1000)}</time> into the trace
          {layout.critical[index] === 1 && " · on the critical path"}
        </p>
        <Facts of={of} index={index} row={id} />
        <Notes of={of} index={index} reason={span.data?.not_counted ?? null} choose={choose} />
        {tab !== "messages" && <Failed of={of} index={index} />}
        <Tabs tabs={tabs} tab={tab} />
      </header>
      <div ref={pane} class="pane" role="tabpanel" id="span-pane" aria-labelledby={`tab-${tab}`} tabIndex={0}>
        {id === null ? (
          <Pending of={span} what="the span" lines={6} />
        ) : (
          <Content key={id} id={id} tab={tab} />
        )}
      </div>
    </section>
  );
}

/** Show a tab of the span's row, once it was read. */
function Content({ id, tab }: { readonly id: string; readonly tab: Tab }) {
  const whole = useWholeRow(id);
  const row: Row | null = whole.data;
  return row === null ? <Pending of={whole} what="the span" lines={6} /> : <Pane tab={tab} row={row} />;
}

function Facts({
  of,
  index,
  row,
}: {
  readonly of: Trace;
  readonly index: number;
  readonly row: string | null;
}) {
  const { spans, layout } = of;
  const took = durationMs(spans, index);
  const counts = spans.modelCall[index] === 1 && spans.counted[index] === 1;
  return (
    <dl class="facts" data-request={treePath(of.id)}>
      <Figure name="Took" ask={() => spanTookReason(of, index)}>
        {duration(took)}
      </Figure>
      <Fact name="Of the trace">
        <Value
          of={ratio(took, layout.end / 1000)}
          unit="share"
          from={["ratio", `/duration_us/${index}`, ["spans", "extent_us"]]}
        >
          {percent(ratio(took, layout.end / 1000))}
        </Value>
      </Fact>
      {counts ? <CallFacts of={of} index={index} row={row} /> : <BelowFacts of={of} index={index} />}
    </dl>
  );
}

function CallFacts({
  of,
  index,
  row,
}: {
  readonly of: Trace;
  readonly index: number;
  readonly row: string | null;
}) {
  const { spans } = of;
  const input = known(spans.inputTokens, index);
  const output = known(spans.outputTokens, index);
  const first = known(spans.firstToken, index);
  const cost = costCents(spans, index);
  const unpriced = cost === null && ((input ?? 0) > 0 || (output ?? 0) > 0);
  return (
    <>
      {first !== null && (
        <Fact name="First token">
          <Value of={first} unit="us" from={`/first_token_us/${index}`}>
            {duration(first / 1000)}
          </Value>
        </Fact>
      )}
      <Figure name="Tokens" ask={() => spanTokensReason(of, index)}>
        {input === null && output === null ? UNKNOWN : `${count(input)} → ${count(output)}`}
      </Figure>
      <Figure name="Cost" ask={() => spanCostReason(of, index, row)}>
        {unpriced ? <span class="warn-text">unpriced</span> : money(cost)}
      </Figure>
    </>
  );
}

/** Show what lies below a span that is no counted call. */
function BelowFacts({ of, index }: { readonly of: Trace; readonly index: number }) {
  const { layout, spans } = of;
  const from = layout.place[index] as number;
  const to = from + (layout.size[index] as number);
  const sum = subtree(layout, index);
  if (layout.size[index] === 1) return null;
  return (
    <>
      <Fact name="Spans below">
        <Value of={to - from - 1} unit="spans" from={["minus", ["spans", "all", index, 1], 1]}>
          {count(to - from - 1)}
        </Value>
      </Fact>
      <Fact name="Failed below">
        <Value
          of={layout.failedBelow[index] as number}
          unit="spans"
          from={["minus", ["spans", "failed", index, 1], spans.failed[index] as number]}
        >
          {count(layout.failedBelow[index])}
        </Value>
      </Fact>
      {sum.calls > 0 && (
        <>
          <Fact name="Calls below">
            <Value of={sum.calls} unit="calls" from={["spans", "counted", index, 1]}>
              {count(sum.calls)}
            </Value>
          </Fact>
          <Figure name="Cost below" ask={() => costReason(of, from, to)}>
            {money(sum.costCents)}
          </Figure>
        </>
      )}
    </>
  );
}

const Fact = ({ name, children }: { readonly name: string; readonly children: ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

const Figure = ({
  name,
  ask,
  children,
}: {
  readonly name: string;
  readonly ask: Ask;
  readonly children: ComponentChildren;
}) => (
  <Fact name={name}>
    <Asked name={name} ask={ask}>
      {children}
    </Asked>
  </Fact>
);

interface NotesProps {
  readonly of: Trace;
  readonly index: number;
  readonly reason: Reason | null;
  readonly choose: (row: number) => void;
}

/** Say what is unusual about a span: it is not counted, or its parent is missing. */
function Notes({ of, index, reason, choose }: NotesProps) {
  const { spans, layout } = of;
  const parent = spans.missingParents.get(index);
  const unread = spans.unreadParents.get(index);
  const notCounted = spans.modelCall[index] === 1 && spans.counted[index] === 0;
  const { calls } = subtree(layout, index);
  const agent =
    spans.modelCall[index] === 0 && kindOf(spans.operation.get(index)).kind === "agent" && calls > 0;
  return (
    <>
      {notCounted && (
        <p class="note">
          <Icon name="alert" />
          <span>
            {reason?.reason === "wrapper"
              ? "This span repeats its children's numbers and is not counted. "
              : "This span is not counted. "}
            {reason?.why} <Counting of={of} index={index} reason={reason} choose={choose} />
          </span>
        </p>
      )}
      {agent && (
        <p class="note" data-request={treePath(of.id)}>
          <Icon name="check" />
          <span>
            Counted are the{" "}
            <Value of={calls} unit="calls" from={["spans", "counted", index, 1]}>
              {counted(calls, "model call")}
            </Value>{" "}
            below it, each once. Numbers that the agent itself reports are not added to them.
          </span>
        </p>
      )}
      {parent !== undefined && (
        <p class="note">
          <Icon name="alert" />
          <span>
            Its parent <code>{parent}</code> was never received, so its place in the tree is unknown.
          </span>
        </p>
      )}
      {unread !== undefined && (
        <p class="note">
          <Icon name="alert" />
          <span>
            Its parent <code>{unread}</code> is among the spans that are not shown.
          </span>
        </p>
      )}
    </>
  );
}

/** Show the error of a failed span; its messages show it too. */
function Failed({ of: { spans }, index }: { readonly of: Trace; readonly index: number }) {
  const message = spans.errorMessage.get(index);
  return spans.failed[index] === 0 || message === null ? null : (
    <p class="note bad-text">
      <Icon name="alert" />
      <span>{message}</span>
    </p>
  );
}

/** Link to the span that counts in place of another. */
function Counting({ of, index, reason, choose }: NotesProps) {
  const { spans } = of;
  const within = spans.notCounted?.get(index)?.counted_by ?? -1;
  if (within >= 0)
    return (
      <a
        href={changedLink({ span: spanId(spans, within) })}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          choose(within);
        }}
      >
        Counted is {nameOf(of, within)}.
      </a>
    );
  const row = reason?.counted_row;
  if (!row) return null;
  return (
    <a href={pageLink("traces", { span: row.otel_span_id }, row.otel_trace_id)}>To the span that counts.</a>
  );
}

function Tabs({ tabs, tab }: { readonly tabs: readonly (readonly [Tab, string])[]; readonly tab: Tab }) {
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    const at = tabs.findIndex(([id]) => id === tab);
    const next = tabs[(at + by + tabs.length) % tabs.length]?.[0] ?? "messages";
    change({ tab: next === "messages" ? null : next });
    document.getElementById(`tab-${next}`)?.focus();
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Views of the span" onKeyDown={onKeyDown}>
      {tabs.map(([id, name]) => (
        <button
          key={id}
          id={`tab-${id}`}
          type="button"
          role="tab"
          aria-selected={id === tab}
          aria-controls="span-pane"
          tabIndex={id === tab ? 0 : -1}
          onClick={() => change({ tab: id === "messages" ? null : id })}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

const SLOWEST = 20;

interface RunProps {
  readonly of: Trace;
  readonly run: Run;
  readonly open: boolean;
  readonly fold: () => void;
}

/** A run of equal neighbours: their sums, and the slowest of them. */
function RunDetail({ of, run, open, fold }: RunProps) {
  const { spans, layout } = of;
  const sum = total(layout, run.from, run.to);
  const bySlowness = useMemo(
    () => members(of, run).sort((a, b) => (b.took ?? -1) - (a.took ?? -1)),
    [of, run],
  );
  const knownTimes = bySlowness.filter(({ took }) => took !== null);
  const median = knownTimes[Math.floor(knownTimes.length / 2)];
  const extent = lastEnd(of, run.from, run.to) - (spans.start[run.first] as number);
  return (
    <section class="span call-view" aria-label="Chosen spans">
      <header>
        <div class="title">
          <KindIcon operation={spans.operation.get(run.first)} />
          <h2 dir="auto">{nameOf(of, run.first)}</h2>
          <span class="chip times">× {count(run.count)}</span>
          <span class="grow" />
          <button type="button" class="button" title={open ? "Fold (←)" : "Show each (→)"} onClick={fold}>
            {open ? "Fold" : "Show each"}
          </button>
        </div>
        <p class="sub">Equal neighbours: of one name, model and outcome, as are the spans below them</p>
        <dl class="facts last" data-request={treePath(of.id)}>
          <Fact name="First to last">
            <Value of={extent} unit="us" from={["spans", "extent_us", run.first, run.count]}>
              {duration(extent / 1000)}
            </Value>
          </Fact>
          <Fact name="Median">
            {median === undefined ? (
              UNKNOWN
            ) : (
              <Value of={known(spans.duration, median.index)} unit="us" from={`/duration_us/${median.index}`}>
                {duration(median.took)}
              </Value>
            )}
          </Fact>
          {sum.calls > 0 && (
            <>
              <Figure name="Tokens" ask={() => tokensReason(of, run.from, run.to)}>
                {count(sum.tokens)}
              </Figure>
              <Figure name="Cost" ask={() => costReason(of, run.from, run.to)}>
                {money(sum.costCents)}
              </Figure>
            </>
          )}
        </dl>
      </header>
      <div
        class="pane cost"
        role="group"
        aria-label="Slowest spans"
        tabIndex={0}
        data-request={treePath(of.id)}
      >
        <table>
          <thead>
            <tr>
              <th scope="col">{run.count > SLOWEST ? `The slowest ${SLOWEST}` : "Slowest first"}</th>
              <th scope="col" class="num">
                Starts
              </th>
              <th scope="col" class="num">
                Took
              </th>
            </tr>
          </thead>
          <tbody>
            {bySlowness.slice(0, SLOWEST).map(({ index, took, number }) => (
              <tr key={index}>
                <th scope="row">
                  <a href={changedLink({ span: spanId(spans, index) })}>
                    <span class="times">{count(number)}. </span>
                    {nameOf(of, index)}
                  </a>
                </th>
                <td class="num">
                  <time>{duration((spans.start[index] as number) / 1000)}</time>
                </td>
                <td class="num">
                  <Value of={known(spans.duration, index)} unit="us" from={`/duration_us/${index}`}>
                    {duration(took)}
                  </Value>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface Member {
  readonly index: number;
  /** Place within the run, from 1. */
  readonly number: number;
  /** Duration in milliseconds. */
  readonly took: number | null;
}

/** Return the spans of a run, without those below them. */
function members({ spans, layout }: Trace, run: Run): Member[] {
  const found: Member[] = [];
  for (let at = run.from; at < run.to; at += layout.size[layout.order[at] as number] as number) {
    const index = layout.order[at] as number;
    found.push({ index, number: found.length + 1, took: durationMs(spans, index) });
  }
  return found;
}
