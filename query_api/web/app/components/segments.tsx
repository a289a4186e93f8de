// A choice of one of a few values, all of them shown.

interface Props<T extends string> {
  readonly label: string;
  readonly values: readonly (readonly [T, string])[];
  readonly chosen: T;
  readonly choose: (value: T) => void;
}

export function Segments<T extends string>({ label, values, chosen, choose }: Props<T>) {
  return (
    <div class="segments" role="group" aria-label={label}>
      {values.map(([value, name]) => (
        <button key={value} type="button" aria-pressed={value === chosen} onClick={() => choose(value)}>
          {name}
        </button>
      ))}
    </div>
  );
}
