/**
 * A violation in words.
 *
 * @module
 */
import type { Operation } from "./history.ts";
import { show } from "./values.ts";
import type { Violation } from "./verdict.ts";

/** How many steps of the longest order are shown: the last ones matter. */
const STEPS = 8;
/** How many operations of the conflict are shown: the last ones. */
const CONFLICTS = 12;

/** Tells how an event is named: by its line where there is a file. */
export type NameEvent = (event: number) => string;

/** An operation as people write it: `write 3`, `cas 1 → 2 refused`, `get "k" = "v"`. */
export function describeOperation(operation: Operation): string {
  const { f, key, input, output, outcome } = operation;
  const subject = key === null ? f : `${f} ${show(key)}`;
  if (outcome === "unknown") return `${subject}${input === null ? "" : ` ${show(input)}`} (outcome unknown)`;
  if (outcome === "fail") return `${subject} ${show(input)} failed`;
  if (f === "read" || f === "get") return `${subject} = ${show(output)}`;
  if (f === "cas") return `${subject} ${show(input)}${output === false ? " refused" : ""}`;
  const argument = input === null ? "" : ` ${show(input)}`;
  return f === "add" || f === "txn" || f === "delete"
    ? `${subject}${argument}${output === null ? "" : ` = ${show(output)}`}`
    : `${subject}${argument}`;
}

/** The lines that explain a violation. */
export function describeViolation(
  violation: Violation,
  nameEvent: NameEvent = (event) => `event ${event + 1}`,
): string[] {
  const { keys, culprit, conflict, order, initial, lastEvent, isShortest, isSmallest } = violation;
  const where = (operation: Operation): string =>
    `${nameEvent(operation.invoke)} to ${operation.complete === null ? "never" : nameEvent(operation.complete)}`;
  const line = (operation: Operation): string =>
    `  process ${operation.process}: ${describeOperation(operation)}  (${where(operation)})`;
  const about = keys.length === 0 ? "" : ` of ${keys.map(show).join(", ")}`;
  const shown = order.slice(-STEPS);
  const before = order.length > shown.length ? order[order.length - shown.length - 1]!.state : initial;
  const others = conflict.filter((each) => each !== culprit);
  const named = others.slice(-CONFLICTS);
  return [
    `The history${about} up to ${nameEvent(lastEvent)} has no order` +
    (isShortest
      ? "; without that event it has one."
      : " (there may be a shorter part of it without: a limit was reached)."),
    "This cannot be placed:",
    line(culprit),
    ...(others.length === 0 ? [] : [isSmallest ? "together with:" : "together with these, or some of them:"]),
    ...(named.length < others.length ? [`  ${others.length - named.length} earlier operations`] : []),
    ...named.map(line),
    `The longest order found has ${order.length} operations; ${
      shown.length < order.length ? `its last ${shown.length}, from` : "it starts from"
    } ${before}:`,
    ...shown.map(({ operation, state }) =>
      `  process ${operation.process}: ${describeOperation(operation)}  → ${state}`
    ),
  ];
}
