// Reads the messages of a call in the one form that the API makes of all dialects.

import { get, projectPath, route } from "./request.ts";

export interface Cut {
  /** Number of bytes that were cut from the part. */
  readonly truncated_bytes?: number;
  /** True if the sender or a rule masked the content. */
  readonly redacted?: boolean;
}

export type Part = Cut &
  (
    | { readonly type: "text" | "refusal"; readonly text: string }
    | { readonly type: "thinking"; readonly text: string | null }
    | {
        readonly type: "tool_call";
        readonly id: string | null;
        readonly name: string | null;
        readonly arguments: unknown;
      }
    | {
        readonly type: "tool_result";
        readonly id: string | null;
        readonly name: string | null;
        readonly parts: readonly Part[];
      }
    | {
        readonly type: "image" | "file";
        readonly media_type: string | null;
        readonly name: string | null;
        readonly url: string | null;
        readonly digest: string | null;
        readonly bytes: number | null;
      }
    | { readonly type: "json"; readonly value: unknown }
  );

export type PartOf<Type extends Part["type"]> = Extract<Part, { readonly type: Type }>;

export interface Message {
  readonly role: string;
  readonly source: "request" | "response";
  readonly parts: readonly Part[];
  readonly digest: string | null;
  /** Why the model stopped; only of the answer. */
  readonly finish_reason?: string | null;
  /** True if the call before in the trace or session does not have this message. */
  readonly new?: boolean;
}

export interface Tool {
  readonly name: string | null;
  readonly description: string | null;
  readonly parameters: unknown;
}

export interface Messages {
  readonly messages: readonly Message[];
  readonly tools: readonly Tool[] | null;
  readonly parameters: Readonly<Record<string, unknown>> | null;
  readonly notes: readonly { readonly code: string; readonly text: string }[];
}

export const messagesPath = (id: string): string => route(`/v1/traces/${encodeURIComponent(id)}/messages`);

export const readMessages = (id: string, signal?: AbortSignal): Promise<Messages> =>
  get<Messages>(messagesPath(id), signal);

/** Return the address of an image or file that lies in the body of a call. */
export const partAddress = (id: string, digest: string): string =>
  projectPath(`/v1/traces/${encodeURIComponent(id)}/parts/${encodeURIComponent(digest)}`);
