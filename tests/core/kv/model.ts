/**
 * What the store should do, in the plainest way: an array of entries that is searched from end to end, sessions in
 * plain maps. Written from the comments in `command.ts`, with numbers for whatever the store does cleverly.
 */
import type { Key } from "../../../src/codec/bytes.ts";
import type { Command, Compare, Expiry, Operation, Range } from "../../../src/core/kv/command.ts";
import type { Entry, KeyedEntry, Result, WatchEvent } from "../../../src/core/kv/result.ts";
import { bytes } from "./arbitraries.ts";

interface ModelSession {
  readonly id: Key;
  readonly incarnation: number;
  lastUsed: number;
  acknowledged: number;
  readonly results: Map<number, { operation: string; result: Result }>;
}

function text(value: Uint8Array): string {
  return String.fromCharCode(...value);
}

function show(operation: Operation): string {
  return JSON.stringify(operation, (_, value) => typeof value === "bigint" ? `${value}n` : value);
}

export class Model {
  entries: KeyedEntry[] = [];
  sessions: ModelSession[] = [];
  events: WatchEvent[] = [];
  revision = 0;
  time = 0;
  readonly #maxValueBytes: number;
  readonly #sessionIdle_ms: number;
  #changed = false;
  #uses = 0;

  constructor(limits: { maxValueBytes: number; sessionIdle_ms: number }) {
    this.#maxValueBytes = limits.maxValueBytes;
    this.#sessionIdle_ms = limits.sessionIdle_ms;
  }

