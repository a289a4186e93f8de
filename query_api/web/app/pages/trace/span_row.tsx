// One row of the tree: name, tokens, cost, duration, and its bar on the time line.

import type { ComponentChildren, HTMLAttributes } from "preact";
import { Value } from "../../components/exact.tsx";
import { Icon, KindIcon } from "../../components/icon.tsx";
import { kindOf } from "../../components/kinds.ts";
import { count, counted, duration, moneyColumn, short } from "../../format/numbers.ts";
import { type Folds, levelOf, runOf } from "./folding.ts";
import { total } from "./layout.ts";
import { costExact, tokensExact } from "./reasons.ts";
import { costCents, durationMs, endOf, known } from "./spans.ts";
import { bar, type View } from "./time_scale.ts";
import type { Trace } from "./use_trace.ts";

export interface RowContext {
  readonly trace: Trace;
  readonly folds: Folds;
  readonly view: View;
  /** 1 for spans that the search found; null without a search. */
  readonly found: Uint8Array | null;
  readonly fold: (row: number) => void;
  readonly choose: (row: number) => void;
}

interface RowContent {
  readonly key: string;
  readonly props: HTMLAttributes<HTMLDivElement>;
  readonly cells: ComponentChildren;
}

/** Deeper spans are indented like this level. */
const MAX_INDENT = 24;

/** Return attributes and cells of a row: of a span, or of a run of equal neighbours. */
export function spanRow(row: number, context: RowContext): RowContent {
  const { trace, folds, found, choose } = context;
  const { spans, layout } = trace;
  const run = runOf(layout, row);
  const index = run?.first ?? row;
  const level = levelOf(layout, trace.runDepth, row);
  const parent = run !== undefined || (layout.size[index] as number) > 1;
  const open = run !== undefined ? folds.opened.has(run.first) : !folds.closed.has(index);
  const classes = [
    "row",
    spans.failed[index] === 1 && "bad",
    has(trace, row, layout.critical) && "critical",
    found !== null && (has(trace, row, found) ? "hit" : "miss"),
    run !== undefined && "run",
  ];
  return {
    key: String(row),
    props: {
      class: classes.filter(Boolean).join(" "),
      "aria-level": level + 1,
      ...(parent ? { "aria-expanded": open } : {}),
      onClick: () => choose(row),
    },
    cells: (
      <>
        <span class="name" role="gridcell" style={{ "--level": String(Math.min(MAX_INDENT, level)) }}>
          {parent ? (
            <button
              type="button"
              class="fold"
              tabIndex={-1}
              aria-label={open ? "Fold" : "Unfold"}
              onClick={(event) => {
                event.stopPropagation();
                context.fold(row);
              }}
            >
              <Icon name={open ? "down" : "right"} />
            </button>
          ) : (
            <span class="fold" />
          )}
          <KindIcon operation={spans.operation.get(index)} />
          <span class="text">{nameOf(trace, index)}</span>
          {run !== undefined && <span class="times">× {count(run.count)}</span>}
          <Marks of={trace} index={index} row={row} open={open} />
        </span>
        <Figures of={trace} row={row} open={open} />
        <Line of={trace} row={row} view={context.view} wraps={parent && run === undefined} />
      </>
    ),
  };
}

/** Return the name that a span is shown by. */
export const nameOf = ({ spans }: Trace, index: number): string =>
  spans.name.get(index) || spans.operation.get(index) || "unnamed span";

/** Return whether a column has a 1 for a span of a row: for a run, of any span in it. */
function has({ layout }: Trace, row: number, column: Uint8Array): boolean {
  const run = runOf(layout, row);
  if (run === undefined) return column[row] === 1;
  for (let at = run.from; at < run.to; at += 1) if (column[layout.order[at] as number] === 1) return true;
  return false;
}

interface MarksProps {
  readonly of: Trace;
  readonly index: number;
  readonly row: number;
  readonly open: boolean;
}

/** Show what a span's name does not have: failures, spans folded below, a parent that is missing. */
function Marks({ of, index, row, open }: MarksProps) {
  const { spans, layout } = of;
  const run = runOf(layout, row);
  const below = layout.failedBelow[index] as number;
  const failed = run === undefined ? below : (below + (spans.failed[index] as number)) * run.count;
  return (
    <>
      {run === undefined && !open && (
        <span class="quiet">
          +
          <Value
            of={(layout.size[index] as number) - 1}
            unit="spans"
            from={["minus", ["spans", "all", index, 1], 1]}
          >
            {count((layout.size[index] as number) - 1)}
          </Value>
        </span>
      )}
      {run === undefined && spans.failed[index] === 1 && <span class="badge bad">failed</span>}
      {failed > 0 && (
        <span class="badge bad soft" title={`${counted(failed, "failed span")} below`}>
          <Value
            of={failed}
            unit="spans"
            from={
              run === undefined
                ? ["minus", ["spans", "failed", index, 1], spans.failed[index] as number]
                : ["spans", "failed", run.first, run.count]
            }
          >
            {count(failed)}
          </Value>
          <span class="sr"> failed below</span>
        </span>
      )}
      {run === undefined && spans.missingParents.has(index) && (
        <span class="badge warn" title="The parent of this span was never received">
          no parent
        </span>
      )}
      {run === undefined && spans.modelCall[index] === 1 && spans.counted[index] === 0 && (
        <span class="badge plain" title="This span is not counted: other spans have its numbers">
          not counted
        </span>
      )}
    </>
  );
}

interface FiguresProps {
  readonly of: Trace;
  readonly row: number;
  readonly open: boolean;
}

