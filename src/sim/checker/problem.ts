/**
 * The operations of one part of a history, laid out for the search: those that must have a place in the order,
 * with the events of their invocation and return, and classes of those of unknown outcome, which may have one.
 *
 * @module
 */
import type { Operation } from "./history.ts";
import type { Machine, Model } from "./model.ts";

/** Operations of unknown outcome that do the same. */
export interface OptionalClass {
  readonly code: number;
  readonly overwrites: boolean;
  /** In the order of their invocation. */
  readonly operations: readonly Operation[];
}

/** What the search is to order. */
export interface Problem {
  readonly machine: Machine;
  /** The operations that must be placed, in the order of their invocation. */
  readonly required: readonly Operation[];
  /** Their codes. */
  readonly codes: Int32Array;
  /** For each 1 when it leaves every state as it is, else 0. */
  readonly observers: Uint8Array;
  /** Indices into `required`, in the order of their return. */
  readonly returns: Int32Array;
  readonly optional: readonly OptionalClass[];
  /** For each class the index of the one that can stand in for it, or -1. */
  readonly standIns: readonly number[];
}

/** Lays out operations. */
export function problemOf(operations: readonly Operation[], model: Model): Problem {
  const machine = model.machine(operations);
  const required: Operation[] = [];
  const codes: number[] = [];
  const classes = new Map<number, { overwrites: boolean; standIn: number | null; operations: Operation[] }>();
  for (const operation of [...operations].sort((a, b) => a.invoke - b.invoke)) {
    if (operation.outcome !== "unknown") {
      const code = machine.known(operation);
      if (code === null) continue;
      required.push(operation);
      codes.push(code);
      continue;
    }
    const optional = machine.unknown(operation);
    if (optional === null) continue;
    const alike = classes.get(optional.code);
    if (alike !== undefined) alike.operations.push(operation);
    else classes.set(optional.code, { ...optional, operations: [operation] });
  }
  const order = [...classes.keys()];
  return {
    machine,
    required,
    codes: Int32Array.from(codes),
    observers: Uint8Array.from(codes, (code) => machine.observes(code) ? 1 : 0),
    returns: Int32Array.from(required.keys()).sort((a, b) => required[a]!.complete! - required[b]!.complete!),
    optional: [...classes].map(([code, { overwrites, operations }]) => ({ code, overwrites, operations })),
    standIns: [...classes.values()].map(({ standIn }) => standIn === null ? -1 : order.indexOf(standIn)),
  };
}
