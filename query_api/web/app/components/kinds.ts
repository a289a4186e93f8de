// What a span is, by its operation.

import type { IconName } from "./icon.tsx";

export interface Kind {
  readonly icon: IconName;
  /** Class of the colour. */
  readonly kind: "model" | "tool" | "agent" | "find" | "other";
}

// A map: the keys are data, and an object has members such as `constructor`.
const KINDS: ReadonlyMap<string, Kind> = new Map([
  ["embeddings", { icon: "find", kind: "find" }],
  ["rerank", { icon: "find", kind: "find" }],
  ["retrieval", { icon: "find", kind: "find" }],
  ["execute_tool", { icon: "tool", kind: "tool" }],
  ["invoke_agent", { icon: "agent", kind: "agent" }],
  ["create_agent", { icon: "agent", kind: "agent" }],
  ["invoke_workflow", { icon: "agent", kind: "agent" }],
]);

const MODEL_OPERATIONS = new Set([
  "chat",
  "text_completion",
  "generate_content",
  "image_generation",
  "image_edit",
  "speech",
  "transcription",
  "translation",
  "moderation",
]);

/** Return icon and colour of what a span is, by its operation. */
export const kindOf = (operation: string | null): Kind =>
  KINDS.get(operation ?? "") ??
  (MODEL_OPERATIONS.has(operation ?? "")
    ? { icon: "model", kind: "model" }
    : { icon: "other", kind: "other" });
