// News for the reader: a polite live region for screen readers, and a short note at the foot of the page.

import { signal } from "@preact/signals";

/** Text of the live region. */
export const said = signal("");
export const toast = signal<string | null>(null);

const SHOWN_MS = 1800;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Announce a text to screen readers; a repeated text is announced again. */
export function say(text: string): void {
  said.value = said.peek() === text ? `${text}\u00a0` : text;
}

/** Show a note for a moment, and announce it. */
export function notify(text: string): void {
  toast.value = text;
  say(text);
  clearTimeout(timer);
  timer = setTimeout(() => (toast.value = null), SHOWN_MS);
}

/** Copy a text to the clipboard and say so: also without a secure context, where navigator.clipboard does not exist. */
export async function copy(text: string, name: string): Promise<void> {
  notify((await write(text)) ? `${name} copied` : `${name} could not be copied`);
}

async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return writeBySelection(text);
  }
}

function writeBySelection(text: string): boolean {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr";
  area.setAttribute("aria-label", "text to copy");
  (focused?.closest("dialog, [popover]") ?? document.body).append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return copied;
}
