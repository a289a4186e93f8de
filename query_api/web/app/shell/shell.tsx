// What stands around every page: top bar, rail, notes, popovers, and what the keys do everywhere.

import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, signedOut } from "../api/request.ts";
import { Icon } from "../components/icon.tsx";
import { Empty, Failure } from "../components/states.tsx";
import { closeWhy, WhyPopover } from "../components/why.tsx";
import { FIRST_PAGE, pageInfo } from "../pages/registry.ts";
import { SignInPage } from "../pages/sign_in.tsx";
import { base, fullLink, open, pageAddress, pageLink } from "../state/address.ts";
import { useActions } from "../state/keys.ts";
import { copy, said, toast } from "../state/notices.ts";
import { toggleTheme } from "../state/preferences.ts";
import { refresh } from "../state/range.ts";
import { addingKey, loadSession, project, session, sessionFailure } from "../state/session.ts";
import { Help } from "./help.tsx";
import { Palette } from "./palette.tsx";
import { Rail } from "./rail.tsx";
import { TopBar } from "./top_bar.tsx";

const palette = signal(false);
const help = signal(false);

export const openPalette = (): void => {
  palette.value = true;
};
export const openHelp = (): void => {
  help.value = true;
};

/** The whole of the document's body. */
export function Shell() {
  const who = session.value;
  if (who === "unknown") return sessionFailure.value === null ? null : <Away />;
  if (who === null || signedOut.value || addingKey.value) return <SignedOut />;
  return <SignedIn />;
}

function Away() {
  const error =
    sessionFailure.value instanceof ApiError
      ? sessionFailure.value
      : new ApiError("server", String(sessionFailure.value));
  useEffect(() => {
    const timer = setInterval(() => void loadSession(), 3000);
    return () => clearInterval(timer);
  }, []);
  return (
    <main id="main" class="alone">
      <h1>
        <Icon name="pulse" /> Pulse
      </h1>
      <Failure error={error} again={() => void loadSession()} />
    </main>
  );
}

function SignedOut() {
  useEffect(() => {
    document.title = "Sign in · Pulse";
  }, []);
  return (
    <>
      <SignInPage />
      <Notes />
    </>
  );
}

function SignedIn() {
  const { page, project: id } = pageAddress.value;
  const first = session.value !== "unknown" ? session.value?.projects[0]?.project_id : undefined;
  const goesTo =
    id === null && first !== undefined
      ? `${base}p/${encodeURIComponent(first)}/${FIRST_PAGE}`
      : id !== null && page === null
        ? pageLink(FIRST_PAGE)
        : null;
  useEffect(() => {
    if (goesTo !== null) open(goesTo, { replace: true });
  }, [goesTo]);
  useActions({
    palette: openPalette,
    help: openHelp,
    theme: toggleTheme,
    refresh,
    link: () => void copy(fullLink(), "Link"),
  });
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <TopBar />
      <Rail />
      <Main />
      <WhyPopover />
      {palette.value && <Palette close={() => (palette.value = false)} />}
      {help.value && <Help close={() => (help.value = false)} />}
      <Notes />
    </>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Main() {
  const { page, project: id } = pageAddress.value;
  const info = pageInfo(page);
  const Page = usePage(page);
  const main = useRef<HTMLElement>(null);
  const before = useRef(page);
  useEffect(() => {
    closeWhy();
    if (before.current !== page) main.current?.focus({ preventScroll: true });
    before.current = page;
    document.title = [info?.name, project.value?.name, "Pulse"].filter(Boolean).join(" · ");
  }, [page, info, project.value]);
  return (
    <main id="main" ref={main} tabIndex={-1} class={`page-${info?.page ?? "none"}`}>
      {id === null ? (
        <NoProject />
      ) : project.value === null ? (
        <OtherProject id={id} />
      ) : page !== null && info === undefined ? (
        <NoPage />
      ) : (
        Page !== null && <Page key={id} />
      )}
    </main>
  );
}

function usePage(page: string | null): ComponentType | null {
  const [made, setMade] = useState<{ readonly page: string; readonly Page: ComponentType } | null>(null);
  useEffect(() => {
    const info = pageInfo(page);
    if (info?.load === undefined) return;
    let gone = false;
    void info.load().then((Page) => gone || setMade({ page: info.page, Page }));
    return () => {
      gone = true;
    };
  }, [page]);
  return pageInfo(page)?.Page ?? (made !== null && made.page === page ? made.Page : null);
}

const NoPage = () => (
  <Empty title="There is no such page">
    <p>The address may be of another version of Pulse.</p>
    <a class="button" href={pageLink(FIRST_PAGE)}>
      Go to {pageInfo(FIRST_PAGE)?.name}
    </a>
  </Empty>
);

const NoProject = () =>
  session.value !== "unknown" && session.value?.projects.length === 0 ? (
    <Empty title="No project yet">
      <p>This session reads no project. A key of a project adds it.</p>
      <button type="button" class="button" onClick={() => (addingKey.value = true)}>
        Add a key
      </button>
    </Empty>
  ) : null;

const OtherProject = ({ id }: { readonly id: string }) => (
  <Empty title="This session does not read this project">
    <p>
      The link is of the project <code>{id}</code>. A key of that project with the scope <code>read</code>{" "}
      opens it.
    </p>
    <button type="button" class="button primary" onClick={() => (addingKey.value = true)}>
      Add a key
    </button>
  </Empty>
);

function Notes() {
  return (
    <>
      <div class="sr" role="status" id="status">
        {said.value}
      </div>
      {toast.value !== null && (
        <div class="toast" aria-hidden="true">
          <Icon name="check" />
          {toast.value}
        </div>
      )}
    </>
  );
}
