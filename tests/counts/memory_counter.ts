/**
 * Counts the buffers that are made and the bytes that are copied while something runs: what the collector has to clear
 * away afterwards, in figures that no other work on the machine changes.
 *
 * @module
 */

/** What was made. */
export interface MemoryCounts {
  /** Buffers with memory of their own. */
  readonly buffers: number;
  /** Their bytes. */
  readonly bytes: number;
  /** Objects that show a part of another one's memory. */
  readonly views: number;
}

/** Runs something and counts what it makes. Not for two at a time: the global constructor is exchanged meanwhile. */
export async function countMemory(run: () => Promise<void> | void): Promise<MemoryCounts> {
  const counts = { buffers: 0, bytes: 0, views: 0 };
  const original = globalThis.Uint8Array;
  const { slice, subarray } = original.prototype;
  const counting = new Proxy(original, {
    construct: (target, args: unknown[], newTarget) => {
      const made = Reflect.construct(target, args, newTarget === counting ? target : newTarget) as Uint8Array;
      if (args[0] instanceof ArrayBuffer) counts.views++;
      else note(made);
      return made;
    },
  });
  const note = (made: Uint8Array): void => {
    counts.buffers++;
    counts.bytes += made.length;
  };
  globalThis.Uint8Array = counting;
  original.prototype.slice = function (this: Uint8Array, ...args: Parameters<Uint8Array["slice"]>) {
    const made = slice.apply(this, args);
    note(made);
    return made;
  };
  original.prototype.subarray = function (this: Uint8Array, ...args: Parameters<Uint8Array["subarray"]>) {
    counts.views++;
    return subarray.apply(this, args);
  };
  try {
    await run();
  } finally {
    globalThis.Uint8Array = original;
    Object.assign(original.prototype, { slice, subarray });
  }
  return counts;
}
