// A block of code; its colours come once their part of the program has arrived.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { copy } from "../state/notices.ts";
import { Icon } from "./icon.tsx";

type Highlight = (text: string, language: string) => ComponentChildren | null;

let loaded: Highlight | null = null;
const LIMIT = 50_000;

export function Code({ text, language }: { readonly text: string; readonly language: string }) {
  const [highlight, setHighlight] = useState<{ readonly it: Highlight | null }>({ it: loaded });
  const wanted = language !== "" && text.length < LIMIT;
  useEffect(() => {
    if (!wanted || loaded !== null) return;
    let gone = false;
    void import("./highlight.tsx").then((module) => {
      loaded = module.highlight;
      if (!gone) setHighlight({ it: loaded });
    });
    return () => {
      gone = true;
    };
  }, [wanted]);
  return (
    <div class="code">
      <button
        type="button"
        class="tiny"
        aria-label="Copy code"
        title="Copy code"
        onClick={() => void copy(text, "Code")}
      >
        <Icon name="copy" />
      </button>
      <pre tabIndex={0} role="group" aria-label={language === "" ? "Code" : `Code, ${language}`}>
        <code>{(wanted ? highlight.it?.(text, language) : null) ?? text}</code>
      </pre>
    </div>
  );
}