  execute(command: Command, time: number): Result {
    this.time = Math.max(this.time, time);
    this.#changed = false;
    const result = structuredClone(this.#command(command));
    if (command.type !== "once") stamp(result, this.revision);
    return result;
  }

  #command(command: Command): Result {
    const live = (session: ModelSession): boolean => session.lastUsed + this.#sessionIdle_ms > this.time;
    switch (command.type) {
      case "openSession":
        this.sessions = this.sessions.filter((session) => session.id !== command.session || live(session));
        return { type: "session", revision: 0, incarnation: this.#use(command.session).incarnation };
      case "closeSession":
        this.sessions = this.sessions.filter((session) => session.id !== command.session);
        return { type: "done", revision: 0 };
      case "expireDue": {
        const due = this.entries.filter(({ entry }) => entry.expiry !== 0 && entry.expiry <= this.time);
        due.sort((a, b) => a.entry.expiry - b.entry.expiry || (a.key < b.key ? -1 : 1));
        for (const { key } of due.slice(0, command.limit)) this.#remove(key, "expire");
        const idle = this.sessions.filter((session) => !live(session)).slice(0, command.limit);
        this.sessions = this.sessions.filter((session) => !idle.includes(session));
        return { type: "done", revision: 0 };
      }
      case "once": {
        this.sessions = this.sessions.filter((session) => session.id !== command.session || live(session));
        const known = this.sessions.find((session) => session.id === command.session);
        if (command.incarnation !== null && known?.incarnation !== command.incarnation) {
          return this.#error("SESSION_UNKNOWN");
        }
        const session = this.#use(command.session);
        session.acknowledged = Math.max(session.acknowledged, command.acknowledged);
        for (const sequence of [...session.results.keys()]) {
          if (sequence < session.acknowledged) session.results.delete(sequence);
        }
        if (command.sequence < session.acknowledged) return this.#error("SESSION_STALE");
        const operation = show(command.operation);
        const kept = session.results.get(command.sequence);
        if (kept !== undefined) return kept.operation === operation ? kept.result : this.#error("SESSION_CONFLICT");
        const result = structuredClone(this.#operation(command.operation));
        stamp(result, this.revision);
        session.results.set(command.sequence, { operation, result });
        return result;
      }
      default:
        return this.#operation(command);
    }
  }

  #use(id: Key): ModelSession {
    this.#uses++;
    const session: ModelSession = this.sessions.find((other) => other.id === id) ??
      { id, incarnation: this.#uses, lastUsed: 0, acknowledged: 0, results: new Map() };
    session.lastUsed = this.time;
    this.sessions = [...this.sessions.filter((other) => other !== session), session];
    return session;
  }

  #operation(operation: Operation): Result {
    const revision = 0;
    switch (operation.type) {
      case "get":
        return { type: "get", revision, entry: this.live(operation.key) };
      case "getMany":
        return { type: "many", revision, entries: operation.keys.map((key) => this.live(key)) };
      case "range":
        return this.#range(operation);
      case "put": {
        const due = this.#dueTime(operation.expiry);
        if (due > Number.MAX_SAFE_INTEGER) return this.#error("INVALID_ARGUMENT");
        const old = this.#touch(operation.key);
        const previous = operation.returnPrevious ? old : null;
        if (operation.condition === "absent" && old !== null) {
          return { type: "put", revision, written: false, previous };
        }
        if (operation.condition === "present" && old === null) {
          return { type: "put", revision, written: false, previous };
        }
        if (operation.expiry.type === "keep") this.#write(operation.key, operation.value, old?.expiry ?? 0);
        else if (operation.expiry.type === "none") this.#write(operation.key, operation.value, 0);
        else if (due > this.time) this.#write(operation.key, operation.value, due);
        else this.#remove(operation.key, "expire");
        return { type: "put", revision, written: true, previous };
      }
      case "delete": {
        const old = this.#touch(operation.key);
        this.#remove(operation.key, "delete");
        return {
          type: "delete",
          revision,
          deleted: old === null ? 0 : 1,
          previous: operation.returnPrevious ? old : null,
        };
      }
      case "deleteRange": {
        let deleted = 0;
        const { start, end } = operation;
        for (const { key } of this.entries.filter(({ key }) => key >= start && (end === null || key < end))) {
          if (this.#touch(key) === null) continue;
          this.#remove(key, "delete");
          deleted++;
        }
        return { type: "delete", revision, deleted, previous: null };
      }
      case "increment": {
        const old = this.live(operation.key);
        const before = old === null ? "0" : text(old.value);
        if (
          !/^(0|-?[1-9][0-9]*)$/.test(before) || before.length > 20 ||
          BigInt.asIntN(64, BigInt(before)) !== BigInt(before)
        ) {
          return this.#error("NOT_AN_INTEGER");
        }
        const value = BigInt(before) + operation.delta;
        if (BigInt.asIntN(64, value) !== value) return this.#error("OUT_OF_RANGE");
        return this.#replace(operation.key, bytes(`${value}`), { type: "integer", revision, value });
      }
      case "incrementFloat": {
        const before = this.live(operation.key);
        const left = before === null ? 0n : unitsOf(text(before.value));
        const right = unitsOf(operation.delta);
        if (left === null || right === null) return this.#error("NOT_A_FLOAT");
        const sum = textOf(left + right);
        return this.#replace(operation.key, bytes(sum), { type: "value", revision, value: bytes(sum) });
      }
      case "append": {
        const value = bytes(text(this.live(operation.key)?.value ?? bytes("")) + text(operation.value));
        return this.#replace(operation.key, value, { type: "integer", revision, value: BigInt(value.length) });
      }
      case "setRange": {
        const before = text(this.live(operation.key)?.value ?? bytes(""));
        if (operation.value.length === 0) return { type: "integer", revision, value: BigInt(before.length) };
        const value = bytes(
          before.slice(0, operation.offset).padEnd(operation.offset, "\0") + text(operation.value) +
            before.slice(operation.offset + operation.value.length),
        );
        return this.#replace(operation.key, value, { type: "integer", revision, value: BigInt(value.length) });
      }
      case "expire": {
        const due = this.#dueTime(operation.expiry);
        if (due > Number.MAX_SAFE_INTEGER) return this.#error("INVALID_ARGUMENT");
        const old = this.#touch(operation.key);
        if (old === null) return { type: "expire", revision, changed: false };
        const now = old.expiry === 0 ? Infinity : old.expiry;
        const then = operation.expiry.type === "none" ? Infinity : due;
        const holds = {
          always: true,
          absent: now === Infinity,
          present: now !== Infinity,
          greater: then > now,
          less: then < now,
        };
        if (!holds[operation.condition]) return { type: "expire", revision, changed: false };
        if (then <= this.time) this.#remove(operation.key, "expire");
        else if (then !== Infinity || now !== Infinity) {
          this.#write(operation.key, old.value, then === Infinity ? 0 : then);
        }
        return { type: "expire", revision, changed: true };
      }
      case "txn": {
        const succeeded = operation.compare.every((compare) => this.#holds(compare));
        const results = (succeeded ? operation.then : operation.else).map((inner) => this.#operation(inner));
        return { type: "txn", revision, succeeded, results };
      }
    }
  }

  #range(range: Range): Result {
    let found = this.entries.filter(({ key }) =>
      key >= range.start && (range.end === null || key < range.end) && this.live(key) !== null
    );
    const all = found.length;
    if (range.projection === "count") return { type: "range", revision: 0, entries: [], count: all, more: false };
    if (range.reverse) found.reverse();
    if (range.limit > 0) found = found.slice(0, range.limit);
    if (range.projection === "keys") {
      found = found.map(({ key, entry }) => ({ key, entry: { ...entry, value: bytes("") } }));
    }
    return { type: "range", revision: 0, entries: found, count: found.length, more: found.length < all };
  }

  #holds(compare: Compare): boolean {
    const entry = this.live(compare.key);
    if (compare.target === "value" && entry === null) return compare.operator === "!=";
    const [left, right] = compare.target === "value"
      ? [text(entry!.value), text(compare.operand)]
      : [entry === null ? 0 : entry[compare.target], compare.operand];
    return { "=": left === right, "!=": left !== right, "<": left < right, ">": left > right }[compare.operator];
  }

  live(key: Key): Entry | null {
    const entry = this.#stored(key);
    return entry !== null && (entry.expiry === 0 || entry.expiry > this.time) ? entry : null;
  }

  #stored(key: Key): Entry | null {
    return this.entries.find((keyed) => keyed.key === key)?.entry ?? null;
  }

  #touch(key: Key): Entry | null {
    if (this.live(key) === null) this.#remove(key, "expire");
    return this.live(key);
  }

