/**
 * Parts of a history that can be checked apart, because they have no key in common: linearizability is local
 * (Herlihy and Wing).
 *
 * @module
 */
import type { Operation } from "./history.ts";
import type { Model } from "./model.ts";

/** Operations on keys that hang together. */
export interface Part {
  /** Sorted; empty for operations without keys. */
  readonly keys: readonly string[];
  readonly operations: readonly Operation[];
}

/** Divides a history, the parts in the order of their first operation. */
export function partsOf(operations: readonly Operation[], model: Model): Part[] {
  const parents = new Map<string, string>();
  const rootOf = (key: string): string => {
    let root = key;
    for (let up = parents.get(root); up !== undefined && up !== root; up = parents.get(root)) root = up;
    for (let at = key; at !== root;) {
      const up = parents.get(at)!;
      parents.set(at, root);
      at = up;
    }
    return root;
  };
  const keys = operations.map((operation) => model.keysOf(operation));
  for (const touched of keys) {
    for (const key of touched) {
      if (!parents.has(key)) parents.set(key, key);
      parents.set(rootOf(key), rootOf(touched[0]!));
    }
  }
  const groups = new Map<string, Operation[]>();
  operations.forEach((operation, i) => {
    const first = keys[i]![0];
    if (first === undefined) return;
    const root = rootOf(first);
    const group = groups.get(root);
    if (group === undefined) groups.set(root, [operation]);
    else group.push(operation);
  });
  const named = new Map<string, string[]>();
  const keyless = operations.every(({ key, f }) => key === null && f !== "txn");
  if (!keyless) {
    for (const key of [...parents.keys()].sort()) named.set(rootOf(key), [...named.get(rootOf(key)) ?? [], key]);
  }
  return [...groups].map(([root, group]) => ({ keys: named.get(root) ?? [], operations: group }));
}
