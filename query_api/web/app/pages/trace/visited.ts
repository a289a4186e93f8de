// The trace that was open last, which the list chooses when one comes back to it.

import { signal } from "@preact/signals";

export const visited = signal<string | null>(null);