/** Show the span's own tokens and cost; those of all spans below for a folded span or a run. */
function Figures({ of, row, open }: FiguresProps) {
  const { spans, layout } = of;
  const run = runOf(layout, row);
  if (run !== undefined) {
    const last = lastEnd(of, run.from, run.to);
    return (
      <>
        <Sums trace={of} from={run.from} to={run.to} />
        <span class="num took" role="gridcell">
          <Value
            of={last - (spans.start[run.first] as number)}
            unit="us"
            from={["spans", "extent_us", run.first, run.count]}
          >
            {duration((last - (spans.start[run.first] as number)) / 1000)}
          </Value>
        </span>
      </>
    );
  }
  const isCall = spans.modelCall[row] === 1 && spans.counted[row] === 1;
  const place = layout.place[row] as number;
  return (
    <>
      {isCall ? (
        <Own of={of} index={row} />
      ) : (
        <Sums trace={of} from={place} to={open ? place : place + (layout.size[row] as number)} />
      )}
      <span class="num took" role="gridcell">
        <Value of={known(spans.duration, row)} unit="us" from={`/duration_us/${row}`}>
          {duration(durationMs(spans, row))}
        </Value>
      </span>
    </>
  );
}

function Own({ of: { spans }, index }: { readonly of: Trace; readonly index: number }) {
  const input = known(spans.inputTokens, index);
  const output = known(spans.outputTokens, index);
  const cost = costCents(spans, index);
  const unpriced = cost === null && ((input ?? 0) > 0 || (output ?? 0) > 0);
  return (
    <>
      <span class="num tok" role="gridcell">
        <Value of={input} unit="tokens" from={`/input_tokens/${index}`}>
          {short(input)}
        </Value>
        {(input !== null || output !== null) && (
          <>
            {" → "}
            <Value of={output} unit="tokens" from={`/output_tokens/${index}`}>
              {short(output)}
            </Value>
          </>
        )}
      </span>
      <span class="num cost" role="gridcell">
        <Value of={known(spans.costNano, index)} unit="nano_usd" from={`/cost_nano_usd/${index}`}>
          {unpriced ? <span class="warn-text">unpriced</span> : moneyColumn(cost)}
        </Value>
      </span>
    </>
  );
}

interface SumsProps {
  readonly trace: Trace;
  /** Places in the order: of the first span, and after the last one. */
  readonly from: number;
  readonly to: number;
}

/** Show the sums of the calls between two places; nothing without calls. */
function Sums({ trace, from, to }: SumsProps) {
  const of = total(trace.layout, from, to);
  const empty = of.calls === 0;
  const title = empty ? undefined : "sum of the calls below";
  const tokens = empty ? null : tokensExact(trace, from, to);
  const cost = empty ? null : costExact(trace, from, to);
  return (
    <>
      <span class="num tok sum" role="gridcell" title={title}>
        {tokens !== null && (
          <Value of={tokens.value} unit={tokens.unit} from={tokens.from}>
            {short(of.tokens)}
          </Value>
        )}
      </span>
      <span class="num cost sum" role="gridcell" title={title}>
        {cost !== null && (
          <Value of={cost.value} unit={cost.unit} from={cost.from}>
            {of.costCents === null && of.unpriced > 0 ? "unpriced" : moneyColumn(of.costCents)}
          </Value>
        )}
      </span>
    </>
  );
}

/** Return the end of the span that ended last between two places of the order. */
export function lastEnd({ spans, layout }: Trace, from: number, to: number): number {
  let last = 0;
  for (let at = from; at < to; at += 1) last = Math.max(last, endOf(spans, layout.order[at] as number));
  return last;
}

/** More bars than this are drawn as one. */
const MAX_BARS = 40;

interface LineProps {
  readonly of: Trace;
  readonly row: number;
  readonly view: View;
  readonly wraps: boolean;
}

function Line({ of, row, view, wraps }: LineProps) {
  const { spans, layout } = of;
  const run = runOf(layout, row);
  const index = run?.first ?? row;
  const { kind } = kindOf(spans.operation.get(index));
  const start = spans.start[index] as number;
  const { left, width, outside } = bar(
    view,
    start,
    run === undefined ? endOf(spans, row) : lastEnd(of, run.from, run.to),
  );
  if (outside !== null)
    return (
      <span class="line" role="gridcell">
        <span class={`outside ${outside}`} aria-hidden="true">
          <Icon name={outside === "before" ? "left" : "right"} />
        </span>
      </span>
    );
  const first = known(spans.firstToken, index);
  const took = spans.duration[index] as number;
  const shown = run === undefined && width > 2.5 && first !== null && took > 0 && first < took;
  const mark = shown ? bar(view, start + first, start + first).left : null;
  return (
    <span class="line" role="gridcell">
      <i
        class={`${kind}${wraps ? " wrap" : ""}${run === undefined ? "" : " many"}`}
        style={{ left: `${left}%`, inlineSize: `${width}%` }}
      />
      {run !== undefined && run.count <= MAX_BARS && <RunBars of={of} row={row} view={view} />}
      {mark !== null && <u style={{ left: `${mark}%` }} />}
    </span>
  );
}

/** Draw each span of a run on one line. */
function RunBars({
  of: { spans, layout },
  row,
  view,
}: {
  readonly of: Trace;
  readonly row: number;
  readonly view: View;
}) {
  const run = runOf(layout, row);
  if (run === undefined) return null;
  const { kind } = kindOf(spans.operation.get(run.first));
  let path = "";
  for (let at = run.from; at < run.to; at += layout.size[layout.order[at] as number] as number) {
    const index = layout.order[at] as number;
    const { left, width, outside } = bar(view, spans.start[index] as number, endOf(spans, index));
    if (outside === null) path += `M${left.toFixed(2)} 0h${width.toFixed(2)}v1h${(-width).toFixed(2)}z`;
  }
  return (
    <svg class={kind} viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}
