// One call: its head with figures, and tabs for messages, cost, details and the raw row.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { costPath } from "../../api/cost.ts";
import { messagesPath } from "../../api/messages.ts";
import { curl } from "../../api/request.ts";
import { modelOf, type Row, rowPath } from "../../api/traces.ts";
import { CostMark, isUnpriced } from "../../components/cost_mark.tsx";
import { Value } from "../../components/exact.tsx";
import { Icon, KindIcon } from "../../components/icon.tsx";
import { Json } from "../../components/json.tsx";
import { Messages } from "../../components/messages.tsx";
import { Loading, Pending } from "../../components/states.tsx";
import { Asked, showWhy } from "../../components/why.tsx";
import { duration, money, percent, ratio } from "../../format/numbers.ts";
import { instant, parse } from "../../format/times.ts";
import { address, change, pageLink } from "../../state/address.ts";
import { useActions } from "../../state/keys.ts";
import { copy } from "../../state/notices.ts";
import { zone } from "../../state/preferences.ts";
import { useMessages, useWholeRow } from "./contents.ts";
import { CostTab } from "./cost_tab.tsx";
import { DetailsTab } from "./details_tab.tsx";
import { callCostReason } from "./reasons.ts";
import { TokensOf } from "./row.tsx";

const TABS = [
  ["messages", "Messages"],
  ["cost", "Cost"],
  ["details", "Details"],
  ["raw", "Raw"],
] as const;
export type Tab = (typeof TABS)[number][0];

interface Props {
  readonly row: Row;
  /** Buttons at the end of the title. */
  readonly buttons: ComponentChildren;
  /** True if the call has a page of its own, and so the heading of the page. */
  readonly page?: boolean;
}

export function CallView({ row, buttons, page = false }: Props) {
  const wanted = address.value.query.get("tab");
  const tab: Tab = TABS.find(([id]) => id === wanted)?.[0] ?? "messages";
  const cost = useRef<HTMLElement>(null);
  const pane = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (pane.current !== null) pane.current.scrollTop = 0;
  }, [row.trace_id, tab]);
  useActions({
    why: () => {
      const button = cost.current?.querySelector<HTMLElement>(".asked");
      if (button) showWhy(button, () => callCostReason(row));
    },
    curl: () => void copy(curl(pathOf(tab, row.trace_id)), "curl command"),
  });
  const cached = ratio(row.cache_read_tokens, row.input_tokens);
  const Heading = page ? "h1" : "h2";
  return (
    <article class="call-view" aria-label={`Call of ${modelOf(row)}`}>
      <header>
        <div class="title">
          <KindIcon operation={row.operation} />
          <Heading>{modelOf(row)}</Heading>
          {row.status === "error" && <span class="chip bad">{row.error?.type ?? "error"}</span>}
          <span class="grow" />
          {buttons}
        </div>
        <Sub row={row} />
        <dl class="facts" data-request={rowPath(row.trace_id)}>
          <Fact name="Latency">
            <Value of={row.latency_ms} unit="ms" from="/latency_ms">
              {duration(row.latency_ms)}
            </Value>
          </Fact>
          <Fact name="First token">
            <Value of={row.time_to_first_token_ms} unit="ms" from="/time_to_first_token_ms">
              {duration(row.time_to_first_token_ms)}
            </Value>
          </Fact>
          <Fact name="Tokens">
            <TokensOf row={row} />
          </Fact>
          <Fact name="Cached">
            <Value of={cached} unit="share" from={["ratio", "/cache_read_tokens", "/input_tokens"]}>
              {percent(cached)}
            </Value>
          </Fact>
          <div>
            <dt>Cost</dt>
            <dd ref={cost} class={isUnpriced(row) ? "warn-text" : undefined}>
              <Asked name="Cost" ask={() => callCostReason(row)}>
                {isUnpriced(row) ? "unpriced" : money(row.cost_cents)}
              </Asked>
              <CostMark source={row.cost_source} />
            </dd>
          </div>
        </dl>
        <Tabs tab={tab} />
      </header>
      <div ref={pane} class="pane" role="tabpanel" id="call-pane" aria-labelledby={`tab-${tab}`} tabIndex={0}>
        <Pane tab={tab} row={row} />
      </div>
    </article>
  );
}

