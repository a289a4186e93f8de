// Signing in: by the link that `pulse serve` prints or `pulse open` opens, or by pasting a key.

import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { ApiError, signedOut } from "../api/request.ts";
import type { Secret } from "../api/sign_in.ts";
import { Icon } from "../components/icon.tsx";
import { addingKey, addSecret, session } from "../state/session.ts";

/** Why the link that opened this page did not sign in; null if it did, or if there was none. */
export const linkFailure = signal<string | null>(null);

/** Return the secret that a pasted text is: a link, a project's key, or the admin key. */
export function secretOf(text: string, admin: boolean): Secret {
  const token = /#in=([\w.~-]+)$/.exec(text);
  if (token?.[1] !== undefined) return { token: token[1] };
  return admin ? { admin_key: text } : { key: text };
}

export function SignInPage() {
  const [text, setText] = useState("");
  const [admin, setAdmin] = useState(false);
  const [failure, setFailure] = useState(linkFailure.value);
  const [busy, setBusy] = useState(false);
  const signedIn = session.value !== null && session.value !== "unknown" && !signedOut.value;
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await addSecret(secretOf(text.trim(), admin));
      linkFailure.value = null;
      addingKey.value = false;
    } catch (error) {
      setFailure(
        error instanceof ApiError && error.kind === "signed-out"
          ? rejected(admin)
          : error instanceof Error
            ? error.message
            : String(error),
      );
    }
    setBusy(false);
  };
  return (
    <main id="main" class="alone">
      <h1>
        <Icon name="pulse" /> Pulse
      </h1>
      <form class="panel sign-in" onSubmit={(event) => void submit(event)}>
        <h2>{signedIn ? "Add a key" : "Sign in"}</h2>
        <p>
          Run <code>pulse open</code> in a terminal on the server, or paste a key with the scope{" "}
          <code>read</code>
          {signedIn ? " to read its project too" : ""}.
        </p>
        <label for="secret">{admin ? "Admin key" : "Key of a project, or a link"}</label>
        <input
          id="secret"
          type="password"
          autocomplete="current-password"
          spellcheck={false}
          required
          value={text}
          aria-describedby={failure === null ? undefined : "sign-in-failure"}
          aria-invalid={failure !== null}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setFailure(null);
          }}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={admin}
            onChange={(event) => setAdmin(event.currentTarget.checked)}
          />{" "}
          This is the admin key: it reads all projects
        </label>
        {failure !== null && (
          <p id="sign-in-failure" class="bad-text" role="alert">
            {failure}
          </p>
        )}
        <div class="bar">
          <button type="submit" class="button primary" disabled={busy || text.trim() === ""}>
            <Icon name="key" />
            {signedIn ? "Add" : "Sign in"}
          </button>
          {signedIn && (
            <button type="button" class="button quiet" onClick={() => (addingKey.value = false)}>
              Cancel
            </button>
          )}
        </div>
      </form>
      <p class="hint">
        The key is sent once and not kept. A cookie that pages cannot read keeps the session for 30 days.
      </p>
    </main>
  );
}

const rejected = (admin: boolean): string =>
  admin
    ? "This is not the admin key of this server."
    : "The server does not know this key, or it was revoked or lacks the scope read.";
