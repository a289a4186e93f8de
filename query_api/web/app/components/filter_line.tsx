// The line in which a list is filtered: chips of what is set, and an input that completes names and values.

import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Facets } from "../api/facets.ts";
import { activeFilters } from "../api/filters.ts";
import { count } from "../format/numbers.ts";
import { range as rangeText } from "../format/times.ts";
import { change, filteredLink, pageAddress } from "../state/address.ts";
import { useActions } from "../state/keys.ts";
import { zone } from "../state/preferences.ts";
import { range } from "../state/range.ts";
import { type Completion, completions, parseWords, withoutLastWord } from "./filter_words.ts";
import { Icon } from "./icon.tsx";

interface Props {
  /** Names of filters that the line accepts. */
  readonly names: readonly string[];
  readonly facets: Facets | null;
}

const SEARCH_AFTER_MS = 300;
// A map: the keys are data, and an object has members such as `constructor`.
const FIXED: ReadonlyMap<string, readonly string[]> = new Map([
  ["status", ["success", "error"]],
  ["cost", ["reported", "computed", "unpriced", "no_usage"]],
  ["counted", ["true", "false", "all"]],
  ["operation", ["model", "all"]],
]);

/** Return the values that are offered for a filter, with their counts where they are known. */
function offered(facets: Facets | null, name: string): readonly (readonly [string, number | null])[] {
  const known = (facets?.[name]?.values ?? []).flatMap(([value, calls]) =>
    value === null ? [] : [[value, calls] as const],
  );
  return [
    ...known,
    ...(FIXED.get(name) ?? [])
      .filter((value) => !known.some(([each]) => each === value))
      .map((value) => [value, null] as const),
  ];
}

export function FilterLine({ names, facets }: Props) {
  const { query } = pageAddress.value;
  const q = query.get("q") ?? "";
  const [line, setLine] = useState(q);
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const list = useId();
  const offers = open ? completions(line, names, (name) => offered(facets, name)) : [];

  // Back, a link or a removed chip changes the text of the address: the input follows unless it is being typed in.
  useEffect(() => {
    if (parseWords(line, names).text !== q && document.activeElement !== input.current) setLine(q);
  }, [q]);
  useEffect(() => {
    const { filters, text } = parseWords(line, names);
    if (filters.length > 0 || text === q || /\w+:$/.test(text)) return;
    const timer = setTimeout(() => change({ q: text, call: null }), SEARCH_AFTER_MS);
    return () => clearTimeout(timer);
  }, [line]);
  useActions({ filter: () => input.current?.focus() });

  const take = (offer: Completion): void => {
    const before = withoutLastWord(line);
    if (offer.filter === null) setLine(before + offer.word);
    else {
      setLine(before.trimEnd());
      change({ [offer.filter[0]]: offer.filter[1], call: null }, { add: true });
    }
    setChosen(0);
    setOpen(true);
    input.current?.focus();
  };
  const submit = (): void => {
    const { filters, text } = parseWords(line, names);
    setLine(text);
    setOpen(false);
    change({ ...Object.fromEntries(filters), q: text, call: null }, { add: filters.length > 0 });
    if (filters.length === 0) input.current?.blur();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const last = activeFilters(query)
      .filter(([name]) => name !== "q")
      .at(-1);
    if (step !== undefined && offers.length > 0) setChosen((chosen + step + offers.length) % offers.length);
    else if (event.key === "Tab" && !event.shiftKey && offers[chosen] !== undefined) take(offers[chosen]);
    else if (event.key === "Enter")
      offers[chosen] !== undefined && line !== "" ? take(offers[chosen]) : submit();
    else if (event.key === "Escape") offers.length > 0 ? setOpen(false) : input.current?.blur();
    else if (event.key === "Backspace" && line === "" && last !== undefined)
      change({ [last[0]]: null, call: null }, { add: true });
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="filter-bar" role="search">
      <Icon name="filter" />
      <Chips />
      <div class="field">
        <input
          ref={input}
          type="text"
          role="combobox"
          aria-label="Filter"
          aria-autocomplete="list"
          aria-expanded={offers.length > 0}
          aria-controls={list}
          autocomplete="off"
          spellcheck={false}
          aria-activedescendant={offers.length > 0 ? `${list}-${chosen}` : undefined}
          placeholder="Filter: model:gpt-5-mini status:error, or any text"
          value={line}
          onKeyDown={onKeyDown}
          onInput={(event) => {
            setLine(event.currentTarget.value);
            setOpen(true);
            setChosen(0);
          }}
          onBlur={() => setOpen(false)}
        />
        <ul
          id={list}
          class="completions"
          role="listbox"
          aria-label="Completions"
          hidden={offers.length === 0}
        >
          {offers.map((offer, at) => (
            <li
              key={offer.word}
              id={`${list}-${at}`}
              role="option"
              aria-selected={at === chosen}
              onPointerDown={(event) => {
                event.preventDefault();
                take(offer);
              }}
            >
              <span>{offer.word}</span>
              {offer.count !== null && <span class="num">{count(offer.count)}</span>}
            </li>
          ))}
        </ul>
      </div>
      <kbd>/</kbd>
    </div>
  );
}

/** The filters that are set; a click removes one. */
function Chips() {
  const { query } = pageAddress.value;
  const set = activeFilters(query).filter(([name]) => name !== "q");
  const bodies = query.get("search_in") === "bodies";
  const fixed = range.value.name === null;
  if (set.length === 0 && !bodies && !fixed) return null;
  return (
    <div class="chips">
      {set.map(([name, value]) => (
        <Chip key={name} name={name} value={value} link={filteredLink({ [name]: null })} />
      ))}
      {bodies && <Chip name="search in" value="all content" link={filteredLink({ search_in: null })} />}
      {fixed && (
        <Chip
          name="time"
          value={rangeText(range.value.from, range.value.to, zone.value)}
          link={filteredLink({ from: null, to: null })}
        />
      )}
    </div>
  );
}

const Chip = ({
  name,
  value,
  link,
}: {
  readonly name: string;
  readonly value: string;
  readonly link: string;
}) => (
  <a class="chip filter" href={link} title={`Remove ${name}:${value}`}>
    <span class="sr">Remove the filter </span>
    <span class="quiet">{name.replace(/_id$/, "").replace(/_/g, " ")}</span>
    <span class="value">{value}</span>
    <Icon name="close" />
  </a>
);
