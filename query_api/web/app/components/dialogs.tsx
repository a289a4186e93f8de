// A modal dialog of the platform, and a menu below a button.

import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

/** Show a modal dialog; Escape and a click outside close it. */
export function Dialog({
  label,
  class: more,
  close,
  children,
}: {
  readonly label: string;
  readonly class?: string;
  readonly close: () => void;
  readonly children: ComponentChildren;
}) {
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const focused = document.activeElement;
    box.current?.showModal();
    return () => focused instanceof HTMLElement && focused.focus({ preventScroll: true });
  }, []);
  return (
    <dialog
      ref={box}
      class={more}
      aria-label={label}
      onClose={close}
      onClick={(event) => event.target === box.current && close()}
    >
      {children}
    </dialog>
  );
}

interface MenuProps {
  /** What the menu is about; stands before the visible text of the button for screen readers. */
  readonly label: string;
  readonly class?: string;
  readonly button: ComponentChildren;
  /** Return the content; `close` closes the menu. */
  readonly children: (close: () => void) => ComponentChildren;
}

/** A button with a popover below it. */
export function Menu({ label, class: more = "button", button, children }: MenuProps) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const anchor = useRef<HTMLButtonElement>(null);
  const close = (): void => box.current?.hidePopover();
  const place = (): void => {
    const at = anchor.current?.getBoundingClientRect();
    if (at === undefined || box.current === null) return;
    box.current.style.top = `${at.bottom + 6}px`;
    box.current.style.left = `${Math.max(8, Math.min(at.left, innerWidth - box.current.offsetWidth - 8))}px`;
  };
  return (
    <>
      <button ref={anchor} type="button" class={more} aria-haspopup="dialog" popovertarget={id}>
        <span class="sr">{label}: </span>
        {button}
      </button>
      <div
        ref={box}
        id={id}
        class="menu"
        popover="auto"
        role="dialog"
        aria-label={label}
        onToggle={(event) => event.newState === "open" && place()}
      >
        {children(close)}
      </div>
    </>
  );
}
