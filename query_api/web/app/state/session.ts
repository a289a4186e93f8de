// The session of this browser: which projects it may read.

import { computed, signal } from "@preact/signals";
import { signedOut } from "../api/request.ts";
import { readSession, type Secret, type Session, signIn, signOut } from "../api/sign_in.ts";
import { pageAddress } from "./address.ts";

/** `unknown` until the server has answered. */
export const session = signal<Session | null | "unknown">("unknown");
export const sessionFailure = signal<unknown>(null);

/** True while a key is added to the session. */
export const addingKey = signal(false);

export const projects = computed(() => (session.value === "unknown" ? [] : (session.value?.projects ?? [])));

export const project = computed(
  () => projects.value.find((each) => each.project_id === pageAddress.value.project) ?? null,
);

/** Read who is signed in. */
export async function loadSession(): Promise<void> {
  try {
    session.value = await readSession();
    signedOut.value = session.value === null;
    sessionFailure.value = null;
  } catch (error) {
    sessionFailure.value = error;
  }
}

/** Sign in with the one-time token of a printed link (`#in=…`) and remove it from the address. Return its failure. */
export async function signInByLink(): Promise<unknown> {
  const match = /^#in=([\w.~-]+)$/.exec(location.hash);
  if (match?.[1] === undefined) return null;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    await signIn({ token: match[1] });
    return null;
  } catch (error) {
    return error;
  }
}

export async function addSecret(secret: Secret): Promise<void> {
  await signIn(secret);
  await loadSession();
}

export async function endSession(): Promise<void> {
  await signOut();
  session.value = null;
  signedOut.value = true;
}
