// Values that settle: a component sees a change only once it has lasted.

import { useEffect, useState } from "preact/hooks";

/** Return a value once it has not changed for a time. */
export function useDelayed<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
