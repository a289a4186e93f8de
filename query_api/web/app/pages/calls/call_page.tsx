// One call on a page of its own.

import { curl } from "../../api/request.ts";
import { rowPath } from "../../api/traces.ts";
import { Icon } from "../../components/icon.tsx";
import { Empty, Pending } from "../../components/states.tsx";
import { fullLink, open, pageLink } from "../../state/address.ts";
import { useActions } from "../../state/keys.ts";
import { copy } from "../../state/notices.ts";
import { useWholeRow } from "./contents.ts";
import { CallView } from "./later_view.tsx";
import { traceLink } from "./links.ts";

export function CallPage({ id }: { readonly id: string }) {
  const whole = useWholeRow(id);
  const row = whole.data;
  const list = pageLink("calls", { call: id });
  const trace = row === null ? null : traceLink(row);
  useActions({ back: () => open(list), ...(trace === null ? {} : { open: () => open(trace) }) });
  if (row === null && whole.error?.kind === "not-found")
    return (
      <Empty title="There is no such call in this project">
        <p>
          Its id is <code>{id}</code>. It may be of another project, or retention or an erasure deleted it.
        </p>
        <a class="button" href={pageLink("calls")}>
          To the list of calls
        </a>
      </Empty>
    );
  if (row === null)
    return (
      <div class="call-page">
        <div class="pane">
          <Pending of={whole} what="the call" lines={8} />
        </div>
      </div>
    );
  return (
    <div class="call-page">
      <CallView
        row={row}
        page
        buttons={
          <>
            {trace !== null && (
              <a class="icon-button" href={trace} title="Open the trace (Enter)" aria-label="Open the trace">
                <Icon name="tree" />
              </a>
            )}
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
              onClick={() => void copy(curl(rowPath(id)), "curl command")}
            >
              <Icon name="copy" />
            </button>
            <a class="icon-button" href={list} title="To the list (Esc)" aria-label="To the list">
              <Icon name="close" />
            </a>
          </>
        }
      />
    </div>
  );
}
