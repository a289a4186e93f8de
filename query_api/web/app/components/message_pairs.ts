// Pairs tool calls with their results, so that both are shown as one box, and decides which messages are shown.

import type { Message, Part, PartOf } from "../api/messages.ts";

export interface Shown {
  readonly message: Message;
  /** The parts but tool results that are shown with their calls. */
  readonly parts: readonly Part[];
}

export interface Paired {
  readonly shown: readonly Shown[];
  /** Results by the id of their call. */
  readonly results: ReadonlyMap<string, PartOf<"tool_result">>;
}

/** Pair results with the calls of earlier messages by id; a result without its call stays where it is. */
export function pairResults(messages: readonly Message[]): Paired {
  const called = new Set<string>();
  const results = new Map<string, PartOf<"tool_result">>();
  const shown = messages.flatMap((message) => {
    const parts = message.parts.filter((part) => {
      if (part.type === "tool_call" && part.id !== null) called.add(part.id);
      if (part.type !== "tool_result" || part.id === null || !called.has(part.id) || results.has(part.id))
        return true;
      results.set(part.id, part);
      return false;
    });
    return parts.length === 0 && message.parts.length > 0 ? [] : [{ message, parts }];
  });
  return { shown, results };
}

/** Return the text of parts, to be copied: texts as they are, everything else as JSON. */
export function sourceText(parts: readonly Part[]): string {
  return parts
    .map((part) =>
      "text" in part && part.text !== null
        ? part.text
        : JSON.stringify(part.type === "json" ? part.value : part, null, 2),
    )
    .join("\n\n");
}

/** Return the first line of a text that has visible characters. */
export const firstLine = (text: string): string => text.trimStart().split("\n", 1)[0]?.slice(0, 300) ?? "";
