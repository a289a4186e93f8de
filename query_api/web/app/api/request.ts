// Sends requests to the API with the session's cookie, and turns failures into sentences.

import { signal } from "@preact/signals";
import { address, base, writeQuery } from "../state/address.ts";

export type Parameters = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** A failure to show: what happened, the request that failed, and whether trying again can help. */
export class ApiError extends Error {
  readonly kind: "network" | "signed-out" | "refused" | "not-found" | "busy" | "unavailable" | "server";
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;

  constructor(
    kind: ApiError["kind"],
    message: string,
    requestId: string | null = null,
    retryAfterMs: number | null = null,
  ) {
    super(message);
    this.kind = kind;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Set once a request was answered with 401: the page then asks to sign in. */
export const signedOut = signal(false);

/** Return the path of an API route of the present project, as the API's documentation has it. */
export function route(path: string, parameters: Parameters | URLSearchParams = {}): string {
  const query = parameters instanceof URLSearchParams ? parameters : new URLSearchParams();
  if (!(parameters instanceof URLSearchParams))
    for (const [name, value] of Object.entries(parameters))
      if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  const text = writeQuery(query);
  return text === "" ? path : `${path}?${text}`;
}

/** Return the address of a route for a project, relative to the origin. */
export const projectPath = (path: string, project = address.value.project): string =>
  `${base}p/${encodeURIComponent(project ?? "")}${path}`;

/** Read JSON from a route of the project. Raises ApiError; an abort is raised as it is. */
export async function get<T>(path: string, signal?: AbortSignal, project?: string): Promise<T> {
  return (await getWithLink<T>(path, signal, project)).body;
}

export interface Linked<T> {
  readonly body: T;
  /** Path of the next page, from the header Link; null on the last page. */
  readonly next: string | null;
  readonly headers: Headers;
}

export async function getWithLink<T>(
  path: string,
  signal?: AbortSignal,
  project?: string,
): Promise<Linked<T>> {
  const response = await send(projectPath(path, project ?? undefined), { signal: signal ?? null });
  const body = (await readJson(response)) as T;
  return { body, next: nextPath(response.headers.get("link")), headers: response.headers };
}

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(
      "server",
      "The answer ended early or is no JSON.",
      response.headers.get("x-request-id"),
    );
  }
}

/** Return the path after `/v1` of the link with rel="next". */
export function nextPath(header: string | null): string | null {
  const match = /<([^>]*)>;\s*rel="?next"?/.exec(header ?? "");
  const found = match?.[1];
  if (found === undefined) return null;
  const at = found.indexOf("/v1/");
  return at < 0 ? null : found.slice(at);
}

/** Send a request and return its answer if that is a success. Raises ApiError. */
export async function send(url: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, {
      credentials: "same-origin",
      ...init,
      headers: { accept: "application/json", ...init.headers },
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("network", "The server cannot be reached.");
  }
  if (response.ok || response.status === 304) return response;
  throw await failure(response);
}

async function failure(response: Response): Promise<ApiError> {
  const id = response.headers.get("x-request-id");
  const text = await sentence(response);
  const { status } = response;
  if (status === 401) {
    signedOut.value = true;
    return new ApiError("signed-out", text ?? "You are signed out.", id);
  }
  if (status === 403) return new ApiError("refused", text ?? "This session may not read this.", id);
  if (status === 404) return new ApiError("not-found", text ?? "There is no such thing in this project.", id);
  const seconds = Number(response.headers.get("retry-after"));
  const retry = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null;
  if (status === 429)
    return new ApiError(
      "busy",
      text ?? "The server answers other requests of this project first.",
      id,
      retry,
    );
  if (status === 503) return new ApiError("unavailable", text ?? "The store is unavailable.", id, retry);
  if (status >= 500) return new ApiError("server", text ?? "The server failed to answer.", id);
  return new ApiError("refused", text ?? `The server refused the request (${status}).`, id);
}

/** Return the sentence of a problem+json document, or of the older `{"error": …}`. */
async function sentence(response: Response): Promise<string | null> {
  try {
    return problemSentence(await response.json());
  } catch {
    return null;
  }
}

interface Problem {
  readonly title?: unknown;
  readonly detail?: unknown;
  readonly error?: unknown;
  readonly errors?: unknown;
  readonly details?: unknown;
}

export function problemSentence(document: unknown): string | null {
  if (typeof document !== "object" || document === null) return null;
  const problem = document as Problem;
  const first = [problem.detail, problem.error, problem.title].find(
    (each) => typeof each === "string" && each !== "",
  );
  const details = problem.errors ?? problem.details;
  const parts = Array.isArray(details) ? details.map(detailText).filter((each) => each !== null) : [];
  const head = typeof first === "string" ? first : null;
  if (parts.length === 0) return head;
  return head === null ? parts.join("; ") : `${head.replace(/[.:]$/, "")}: ${parts.join("; ")}`;
}

const detailText = (detail: unknown): string | null => {
  if (typeof detail !== "object" || detail === null) return null;
  const { path, message } = detail as { readonly path?: unknown; readonly message?: unknown };
  return typeof message === "string"
    ? [typeof path === "string" ? path : null, message].filter(Boolean).join(" ")
    : null;
};

/** Write a request as a curl command for a shell; the key is taken from the variable PULSE_KEY. */
export function curl(path: string): string {
  const quoted = (location.origin + base.replace(/\/$/, "") + path).replace(/'/g, "'\\''");
  return `curl -H "Authorization: Bearer $PULSE_KEY" '${quoted}'`;
}
