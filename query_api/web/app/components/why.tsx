// "Why this number": the arithmetic of a figure, where it comes from, and the request that gives it.

import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { curl } from "../api/request.ts";
import { copy } from "../state/notices.ts";
import { type Exact, exactAttributes } from "./exact.tsx";
import { Icon } from "./icon.tsx";

export interface Reason {
  readonly title: string;
  /** What the figure is made of: name, arithmetic, amount. */
  readonly lines?: readonly (readonly [string, string, string])[];
  readonly sum?: readonly [string, string, string];
  readonly notes?: readonly string[];
  /** Path of the request below the project, such as `/v1/timeseries?…`. */
  readonly request: string;
  /** The figure itself, and how it follows from the answer to the request. */
  readonly exact: Exact;
}

export type Ask = () => Reason | Promise<Reason>;

let count = 0;
const opened = signal<{ readonly key: number; readonly anchor: HTMLElement; readonly ask: Ask } | null>(null);

/** Open the reason of a figure next to an element. */
export function showWhy(anchor: HTMLElement, ask: Ask): void {
  count += 1;
  opened.value = { key: count, anchor, ask };
}

export function closeWhy(): void {
  opened.value = null;
}

/** A figure that can be asked why; `name` is what the figure is. */
export function Asked({
  ask,
  name,
  class: more,
  children,
}: {
  readonly ask: Ask;
  readonly name: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <button
      type="button"
      class={`asked ${more ?? ""}`}
      aria-haspopup="dialog"
      title={`${name}: why? (w)`}
      onClick={(event) => showWhy(event.currentTarget, ask)}
    >
      {children}
      <span class="sr">, {name}: why?</span>
    </button>
  );
}

/** The popover itself; the shell has one. */
export function WhyPopover() {
  const now = opened.value;
  return now === null ? null : <Popover key={now.key} anchor={now.anchor} ask={now.ask} />;
}

function Popover({ anchor, ask }: { readonly anchor: HTMLElement; readonly ask: Ask }) {
  const box = useRef<HTMLDivElement>(null);
  const [reason, setReason] = useState<Reason | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    let gone = false;
    Promise.resolve()
      .then(ask)
      .then(
        (found) => gone || setReason(found),
        (error: unknown) => gone || setFailure(error instanceof Error ? error.message : String(error)),
      );
    return () => {
      gone = true;
    };
  }, []);
  useLayoutEffect(() => {
    const before = document.activeElement;
    box.current?.showPopover();
    box.current?.querySelector("button")?.focus({ preventScroll: true });
    // Opened by a key, the focus returns to where it was; by a click, that is the figure.
    return () => before instanceof HTMLElement && before.focus({ preventScroll: true });
  }, []);
  useLayoutEffect(() => {
    if (box.current !== null) place(box.current, anchor);
  }, [reason, failure]);
  return (
    <div
      ref={box}
      class="why"
      popover="auto"
      role="dialog"
      aria-label={reason?.title ?? "Why this number"}
      data-request={reason?.request}
      {...(reason === null ? {} : exactAttributes(reason.exact))}
      onToggle={(event) => event.newState === "closed" && closeWhy()}
    >
      <div class="bar">
        <h2>{reason?.title ?? "Why this number?"}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={closeWhy}>
          <Icon name="close" />
        </button>
      </div>
      {failure !== null && <p class="bad-text">{failure}</p>}
      {reason === null && failure === null && <p class="quiet">Reading …</p>}
      {reason !== null && <Answer reason={reason} />}
    </div>
  );
}

function Answer({ reason: { lines, sum, notes, request } }: { readonly reason: Reason }) {
  return (
    <>
      {lines !== undefined && lines.length > 0 && (
        <table>
          <tbody>
            {lines.map(([name, how, amount]) => (
              <tr>
                <th scope="row">{name}</th>
                <td class="how">{how}</td>
                <td class="num">{amount}</td>
              </tr>
            ))}
          </tbody>
          {sum !== undefined && (
            <tfoot>
              <tr>
                <th scope="row">{sum[0]}</th>
                <td class="how">{sum[1]}</td>
                <td class="num">{sum[2]}</td>
              </tr>
            </tfoot>
          )}
        </table>
      )}
      {notes?.map((note) => (
        <p>{note}</p>
      ))}
      <div class="request">
        <code>GET {request}</code>
        <button
          type="button"
          class="icon-button"
          aria-label="Copy as curl"
          title="Copy as curl (C)"
          onClick={() => void copy(curl(request), "curl command")}
        >
          <Icon name="copy" />
        </button>
      </div>
    </>
  );
}

/** Place the popover below its figure, or above if there is no room. */
function place(box: HTMLElement, anchor: HTMLElement): void {
  const at = anchor.getBoundingClientRect();
  const width = Math.min(480, innerWidth - 24);
  box.style.inlineSize = `${width}px`;
  box.style.left = `${Math.max(12, Math.min(at.left, innerWidth - width - 12))}px`;
  const below = at.bottom + 6 + box.offsetHeight < innerHeight;
  const top = below ? at.bottom + 6 : at.top - box.offsetHeight - 6;
  // A key can ask a figure that is scrolled out of view.
  box.style.top = `${Math.max(12, Math.min(top, innerHeight - box.offsetHeight - 12))}px`;
}
