// The chosen call next to the list.

import { curl } from "../../api/request.ts";
import { type Row, rowPath } from "../../api/traces.ts";
import { Icon, type IconName } from "../../components/icon.tsx";
import { Empty, Pending } from "../../components/states.tsx";
import { change, changedLink, fullLink, open, pageLink } from "../../state/address.ts";
import { useActions } from "../../state/keys.ts";
import { copy } from "../../state/notices.ts";
import { useWholeRow } from "./contents.ts";
import { CallView } from "./later_view.tsx";
import { traceLink } from "./links.ts";

interface Props {
  readonly id: string;
  /** The row as the list has it; null if the list does not have it. */
  readonly row: Row | null;
  readonly previous: Row | null;
  readonly next: Row | null;
}

export function Peek({ id, row, previous, next }: Props) {
  useActions({ back: () => change({ call: null, tab: null }, { add: true }) });
  return (
    <section class="peek" aria-label="Chosen call">
      {row === null ? (
        <Unlisted id={id} />
      ) : (
        <CallView row={row} buttons={<Buttons row={row} previous={previous} next={next} />} />
      )}
    </section>
  );
}

/** A call that the list does not show: its link outlived the range, or other filters are set. */
function Unlisted({ id }: { readonly id: string }) {
  const whole = useWholeRow(id);
  const close = changedLink({ call: null, tab: null });
  // Until the list has arrived, Enter opens this call and not the first of the list.
  const row = whole.data;
  useActions({
    open: () => row !== null && open(traceLink(row) ?? pageLink("calls", {}, row.trace_id)),
  });
  if (whole.data !== null)
    return <CallView row={whole.data} buttons={<Buttons row={whole.data} previous={null} next={null} />} />;
  if (whole.error?.kind === "not-found")
    return (
      <Empty title="There is no such call in this project">
        <p>It may be of another project, or retention or an erasure deleted it.</p>
        <a class="button" href={close}>
          Close
        </a>
      </Empty>
    );
  return <Pending of={whole} what="the call" lines={6} />;
}

function Buttons({
  row,
  previous,
  next,
}: {
  readonly row: Row;
  readonly previous: Row | null;
  readonly next: Row | null;
}) {
  const trace = traceLink(row);
  return (
    <>
      <Step icon="up" name="Previous call (k)" to={previous} />
      <Step icon="down" name="Next call (j)" to={next} />
      {trace !== null && (
        <a class="icon-button" href={trace} title="Open the trace (Enter)" aria-label="Open the trace">
          <Icon name="tree" />
        </a>
      )}
      <a
        class="icon-button"
        href={pageLink("calls", {}, row.trace_id)}
        title={trace === null ? "Open the call (Enter)" : "Open the call"}
        aria-label="Open the call"
      >
        <Icon name="open" />
      </a>
      <button
        type="button"
        class="icon-button"
        title="Copy link (c)"
        aria-label="Copy link"
        onClick={() => void copy(fullLink(), "Link")}
      >
        <Icon name="link" />
      </button>
      <button
        type="button"
        class="icon-button"
        title="Copy as curl (C)"
        aria-label="Copy as curl"
        onClick={() => void copy(curl(rowPath(row.trace_id)), "curl command")}
      >
        <Icon name="copy" />
      </button>
      <a
        class="icon-button"
        href={changedLink({ call: null, tab: null })}
        title="Close (Esc)"
        aria-label="Close"
      >
        <Icon name="close" />
      </a>
    </>
  );
}

function Step({
  icon,
  name,
  to,
}: {
  readonly icon: IconName;
  readonly name: string;
  readonly to: Row | null;
}) {
  if (to === null)
    return (
      <span class="icon-button" aria-disabled="true" role="link" aria-label={name}>
        <Icon name={icon} />
      </span>
    );
  return (
    <a class="icon-button" href={changedLink({ call: to.trace_id })} title={name} aria-label={name}>
      <Icon name={icon} />
    </a>
  );
}
