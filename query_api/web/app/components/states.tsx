// What stands in place of data: loading, nothing found, a failure, a store that is away, a search that ended early.

import type { ComponentChildren } from "preact";
import type { ApiError } from "../api/request.ts";
import type { Resource } from "../api/resource.ts";
import { Icon } from "./icon.tsx";

/** A line at the top of a part whose data are on their way; after two seconds it says what it waits for. */
export function Loading({
  of,
  what,
}: {
  readonly of: Pick<Resource<unknown>, "loading" | "slow">;
  readonly what: string;
}) {
  if (!of.loading) return null;
  return (
    <div class="loading" role="progressbar" aria-label={`Reading ${what}`}>
      {of.slow && <span class="slow">Reading {what} …</span>}
    </div>
  );
}

/** Grey lines in the place of data that were never there yet. */
export function Skeleton({ lines }: { readonly lines: number }) {
  return (
    <div class="skeleton" aria-hidden="true">
      {Array.from({ length: lines }, (_, at) => (
        <span key={at} />
      ))}
    </div>
  );
}

/** Say why there is nothing and offer what would change that. */
export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <section class="empty">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

const ADVICE: Readonly<Record<ApiError["kind"], string>> = {
  network: "The page asks again by itself.",
  "signed-out": "Sign in again to go on.",
  refused: "",
  "not-found": "",
  busy: "The page asks again by itself.",
  unavailable: "The page asks again by itself. If the range is long, a shorter one may answer.",
  server: "The server's log has the reason under the request id.",
};

const TITLES: Readonly<Record<ApiError["kind"], string>> = {
  network: "The server is away",
  "signed-out": "Signed out",
  refused: "Not possible",
  "not-found": "Not found",
  busy: "The server is busy",
  unavailable: "The store is unavailable",
  server: "The server failed",
};

/** Show a failure with its sentence, the request id, and a button to try again. Data stay where they are. */
export function Failure({ error, again }: { readonly error: ApiError; readonly again?: () => void }) {
  return (
    <div class="failure" role="alert">
      <Icon name="alert" />
      <div class="grow">
        <strong>{TITLES[error.kind]}</strong>
        <p>
          {error.message} {ADVICE[error.kind]}
        </p>
        {error.requestId !== null && (
          <p class="hint">
            Request <code>{error.requestId}</code>
          </p>
        )}
      </div>
      {again !== undefined && (
        <button type="button" class="button" onClick={again}>
          Again
        </button>
      )}
    </div>
  );
}

/** Show the state of a resource that has no data yet; null once it has. */
export function Pending({
  of,
  what,
  lines = 3,
}: {
  readonly of: Resource<unknown>;
  readonly what: string;
  readonly lines?: number;
}) {
  if (of.error !== null) return <Failure error={of.error} again={of.again} />;
  if (of.data !== null) return null;
  return (
    <>
      <Loading of={of} what={what} />
      {of.loading && <Skeleton lines={lines} />}
    </>
  );
}
