// Keeps the newest answers about single calls, so that a row that was read or prefetched is shown at once.

/** Answers by key; the least recently used are dropped beyond `limit`. A failed read is not kept. */
export class Cache<T> {
  private readonly limit: number;
  private readonly entries = new Map<string, Promise<T>>();
  private readonly values = new Map<string, T>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Return an answer that has arrived already. */
  peek(key: string): T | undefined {
    return this.values.get(key);
  }

  /** Return the answer of a key, reading it at most once. */
  read(key: string, load: () => Promise<T>): Promise<T> {
    const found = this.entries.get(key);
    if (found !== undefined) {
      this.entries.delete(key);
      this.entries.set(key, found);
      return found;
    }
    const started = load();
    this.entries.set(key, started);
    started.then(
      (value) => {
        if (this.entries.get(key) === started) this.values.set(key, value);
      },
      () => this.drop(key),
    );
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= this.limit) break;
      this.drop(oldest);
    }
    return started;
  }

  drop(key: string): void {
    this.entries.delete(key);
    this.values.delete(key);
  }

  clear(): void {
    this.entries.clear();
    this.values.clear();
  }
}
