// The bar above all pages: project, palette, range and zone, theme, keys.

import { Menu } from "../components/dialogs.tsx";
import { Icon } from "../components/icon.tsx";
import { FIRST_PAGE } from "../pages/registry.ts";
import { pageLink, projectLink } from "../state/address.ts";
import { toggleTheme } from "../state/preferences.ts";
import { refresh } from "../state/range.ts";
import { addingKey, endSession, project, projects } from "../state/session.ts";
import { RangeMenu } from "./range_menu.tsx";
import { openHelp, openPalette } from "./shell.tsx";

export function TopBar() {
  return (
    <header class="top">
      <a class="brand" href={pageLink(FIRST_PAGE)} aria-label="Pulse, first page">
        <Icon name="pulse" />
        <span>Pulse</span>
      </a>
      <Projects />
      <button type="button" class="palette-open" title="Search or jump (Ctrl K)" onClick={openPalette}>
        <Icon name="lens" />
        <span>Search calls, ids, pages …</span>
        <kbd>Ctrl K</kbd>
      </button>
      <span class="grow" />
      <RangeMenu />
      <button
        type="button"
        class="button icon-only"
        aria-label="Read again"
        title="Read again (r)"
        onClick={refresh}
      >
        <Icon name="refresh" />
      </button>
      <button
        type="button"
        class="button icon-only"
        aria-label="Light or dark"
        title="Light or dark (T)"
        onClick={toggleTheme}
      >
        <Icon name="sun" />
      </button>
      <button
        type="button"
        class="button icon-only wide-only"
        aria-label="Keys"
        title="Keys (?)"
        onClick={openHelp}
      >
        <Icon name="help" />
      </button>
    </header>
  );
}

function Projects() {
  const name = project.value?.name ?? "Project";
  return (
    <Menu
      label="Project"
      class="button quiet project"
      button={
        <>
          <span class="swatch" />
          <span class="name">{name}</span>
          <Icon name="down" />
        </>
      }
    >
      {(close) => (
        <>
          {projects.value.map((each) => (
            <a
              key={each.project_id}
              class="item"
              href={projectLink(each.project_id)}
              onClick={close}
              aria-current={each.project_id === project.value?.project_id ? "true" : undefined}
            >
              {each.name}
            </a>
          ))}
          <hr />
          <button type="button" class="item" onClick={() => (addingKey.value = true)}>
            Add a key …
          </button>
          <button type="button" class="item" onClick={() => void endSession()}>
            Sign out
          </button>
        </>
      )}
    </Menu>
  );
}
