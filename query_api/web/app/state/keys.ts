// The keyboard map: one place for every key. Pages register what an action does; each key has a button too.

import { useLayoutEffect, useRef } from "preact/hooks";

export type Action =
  | "next"
  | "previous"
  | "open"
  | "back"
  | "filter"
  | "why"
  | "compare"
  | "link"
  | "curl"
  | "live"
  | "zoom"
  | "nextError"
  | "into"
  | "out"
  | "fold"
  | "unfold"
  | "palette"
  | "help"
  | "theme"
  | "refresh";

interface Key {
  readonly keys: readonly string[];
  readonly action: Action;
  readonly text: string;
}

export const KEYS: readonly Key[] = [
  { keys: ["j", "ArrowDown"], action: "next", text: "next" },
  { keys: ["k", "ArrowUp"], action: "previous", text: "previous" },
  { keys: ["Enter"], action: "open", text: "open" },
  { keys: ["Escape"], action: "back", text: "close, back out" },
  { keys: ["/"], action: "filter", text: "filter" },
  { keys: ["w"], action: "why", text: "why this number" },
  { keys: ["d"], action: "compare", text: "mark, then compare" },
  { keys: ["c"], action: "link", text: "copy link" },
  { keys: ["C"], action: "curl", text: "copy as curl" },
  { keys: ["r"], action: "refresh", text: "read again" },
  { keys: ["l"], action: "live", text: "live" },
  { keys: ["z"], action: "zoom", text: "zoom to the step" },
  { keys: ["e"], action: "nextError", text: "next error" },
  { keys: ["ArrowRight"], action: "into", text: "unfold, go in" },
  { keys: ["ArrowLeft"], action: "out", text: "fold, go out" },
  { keys: ["["], action: "fold", text: "fold all" },
  { keys: ["]"], action: "unfold", text: "unfold all" },
  { keys: ["T"], action: "theme", text: "light or dark" },
  { keys: ["?"], action: "help", text: "keys" },
];

/** Second key after `g`, and the page that it opens. */
export const JUMPS: Readonly<Record<string, string>> = {
  h: "home",
  c: "calls",
  t: "traces",
  s: "sessions",
  u: "users",
  e: "errors",
};

const NAMES: Readonly<Record<string, string>> = {
  ArrowDown: "↓",
  ArrowUp: "↑",
  ArrowLeft: "←",
  ArrowRight: "→",
  Escape: "Esc",
};
export const keyName = (key: string): string => NAMES[key] ?? key;

const ACTION_OF = new Map(KEYS.flatMap(({ keys, action }) => keys.map((key) => [key, action] as const)));

export type Actions = Partial<Readonly<Record<Action, () => void>>>;

const stack: { current: Actions }[] = [];

/** Register actions while a component is shown; what was registered last is asked first. */
export function useActions(actions: Actions): void {
  const held = useRef(actions);
  held.current = actions;
  // Before the page is drawn, so that no key is lost.
  useLayoutEffect(() => {
    stack.push(held);
    return () => void stack.splice(stack.indexOf(held), 1);
  }, []);
}

/** Return what an action does now; undefined if nothing on the page answers to it. */
export function actionNow(action: Action): (() => void) | undefined {
  for (let at = stack.length - 1; at >= 0; at -= 1) {
    const act = stack[at]?.current[action];
    if (act !== undefined) return act;
  }
  return undefined;
}

/** Return the actions that something on the page answers to. */
export const availableKeys = (): readonly Key[] =>
  KEYS.filter(({ action }) => actionNow(action) !== undefined);

// Keys that a focused button or link uses itself.
const USED_BY_CONTROLS = new Set(["Enter", " "]);

const typesText = (target: Element): boolean =>
  target.closest("input, textarea, select, [contenteditable]") !== null;

let afterG = false;

/** Listen to the keyboard. `jump` opens a page by name. */
export function listenToKeys(jump: (page: string) => void): void {
  addEventListener("keydown", (event) => {
    // A popover that Escape has closed keeps the focus until the next frame.
    const target =
      event.target instanceof Element && event.target.checkVisibility() ? event.target : document.body;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") return act(event, "palette");
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (target.closest("dialog, [popover]") !== null || typesText(target)) return;
    const page = afterG ? JUMPS[event.key] : undefined;
    afterG = event.key === "g" && page === undefined;
    if (page !== undefined) {
      event.preventDefault();
      return jump(page);
    }
    if (USED_BY_CONTROLS.has(event.key) && target.closest("button, a, summary, [role=tab]") !== null) return;
    const action = ACTION_OF.get(event.key);
    if (action !== undefined) act(event, action);
  });
}

function act(event: KeyboardEvent, action: Action): void {
  const found = actionNow(action);
  if (found === undefined) return;
  event.preventDefault();
  found();
}
