/**
 * When two replies count as the same: byte for byte, but for the few that cannot be, which are listed here.
 *
 * @module
 */
import { elementsOf } from "./raw_client.ts";

/** By how much readings of the clock in replies may differ: the two servers are asked one after the other. */
const TOLERANCES: Readonly<Record<string, number>> = { ttl: 10, expiretime: 10, pttl: 10_000, pexpiretime: 10_000 };
/** Moments from these on were given as such, and must come back as they are. */
const GIVEN_MOMENTS: Readonly<Record<string, number>> = { expiretime: 9_000_000_000, pexpiretime: 9_000_000_000_000 };

function sameTime(name: string, ours: string, theirs: string): boolean {
  if (ours === theirs) return true;
  if (!ours.startsWith(":") || !theirs.startsWith(":")) return false;
  const [a, b] = [Number(ours.slice(1)), Number(theirs.slice(1))];
  if (a <= 0 || b <= 0 || a >= (GIVEN_MOMENTS[name] ?? Infinity)) return false;
  return Math.abs(a - b) <= TOLERANCES[name]!;
}

function sameSet(ours: string, theirs: string): boolean {
  const [a, b] = [elementsOf(ours), elementsOf(theirs)];
  if (a === null || b === null) return ours === theirs;
  return JSON.stringify(a.sort()) === JSON.stringify(b.sort());
}

function same(command: readonly string[], ours: string, theirs: string): boolean {
  const name = command[0]!.toLowerCase();
  if (TOLERANCES[name] !== undefined) return sameTime(name, ours, theirs);
  // Redis answers in the order of its hash table.
  if (name === "keys") return sameSet(ours, theirs);
  if (name === "scan") {
    const [a, b] = [elementsOf(ours), elementsOf(theirs)];
    return a === null || b === null ? ours === theirs : a[0] === b[0] && sameSet(a[1]!, b[1]!);
  }
  return ours === theirs;
}

/** A command whose replies differ. */
export interface Difference {
  readonly index: number;
  readonly command: string;
  readonly ours: string;
  readonly redis: string;
}

/** The commands whose replies differ. Replies to EXEC are compared one by one, as those of the commands queued. */
export function differences(
  commands: readonly (readonly string[])[],
  ours: readonly string[],
  theirs: readonly string[],
): Difference[] {
  const found: Difference[] = [];
  let queued: (readonly string[])[] = [];
  commands.forEach((command, index) => {
    const note = (what: readonly string[], a: string, b: string): void => {
      if (!same(what, a, b)) found.push({ index, command: JSON.stringify(what.join(" ")), ours: a, redis: b });
    };
    const [a, b] = [ours[index]!, theirs[index]!];
    const [parts, expected] = [elementsOf(a), elementsOf(b)];
    const whole = command[0] === "EXEC" && parts !== null && expected !== null && parts.length === expected.length;
    if (whole && parts.length === queued.length) parts.forEach((part, i) => note(queued[i]!, part, expected[i]!));
    else note(command, a, b);
    if (["MULTI", "EXEC", "DISCARD"].includes(command[0]!)) queued = [];
    else if (b === "+QUEUED\r\n") queued.push(command);
  });
  return found;
}
