// The parts of a message, each in its form.

import { type Part, type PartOf, partAddress } from "../api/messages.ts";
import { rowPath } from "../api/traces.ts";
import { bytes, count } from "../format/numbers.ts";
import { Value } from "./exact.tsx";
import { Icon } from "./icon.tsx";
import { Json } from "./json.tsx";
import { nestedJson } from "./json_tree.ts";
import type { CallFacts } from "./messages.tsx";
import { LongText } from "./text.tsx";

interface Props {
  readonly part: Part;
  /** Result of a tool call. */
  readonly result: PartOf<"tool_result"> | undefined;
  readonly call: CallFacts;
  /** True if the part is of the answer of this call. */
  readonly answers: boolean;
}

/** Show a part, and say what was cut or masked. */
export function PartView({ part, result, call, answers }: Props) {
  return (
    <>
      <Shape part={part} result={result} call={call} answers={answers} />
      {part.redacted === true && (
        <p class="note">
          <Icon name="shield" />
          <span>The content was masked before it was stored.</span>
        </p>
      )}
      {part.truncated_bytes !== undefined && part.truncated_bytes > 0 && (
        <p class="note">
          <Icon name="alert" />
          <span>{bytes(part.truncated_bytes)} were cut off here before the span was sent.</span>
        </p>
      )}
    </>
  );
}

function Shape({ part, result, call, answers }: Props) {
  switch (part.type) {
    case "text":
      return <LongText text={part.text} />;
    case "refusal":
      return (
        <div class="refusal">
          <Icon name="alert" label="Refusal" />
          <LongText text={part.text} />
        </div>
      );
    case "thinking":
      return <Thinking text={part.text} tokens={answers ? call.reasoningTokens : null} id={call.id} />;
    case "tool_call":
      return <ToolCall part={part} result={result} call={call} answers={answers} />;
    case "tool_result":
      return (
        <section class="call">
          <header>
            <Icon name="tool" />
            <strong>{part.name ?? "Result"}</strong>
            <span class="quiet mono">{part.id}</span>
          </header>
          <Result part={part} call={call} />
        </section>
      );
    case "image":
    case "file":
      return <File part={part} call={call} />;
    case "json":
      return <Json value={part.value} name="part" />;
  }
}

function Thinking({
  text,
  tokens,
  id,
}: {
  readonly text: string | null;
  readonly tokens: number | null;
  readonly id: string;
}) {
  const said = tokens !== null && (
    <span data-request={rowPath(id)}>
      <Value of={tokens} unit="tokens" from="/reasoning_tokens">
        {count(tokens)}
      </Value>{" "}
      tokens, billed as output
    </span>
  );
  if (text === null || text === "")
    return (
      <p class="thinking closed">
        <Icon name="think" />
        Reasoning{" "}
        <span class="quiet">
          {said}
          {said === false ? "" : ", "}its text was not given out by the provider
        </span>
      </p>
    );
  return (
    <details class="thinking">
      <summary>
        <Icon name="think" />
        Reasoning <span class="quiet">{said}</span>
      </summary>
      <LongText text={text} />
    </details>
  );
}

function ToolCall({
  part,
  result,
  call,
  answers,
}: {
  readonly part: PartOf<"tool_call">;
  readonly result: PartOf<"tool_result"> | undefined;
  readonly call: CallFacts;
  readonly answers: boolean;
}) {
  return (
    <section class="call">
      <header>
        <Icon name="tool" />
        <strong>{part.name ?? "unnamed tool"}</strong>
        <span class="quiet mono id">{part.id}</span>
        <span class="grow" />
        {result === undefined && (
          <span class="quiet">{answers ? "result comes in a later call" : "no result recorded"}</span>
        )}
      </header>
      {typeof part.arguments === "string" ? (
        <div class="json">
          <LongText text={part.arguments} plain />
        </div>
      ) : (
        <Json value={part.arguments} name="arguments" />
      )}
      {result !== undefined && <Result part={result} call={call} />}
    </section>
  );
}

function Result({ part, call }: { readonly part: PartOf<"tool_result">; readonly call: CallFacts }) {
  return (
    <div class="result">
      <span class="arrow" aria-hidden="true">
        ↳
      </span>
      <div class="grow">
        {part.parts.length === 0 && <span class="quiet">empty result</span>}
        {part.parts.map((inner, at) => (
          <ResultPart key={at} part={inner} call={call} />
        ))}
      </div>
    </div>
  );
}

function ResultPart({ part, call }: { readonly part: Part; readonly call: CallFacts }) {
  const value = part.type === "text" ? nestedJson(part.text) : undefined;
  if (value !== undefined) return <Json value={value} depth={1} name="result" />;
  return <PartView part={part} result={undefined} call={call} answers={false} />;
}

// Types that a browser draws as an image and the server sends as one.
const DRAWN = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"]);

function File({ part, call }: { readonly part: PartOf<"image" | "file">; readonly call: CallFacts }) {
  const address = part.digest === null ? null : partAddress(call.id, part.digest);
  const drawn = address !== null && DRAWN.has(part.media_type ?? "");
  return (
    <figure class="file">
      {drawn ? (
        <a href={address} target="_blank" rel="noreferrer">
          <img src={address} alt={part.name ?? `${part.media_type} in this message`} loading="lazy" />
        </a>
      ) : (
        <span class="thumb">
          <Icon name={part.type === "image" ? "image" : "file"} />
        </span>
      )}
      <figcaption>
        <strong>{part.name ?? part.media_type ?? part.type}</strong>
        <span class="quiet">
          {[
            part.name === null ? null : part.media_type,
            part.bytes === null ? null : bytes(part.bytes),
            part.digest?.slice(0, 12),
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
        {part.url !== null && <span class="mono url">{part.url.slice(0, 500)}</span>}
        {part.url !== null && (
          <span class="quiet">Linked by the message. Pulse names it and does not fetch it.</span>
        )}
        {address !== null && !drawn && (
          <a href={address} download={part.name ?? "part"}>
            Download
          </a>
        )}
        {address === null && part.url === null && <span class="quiet">Its bytes are not stored.</span>}
      </figcaption>
    </figure>
  );
}
