// Starts the pages: preferences, sign-in by link, the session, then the shell.

import { render } from "preact";
import { ApiError } from "./api/request.ts";
import { FIRST_PAGE, pageInfo } from "./pages/registry.ts";
import { linkFailure } from "./pages/sign_in.tsx";
import { Shell } from "./shell/shell.tsx";
import { address, followLinks, open, pageLink } from "./state/address.ts";
import { listenToKeys } from "./state/keys.ts";
import { applyPreferences } from "./state/preferences.ts";
import { loadSession, signInByLink } from "./state/session.ts";

async function start(): Promise<void> {
  applyPreferences();
  const failure = await signInByLink();
  if (failure instanceof ApiError)
    linkFailure.value =
      failure.kind === "signed-out" || failure.kind === "refused"
        ? "This link was used already, or is older than ten minutes. `pulse open` makes a new one."
        : failure.message;
  followLinks();
  listenToKeys((page) => pageInfo(page) !== undefined && open(pageLink(page)));
  // The code of the page comes while the session is read.
  void pageInfo(address.value.page ?? FIRST_PAGE)?.load?.();
  const root = document.getElementById("app");
  if (root !== null) render(<Shell />, root);
  await loadSession();
}

void start();