  #dueTime(expiry: Expiry): number {
    return expiry.type === "at" ? expiry.time_ms : expiry.type === "after" ? this.time + expiry.duration_ms : 0;
  }

  #raise(): number {
    if (!this.#changed) this.revision++;
    this.#changed = true;
    return this.revision;
  }

  #replace(key: Key, value: Uint8Array, result: Result): Result {
    if (value.length > this.#maxValueBytes) return this.#error("LIMIT_EXCEEDED");
    const old = this.#touch(key);
    this.#write(key, value, old?.expiry ?? 0);
    return result;
  }

  #write(key: Key, value: Uint8Array, expiry: number): void {
    const old = this.#stored(key);
    const revision = this.#raise();
    const entry: Entry = {
      value,
      version: (old?.version ?? 0) + 1,
      createRevision: old?.createRevision ?? revision,
      modRevision: revision,
      expiry,
    };
    this.entries = [...this.entries.filter((keyed) => keyed.key !== key), { key, entry }];
    this.entries.sort((a, b) => (a.key < b.key ? -1 : 1));
    this.events.push({ type: "put", revision, key, entry });
  }

  #remove(key: Key, type: "delete" | "expire"): void {
    const entry = this.#stored(key);
    if (entry === null) return;
    this.entries = this.entries.filter((keyed) => keyed.key !== key);
    this.events.push({ type, revision: this.#raise(), key, entry });
  }

  #error(code: (Result & { type: "error" })["code"]): Result {
    return { type: "error", revision: this.revision, code, message: "" };
  }
}

/** What a number that needs no rounding has after the point at most. */
const UNIT_DIGITS = 20;

/** A number in units of 10^-20, or null. */
function unitsOf(number: string): bigint | null {
  const match = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:e([0-9]+))?$/.exec(number);
  if (match === null || Number(match[4] ?? "0") > 4900) return null;
  const units = BigInt(match[2]! + (match[3] ?? "").padEnd(UNIT_DIGITS, "0")) * 10n ** BigInt(match[4] ?? "0");
  return match[1] === "-" ? -units : units;
}

function textOf(units: bigint): string {
  const digits = `${units < 0n ? -units : units}`.padStart(UNIT_DIGITS + 1, "0");
  const fraction = digits.slice(-UNIT_DIGITS).replace(/0+$/, "");
  return `${units < 0n ? "-" : ""}${digits.slice(0, -UNIT_DIGITS)}${fraction === "" ? "" : `.${fraction}`}`;
}

function stamp(result: Result, revision: number): void {
  (result as { revision: number }).revision = revision;
  if (result.type === "txn") { for (const inner of result.results) stamp(inner, revision); }
}
