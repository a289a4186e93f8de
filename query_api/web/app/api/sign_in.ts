// Begins, reads and ends the session of this browser.

import { base } from "../state/address.ts";
import { ApiError, send } from "./request.ts";

export interface Project {
  readonly project_id: string;
  readonly name: string;
  readonly scopes: readonly string[];
}

export interface Session {
  readonly admin: boolean;
  readonly admin_until: string | null;
  readonly projects: readonly Project[];
  readonly expires_at: string | null;
}

export type Secret = { readonly token: string } | { readonly key: string } | { readonly admin_key: string };

const path = `${base}sign-in`;

/** Return the session; null if there is none. */
export async function readSession(signal?: AbortSignal): Promise<Session | null> {
  try {
    return (await (await send(path, { signal: signal ?? null })).json()) as Session;
  } catch (error) {
    if (error instanceof ApiError && error.kind === "signed-out") return null;
    throw error;
  }
}

/** Begin a session, or add a key to it. Raises ApiError. */
export async function signIn(secret: Secret): Promise<void> {
  await send(path, {
    method: "POST",
    body: JSON.stringify(secret),
    headers: { "content-type": "application/json" },
  });
}

export async function signOut(): Promise<void> {
  await send(path, { method: "DELETE" });
}
