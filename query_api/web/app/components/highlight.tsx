// Colours for code, as elements.

import bash from "highlight.js/lib/languages/bash";
import css from "highlight.js/lib/languages/css";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import sql from "highlight.js/lib/languages/sql";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { createLowlight } from "lowlight";
import type { ComponentChildren } from "preact";

const lowlight = createLowlight({ bash, css, javascript, json, python, sql, xml, yaml });
lowlight.registerAlias({
  bash: ["sh", "shell", "console", "zsh"],
  javascript: ["js", "jsx", "ts", "tsx", "typescript"],
  python: ["py"],
  xml: ["html", "svg"],
  yaml: ["yml"],
});

interface Node {
  readonly type: string;
  readonly value?: string;
  readonly properties?: { readonly className?: unknown };
  readonly children?: readonly Node[];
}

/** Return the elements of a text in a language; null if its colours are not known. */
export function highlight(text: string, language: string): ComponentChildren | null {
  const name = language.trim().split(/\s/)[0]?.toLowerCase() ?? "";
  if (!lowlight.registered(name)) return null;
  return (lowlight.highlight(name, text) as unknown as Node).children?.map(render) ?? null;
}

function render(node: Node): ComponentChildren {
  if (node.type === "text") return node.value;
  const names = Array.isArray(node.properties?.className) ? node.properties.className.join(" ") : "";
  return <span class={names}>{node.children?.map(render)}</span>;
}
