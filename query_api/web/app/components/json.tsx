// Shows JSON as a tree. Each level is made when it is opened.

import { useMemo, useState } from "preact/hooks";
import { count, counted } from "../format/numbers.ts";
import { copy } from "../state/notices.ts";
import { Icon } from "./icon.tsx";
import { cutText, entriesOf, LEVEL_LIMIT, nestedJson, TEXT_LIMIT } from "./json_tree.ts";

/** Show a value, open to a depth, with a button that copies the whole. */
export function Json({
  value,
  depth = 2,
  name = "JSON",
}: {
  readonly value: unknown;
  readonly depth?: number;
  readonly name?: string;
}) {
  return (
    <div class="json">
      <button
        type="button"
        class="tiny json-copy"
        aria-label={`Copy ${name}`}
        title={`Copy ${name}`}
        onClick={() => void copy(JSON.stringify(value, null, 2) ?? "", name)}
      >
        <Icon name="copy" />
      </button>
      <Node value={value} depth={depth} name={null} />
    </div>
  );
}

interface NodeProps {
  readonly value: unknown;
  readonly depth: number;
  readonly name: string | null;
}

function Node({ value, depth, name }: NodeProps) {
  if (typeof value === "object" && value !== null) return <Level value={value} depth={depth} name={name} />;
  if (typeof value === "string") return <Text text={value} depth={depth} name={name} />;
  return (
    <div class="leaf">
      <Name name={name} />
      <span class={value === null ? "null" : typeof value}>{JSON.stringify(value) ?? "undefined"}</span>
    </div>
  );
}

const Name = ({ name }: { readonly name: string | null }) =>
  name === null ? null : (
    <>
      <span class="k">{name}</span>:{" "}
    </>
  );

function Level({
  value,
  depth,
  name,
}: {
  readonly value: object;
  readonly depth: number;
  readonly name: string | null;
}) {
  const [opened, setOpened] = useState(depth > 0);
  const [shown, setShown] = useState(LEVEL_LIMIT);
  const entries = useMemo(() => (opened ? entriesOf(value) : []), [value, opened]);
  const size = Array.isArray(value) ? value.length : Object.keys(value).length;
  const brackets = Array.isArray(value) ? `[${count(size)}]` : `{${count(size)}}`;
  if (size === 0)
    return (
      <div class="leaf">
        <Name name={name} />
        <span class="quiet">{Array.isArray(value) ? "[ ]" : "{ }"}</span>
      </div>
    );
  return (
    <details open={opened} onToggle={(event) => setOpened(event.currentTarget.open)}>
      <summary>
        <Name name={name} />
        <span class="quiet">{brackets}</span>
      </summary>
      {entries.slice(0, shown).map(([inner, each], at) => (
        <Node key={inner ?? at} value={each} depth={depth - 1} name={inner} />
      ))}
      {entries.length > shown && (
        <button type="button" class="tiny" onClick={() => setShown(shown + LEVEL_LIMIT * 5)}>
          show {counted(Math.min(LEVEL_LIMIT * 5, entries.length - shown), "more", "more")} of{" "}
          {count(entries.length)}
        </button>
      )}
    </details>
  );
}

function Text({
  text,
  depth,
  name,
}: {
  readonly text: string;
  readonly depth: number;
  readonly name: string | null;
}) {
  const [whole, setWhole] = useState(false);
  const [asJson, setAsJson] = useState(false);
  const nested = useMemo(() => nestedJson(text), [text]);
  const shown = whole ? text : cutText(text);
  return (
    <div class="leaf">
      <Name name={name} />
      {asJson && nested !== undefined ? (
        <Level value={nested} depth={Math.max(1, depth)} name={null} />
      ) : (
        <span class="string">
          "{shown}
          {shown.length < text.length ? "…" : '"'}
        </span>
      )}
      {nested !== undefined && (
        <button type="button" class="tiny" aria-pressed={asJson} onClick={() => setAsJson(!asJson)}>
          {asJson ? "as text" : "as JSON"}
        </button>
      )}
      {!asJson && text.length > TEXT_LIMIT && (
        <button type="button" class="tiny" onClick={() => setWhole(!whole)}>
          {whole ? "show less" : `show all ${count(text.length)} characters`}
        </button>
      )}
    </div>
  );
}
