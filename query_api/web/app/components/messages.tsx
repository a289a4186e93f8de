// The messages of a call as people read them: roles, reasoning, tool calls with their results, images, cuts and masks.

import { Fragment } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Messages as Content, Part } from "../api/messages.ts";
import { rowPath } from "../api/traces.ts";
import { count, counted } from "../format/numbers.ts";
import { copy } from "../state/notices.ts";
import { Value } from "./exact.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { Json } from "./json.tsx";
import { firstLine, type Paired, pairResults, type Shown, sourceText } from "./message_pairs.ts";
import { PartView } from "./parts.tsx";

export interface CallFacts {
  /** Id of the row, for images that lie in its body. */
  readonly id: string;
  readonly finishReason: string | null;
  readonly outputTokens: number | null;
  readonly reasoningTokens: number | null;
}

// A map: the keys are data, and an object has members such as `constructor`.
const ROLES: ReadonlyMap<string, readonly [IconName, string]> = new Map([
  ["system", ["cog", "System"]],
  ["developer", ["cog", "Developer"]],
  ["user", ["user", "User"]],
  ["assistant", ["model", "Assistant"]],
  ["model", ["model", "Assistant"]],
  ["tool", ["tool", "Tool"]],
]);

const SHOWN_FIRST = 100;

/** Show all messages of a call, and below them its tools and parameters. */
export function Messages({ content, call }: { readonly content: Content; readonly call: CallFacts }) {
  const paired = useMemo(() => pairResults(content.messages), [content]);
  const [limit, setLimit] = useState(SHOWN_FIRST);
  // The end of a conversation is what is looked for, so of a long one the beginning is left out first.
  const skipped = Math.max(0, paired.shown.length - limit);
  const firstNew = paired.shown.findIndex(({ message }) => message.new === true);
  const marksNew = firstNew > 0;
  return (
    <div class="messages">
      {content.notes.map((note) => (
        <p key={note.code + note.text} class="note">
          <Icon name="shield" />
          <span>{note.text}</span>
        </p>
      ))}
      <Tools content={content} />
      {skipped > 0 && (
        <button type="button" class="button" onClick={() => setLimit(limit + 400)}>
          Show {counted(skipped, "earlier message")}
        </button>
      )}
      {paired.shown.slice(skipped).map((shown, at) => (
        <Fragment key={at + skipped}>
          {marksNew && at + skipped === firstNew && (
            <div class="fresh" role="separator">
              <span>new in this call</span>
            </div>
          )}
          <MessageView
            shown={shown}
            paired={paired}
            call={call}
            last={at + skipped === paired.shown.length - 1}
          />
        </Fragment>
      ))}
    </div>
  );
}

function Tools({ content: { tools, parameters } }: { readonly content: Content }) {
  const names = Object.keys(parameters ?? {});
  if ((tools?.length ?? 0) === 0 && names.length === 0) return null;
  return (
    <div class="offered">
      {tools !== null && tools.length > 0 && (
        <details class="message offer">
          <summary>
            <Icon name="right" />
            <Icon name="tool" />
            <span class="role">{counted(tools.length, "tool")} offered</span>
            <span class="first-line">{tools.map((tool) => tool.name).join(", ")}</span>
          </summary>
          <div class="body">
            {tools.map((tool, at) => (
              <section key={at} class="call">
                <header>
                  <strong>{tool.name ?? "unnamed"}</strong>
                </header>
                {tool.description !== null && <p class="about">{tool.description}</p>}
                <Json value={tool.parameters} depth={1} name="parameters" />
              </section>
            ))}
          </div>
        </details>
      )}
      {names.length > 0 && (
        <details class="message offer">
          <summary>
            <Icon name="right" />
            <Icon name="cog" />
            <span class="role">Parameters</span>
            <span class="first-line">
              {names.map((name) => `${name} ${short(parameters?.[name])}`).join(" · ")}
            </span>
          </summary>
          <div class="body">
            <Json value={parameters} depth={1} name="parameters" />
          </div>
        </details>
      )}
    </div>
  );
}

const short = (value: unknown): string =>
  typeof value === "object" && value !== null ? "…" : String(value).slice(0, 40);

interface ViewProps {
  readonly shown: Shown;
  readonly paired: Paired;
  readonly call: CallFacts;
  readonly last: boolean;
}

function MessageView({ shown: { message, parts }, paired, call, last }: ViewProps) {
  const [raw, setRaw] = useState(false);
  const [icon, name] = ROLES.get(message.role) ?? (["other", message.role] as const);
  const answers = message.source === "response";
  const finish = answers ? (message.finish_reason ?? (last ? call.finishReason : null)) : null;
  const body = (
    <div class="body">
      {raw ? (
        <Json value={message} depth={3} name={`${name} message`} />
      ) : (
        <Parts parts={parts} paired={paired} call={call} answers={answers} />
      )}
    </div>
  );
  const buttons = (
    <>
      <button
        type="button"
        class="tiny"
        aria-pressed={raw}
        aria-label={`${name}: raw`}
        onClick={() => setRaw(!raw)}
      >
        Raw
      </button>
      <button
        type="button"
        class="tiny"
        aria-label={`Copy ${name} message`}
        title="Copy"
        onClick={() => void copy(sourceText(message.parts), `${name} message`)}
      >
        <Icon name="copy" />
      </button>
    </>
  );
  if (message.role === "system" || message.role === "developer")
    return (
      <details class="message system">
        <summary>
          <Icon name="right" />
          <Icon name={icon} />
          <span class="role">{name}</span>
          <span class="first-line">{firstLine(sourceText(parts.slice(0, 1)))}</span>
        </summary>
        <div class="tools-line">{buttons}</div>
        {body}
      </details>
    );
  return (
    <article class={`message ${!ROLES.has(message.role) ? "other" : name.toLowerCase()}`}>
      <header>
        <Icon name={icon} />
        <span class="role">{name}</span>
        {answers && call.outputTokens !== null && last && (
          <span class="quiet" data-request={rowPath(call.id)}>
            <Value of={call.outputTokens} unit="tokens" from="/output_tokens">
              {count(call.outputTokens)}
            </Value>{" "}
            tokens
          </span>
        )}
        {finish !== null && (
          <span class={`chip ${FINISHED.has(finish) ? "" : "warn"}`}>finish: {finish}</span>
        )}
        <span class="grow" />
        {buttons}
      </header>
      {body}
    </article>
  );
}

const FINISHED = new Set([
  "stop",
  "end_turn",
  "tool_calls",
  "tool_call",
  "tool_use",
  "stop_sequence",
  "STOP",
  "completed",
]);

interface PartsProps {
  readonly parts: readonly Part[];
  readonly paired: Paired;
  readonly call: CallFacts;
  readonly answers: boolean;
}

function Parts({ parts, paired, call, answers }: PartsProps) {
  if (parts.length === 0) return <p class="quiet">empty</p>;
  return (
    <>
      {parts.map((part, at) => (
        <PartView
          key={at}
          part={part}
          result={part.type === "tool_call" && part.id !== null ? paired.results.get(part.id) : undefined}
          call={call}
          answers={answers}
        />
      ))}
    </>
  );
}
