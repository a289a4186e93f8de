// Icons as paths on a grid of 16.

import { kindOf } from "./kinds.ts";

const PATHS = {
  pulse: "M1 8h3l2-5 4 10 2-5h3",
  home: "M2 7.5L8 2l6 5.5M3.5 6.5V14h9V6.5M6.5 14v-4h3v4",
  list: "M2 4h12M2 8h12M2 12h8",
  tree: "M3 3h5M6 8h6M6 13h7M3 3v10h3M3 8h3",
  chat: "M2 3h12v8H7l-3 3v-3H2z",
  user: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 14c.5-3 2.7-4.5 5.5-4.5s5 1.5 5.5 4.5",
  alert: "M8 2l6.5 11.5h-13zM8 6.5v3M8 11.5v.2",
  lens: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7L14 14",
  inbox: "M2 9l2-6h8l2 6v4H2zM2 9h3.5l1 2h3l1-2H14",
  cog: "M8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.4 3.4l1.4 1.4M11.2 11.2l1.4 1.4M12.6 3.4l-1.4 1.4M4.8 11.2l-1.4 1.4",
  model: "M8 1.5l1.7 4.8 4.8 1.7-4.8 1.7L8 14.5l-1.7-4.8L1.5 8l4.8-1.7z",
  tool: "M10 2a4 4 0 0 0-3.6 5.7L2 12.1 3.9 14l4.4-4.4A4 4 0 0 0 13.8 5L11.5 7 9 4.5 11 2.2z",
  agent: "M4 6h8v6H4zM8 6V3M6.5 9v.2M9.5 9v.2M2 8v2M14 8v2",
  find: "M3 3h10v3H3zM3 8h10v5H3zM5.5 10.5h5",
  other: "M3 8h10M8 3v10",
  copy: "M5 5h8v9H5zM3 11V2h8",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  open: "M9 2h5v5M14 2L7 9M12 9v5H2V4h5",
  down: "M4 6l4 4 4-4",
  up: "M4 10l4-4 4 4",
  right: "M6 4l4 4-4 4",
  left: "M10 4L6 8l4 4",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  live: "M8 9.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM4.5 11.5a5 5 0 0 1 0-7M11.5 4.5a5 5 0 0 1 0 7",
  diff: "M5 2v8M1.5 6h7M9 13h5.5M2 13h4",
  link: "M6.5 9.5l3-3M7 4.5L9 2.7a3 3 0 0 1 4.3 4.3L11.5 9M9 11.5l-2 1.8A3 3 0 0 1 2.7 9L4.5 7",
  check: "M3 8.5l3.5 3.5L13 4.5",
  filter: "M2 3h12L9.5 8.5V13l-3-1.5v-3z",
  think: "M8 1.8a5 5 0 0 1 2.6 9.3V13H5.4v-1.9A5 5 0 0 1 8 1.8zM6 15h4",
  image: "M2 3h12v10H2zM2 11l3.5-3.5L9 11l2-2 3 3M10.5 6.2v.2",
  file: "M4 1.5h5l3 3v10H4zM9 1.5v3h3",
  pin: "M6 2h4l-.5 4.5 2 2.5h-7l2-2.5zM8 9v5",
  key: "M5.5 10.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM9 7h5.5v3M12 7v2",
  help: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.7.4-1.1.8-1.1 1.6M8 12.4v.2",
  refresh: "M13.5 6.5A6 6 0 1 0 14 9M14 3v3.5h-3.5",
  table: "M2 3h12v10H2zM2 6.5h12M2 10h12M6.5 3v10",
  shield: "M8 1.5l5.5 2v4c0 3.5-2.3 5.8-5.5 7-3.2-1.2-5.5-3.5-5.5-7v-4z",
  out: "M6 2H2.5v12H6M10 5l3 3-3 3M13 8H6",
} as const;

export type IconName = keyof typeof PATHS;

/** Draw an icon; without a label it is hidden from screen readers, since a text next to it has its meaning. */
export function Icon({ name, label }: { readonly name: IconName; readonly label?: string }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 16 16"
      aria-hidden={label === undefined ? "true" : undefined}
      role={label === undefined ? undefined : "img"}
      aria-label={label}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** Draw the icon of an operation in its colour. */
export function KindIcon({ operation }: { readonly operation: string | null }) {
  const { icon, kind } = kindOf(operation);
  return (
    <span class={`kind ${kind}`}>
      <Icon name={icon} />
    </span>
  );
}
