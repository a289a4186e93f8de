// Ctrl K: pages, projects, and whatever an id or a text finds.

import { useState } from "preact/hooks";
import { route } from "../api/request.ts";
import { useResource } from "../api/resource.ts";
import { modelOf, readRows } from "../api/traces.ts";
import { useDelayed } from "../components/delayed.ts";
import { Dialog } from "../components/dialogs.tsx";
import { Icon } from "../components/icon.tsx";
import { open } from "../state/address.ts";
import { range, rangeParameters } from "../state/range.ts";
import { type Find, fixedFinds, idFinds, matches } from "./finds.ts";

export function Palette({ close }: { readonly close: () => void }) {
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const finds = useFinds(text.trim());
  const at = Math.min(chosen, Math.max(0, finds.length - 1));
  const go = (find: Find | undefined): void => {
    if (find === undefined) return;
    close();
    if (find.act !== undefined) find.act();
    else if (find.link !== undefined) open(find.link);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setChosen((at + step + finds.length) % Math.max(1, finds.length));
    else if (event.key === "Enter") go(finds[at]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog label="Search or jump" class="palette" close={close}>
      <div class="field">
        <Icon name="lens" />
        <input
          type="text"
          placeholder="Page, project, id, or a text of a call …"
          aria-label="Search or jump"
          role="combobox"
          aria-expanded="true"
          aria-controls="palette-finds"
          aria-activedescendant={finds.length > 0 ? `find-${at}` : undefined}
          autocomplete="off"
          spellcheck={false}
          autofocus
          value={text}
          onKeyDown={onKeyDown}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setChosen(0);
          }}
        />
      </div>
      <ul role="listbox" id="palette-finds" aria-label="Found">
        {finds.map((find, index) => (
          <li
            key={find.key}
            id={`find-${index}`}
            role="option"
            aria-selected={index === at}
            onClick={() => go(find)}
            onPointerMove={() => setChosen(index)}
          >
            <Icon name={find.icon} />
            <span class="name">{find.name}</span>
            <span class="kind-name">{find.kind}</span>
          </li>
        ))}
      </ul>
      <footer>
        <span>
          <kbd>↑</kbd> <kbd>↓</kbd> choose
        </span>
        <span>
          <kbd>Enter</kbd> open
        </span>
        <span>
          <kbd>Esc</kbd> close
        </span>
      </footer>
    </Dialog>
  );
}

function useFinds(text: string): readonly Find[] {
  const settled = useDelayed(text, 200);
  const path =
    settled.length < 3
      ? null
      : route("/v1/traces", { q: settled, limit: 5, ...rangeParameters(range.value) });
  const { data, stale } = useResource(path, (signal) => readRows(path ?? "", signal));
  const calls = (text.length < 3 || stale ? [] : (data?.rows ?? [])).map(
    (row): Find => ({
      key: row.trace_id,
      icon: "model",
      name: row.input_preview ?? row.name ?? row.trace_id,
      kind: modelOf(row),
      link: fixedFinds.call(row.trace_id),
    }),
  );
  return [
    ...idFinds(text),
    ...fixedFinds.all().filter((find) => matches(find.name, text)),
    ...calls,
    ...(text === "" ? [] : fixedFinds.search(text)),
  ];
}
