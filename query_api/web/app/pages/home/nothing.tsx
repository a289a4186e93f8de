// Home before the first span: how to send, and a look for new spans every few seconds.

import { useEffect } from "preact/hooks";
import { Icon } from "../../components/icon.tsx";
import { Empty } from "../../components/states.tsx";
import { base, pageLink } from "../../state/address.ts";
import { copy } from "../../state/notices.ts";
import { refresh } from "../../state/range.ts";

const LOOK_EVERY_MS = 3000;

export function NoSpans() {
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && refresh(), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const lines = [
    `export OTEL_EXPORTER_OTLP_ENDPOINT=${location.origin}${base.replace(/\/$/, "")}`,
    "export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20$PULSE_KEY",
  ].join("\n");
  return (
    <Empty title="No span was received yet">
      <p>
        Every OpenTelemetry exporter reads these two lines. <code>PULSE_KEY</code> is a key of this project
        with the scope <code>ingest</code>.
      </p>
      <div class="code send">
        <button
          type="button"
          class="tiny"
          aria-label="Copy the lines"
          title="Copy the lines"
          onClick={() => void copy(lines, "Lines")}
        >
          <Icon name="copy" />
        </button>
        <pre tabIndex={0} role="group" aria-label="Lines for a shell">
          <code>{lines}</code>
        </pre>
      </div>
      <p>
        Then run your program. This page looks for new spans every three seconds;{" "}
        <a href={pageLink("calls", { operation: "all", counted: "all" })}>all spans</a> are listed under
        Calls.
      </p>
    </Empty>
  );
}
