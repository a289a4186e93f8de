// The view of one call as a file of its own: lists do not wait for it, and have it before a call is chosen.

import type { ComponentProps, ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { SHOW_LOADING_MS } from "../../api/resource.ts";
import type { CallView as View } from "./call_view.tsx";

type Props = ComponentProps<typeof View>;

let loaded: ComponentType<Props> | null = null;

async function load(): Promise<ComponentType<Props>> {
  loaded = (await import("./call_view.tsx")).CallView;
  return loaded;
}

/** Load the view ahead, soon after a list is shown. */
export function usePreloadedView(): void {
  useEffect(() => {
    const timer = setTimeout(() => void load(), SHOW_LOADING_MS);
    return () => clearTimeout(timer);
  }, []);
}

/** The view of one call; nothing until its code has arrived. */
export function CallView(props: Props) {
  const [View, setView] = useState(() => loaded);
  useEffect(() => {
    let gone = false;
    if (View === null) void load().then((found) => gone || setView(() => found));
    return () => {
      gone = true;
    };
  }, [View]);
  return View === null ? null : <View {...props} />;
}
