// The view of one call as a file of its own: lists do not wait for it, and have it before a call is chosen.

import type { ComponentProps, ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { SHOW_LOADING_MS } from "../../api/resource.ts";

type Module = typeof import("./call_view.tsx");

let loaded: Module | null = null;

async function load(): Promise<Module> {
  loaded = await import("./call_view.tsx");
  return loaded;
}

/** Load the view ahead, soon after a list is shown. */
export function usePreloadedView(): void {
  useEffect(() => {
    const timer = setTimeout(() => void load(), SHOW_LOADING_MS);
    return () => clearTimeout(timer);
  }, []);
}

/** Return a component that renders one of the file's components, or nothing until its code has arrived. */
function later<Props extends object>(choose: (of: Module) => ComponentType<Props>): ComponentType<Props> {
  return (props) => {
    const [module, setModule] = useState(loaded);
    useEffect(() => {
      let gone = false;
      if (module === null) void load().then((found) => gone || setModule(found));
      return () => {
        gone = true;
      };
    }, [module]);
    const View = module === null ? null : choose(module);
    return View === null ? null : <View {...props} />;
  };
}

export const CallView = later<ComponentProps<Module["CallView"]>>((of) => of.CallView);

/** A tab of a call without the call's head. */
export const Pane = later<ComponentProps<Module["Pane"]>>((of) => of.Pane);
