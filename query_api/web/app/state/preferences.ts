// What a reader prefers: theme, zone, density. Kept in localStorage, which has nothing else of Pulse.

import { computed, effect, type Signal, signal } from "@preact/signals";
import { browserZone, zoneExists } from "../format/times.ts";

const read = (name: string): string | null => {
  try {
    return localStorage.getItem(`pulse.${name}`);
  } catch {
    return null; // storage is blocked: preferences last as long as the page
  }
};

function preference(name: string, accepts: (value: string) => boolean): Signal<string | null> {
  const stored = read(name);
  const value = signal(stored !== null && accepts(stored) ? stored : null);
  effect(() => {
    try {
      if (value.value === null) localStorage.removeItem(`pulse.${name}`);
      else localStorage.setItem(`pulse.${name}`, value.value);
    } catch {
      // storage is blocked
    }
  });
  return value;
}

/** `light`, `dark`, or null: as the system has it. */
export const theme = preference("theme", (value) => value === "light" || value === "dark");
export const density = preference("density", (value) => value === "compact");
/** Name of the chosen zone; null: the browser's. */
export const chosenZone = preference("zone", zoneExists);
export const zone = computed(() => chosenZone.value ?? browserZone());

const setAttribute = (name: string, value: string | null): void => {
  if (value === null) document.documentElement.removeAttribute(name);
  else document.documentElement.setAttribute(name, value);
};

/** Keep the attributes of the root element equal to the preferences. */
export function applyPreferences(): void {
  effect(() => setAttribute("data-theme", theme.value));
  effect(() => setAttribute("data-density", density.value));
}

/** Change from light to dark or back; a theme equal to the system's is not stored. */
export function toggleTheme(): void {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const next = (theme.value ?? system) === "dark" ? "light" : "dark";
  theme.value = next === system ? null : next;
}

/** Change between rows of the usual height and compact ones. */
export function toggleDensity(): void {
  density.value = density.value === null ? "compact" : null;
}
