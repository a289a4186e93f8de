// Shows long text: Markdown once its part of the program has arrived, the plain text until then.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { bytes, count } from "../format/numbers.ts";
import { cutText } from "./json_tree.ts";

type Markdown = ComponentType<{ readonly text: string }>;

let loaded: Markdown | null = null;

function useMarkdown(wanted: boolean): Markdown | null {
  const [made, setMade] = useState<{ readonly it: Markdown | null }>({ it: loaded });
  useEffect(() => {
    if (!wanted || loaded !== null) return;
    let gone = false;
    void import("./markdown.tsx").then((module) => {
      loaded = module.Markdown;
      if (!gone) setMade({ it: loaded });
    });
    return () => {
      gone = true;
    };
  }, [wanted]);
  return loaded ?? made.it;
}

// Beyond these sizes a text is shown in part first, and as plain text: laying it out would hold up the page.
const SHOWN_FIRST = 20_000;
const MARKDOWN_LIMIT = 200_000;
const MAYBE_MARKDOWN = /[*_`#|>[\]~-]|^\d+\.|https?:/m;

/** Show a text as people wrote it: Markdown as elements, everything else as it is. */
export function LongText({ text, plain = false }: { readonly text: string; readonly plain?: boolean }) {
  const [whole, setWhole] = useState(false);
  const shown = whole ? text : cutText(text, SHOWN_FIRST);
  const wanted = !plain && shown.length <= MARKDOWN_LIMIT && MAYBE_MARKDOWN.test(shown);
  const Markdown = useMarkdown(wanted);
  return (
    <div class="prose" dir="auto">
      {wanted && Markdown !== null ? <Markdown text={shown} /> : <p class="plain">{shown}</p>}
      {shown.length < text.length && (
        <button type="button" class="button" onClick={() => setWhole(true)}>
          Show all {count(text.length)} characters ({bytes(text.length)})
        </button>
      )}
    </div>
  );
}