const Fact = ({ name, children }: { readonly name: string; readonly children: ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

/** Return the request that a tab shows the answer of. */
function pathOf(tab: Tab, id: string): string {
  return tab === "messages" ? messagesPath(id) : tab === "cost" ? costPath(id) : rowPath(id);
}

function Sub({ row }: { readonly row: Row }) {
  const parts = [
    row.service === null ? null : <a href={pageLink("calls", { service: row.service })}>{row.service}</a>,
    row.session_id === null ? null : (
      <a href={pageLink("calls", { session_id: row.session_id })}>{row.session_id}</a>
    ),
    row.user_id === null ? null : <a href={pageLink("calls", { user_id: row.user_id })}>{row.user_id}</a>,
  ];
  return (
    <p class="sub">
      <time>{instant(parse(row.timestamp) ?? 0, zone.value)}</time>
      {parts
        .filter((part) => part !== null)
        .map((part) => (
          <> · {part}</>
        ))}
    </p>
  );
}

function Tabs({ tab }: { readonly tab: Tab }) {
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    const at = TABS.findIndex(([id]) => id === tab);
    const next = TABS[(at + by + TABS.length) % TABS.length]?.[0] ?? "messages";
    change({ tab: next === "messages" ? null : next });
    document.getElementById(`tab-${next}`)?.focus();
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Views of the call" onKeyDown={onKeyDown}>
      {TABS.map(([id, name]) => (
        <button
          key={id}
          id={`tab-${id}`}
          type="button"
          role="tab"
          aria-selected={id === tab}
          aria-controls="call-pane"
          tabIndex={id === tab ? 0 : -1}
          onClick={() => change({ tab: id === "messages" ? null : id })}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

export function Pane({ tab, row }: { readonly tab: Tab; readonly row: Row }) {
  if (tab === "cost") return <CostTab row={row} />;
  if (tab === "details") return <DetailsTab row={row} />;
  if (tab === "raw") return <RawTab id={row.trace_id} />;
  return <MessagesTab row={row} />;
}

function RawTab({ id }: { readonly id: string }) {
  const whole = useWholeRow(id);
  return whole.data === null ? (
    <Pending of={whole} what="the row" lines={12} />
  ) : (
    <Json value={whole.data} depth={2} name="row" />
  );
}

function MessagesTab({ row }: { readonly row: Row }) {
  const content = useMessages(row.trace_id);
  const call = {
    id: row.trace_id,
    finishReason: row.finish_reason,
    outputTokens: row.output_tokens,
    reasoningTokens: row.reasoning_tokens,
  };
  return (
    <>
      <Loading of={content} what="the messages" />
      {content.error !== null && <Pending of={content} what="the messages" />}
      {content.data === null ? (
        <Previews row={row} />
      ) : (
        <Messages key={row.trace_id} content={content.data} call={call} />
      )}
      {row.status === "error" && <CallFailure row={row} />}
    </>
  );
}

/** Show what the list has of the content, until all of it has arrived. */
function Previews({ row }: { readonly row: Row }) {
  const preview = (role: "user" | "assistant", text: string | null) =>
    text === null ? null : (
      <article class={`message ${role}`}>
        <header>
          <Icon name={role === "user" ? "user" : "model"} />
          <span class="role">{role === "user" ? "User" : "Assistant"}</span>
        </header>
        <div class="body">
          <div class="prose" dir="auto">
            <p class="plain">{text}</p>
          </div>
        </div>
      </article>
    );
  return (
    <div class="messages">
      {preview("user", row.input_preview)}
      {preview("assistant", row.output_preview)}
    </div>
  );
}

function CallFailure({ row }: { readonly row: Row }) {
  const type = row.error?.type ?? null;
  // Spans that are not counted calls are listed only with the parameter `operation`.
  const operation = row.counted ? null : "all";
  return (
    <div class="failure">
      <Icon name="alert" />
      <div class="grow">
        <strong>{type ?? "The call failed"}</strong>
        {row.error?.message && <p>{row.error.message}</p>}
      </div>
      {type !== null && <a href={pageLink("calls", { error_type: type, operation })}>calls like it</a>}
    </div>
  );
}
