/**
 * Histories made from a sequential object: each operation takes effect at one moment between its invocation and
 * its end, or some time after a client gave up on it, or never. Each such history is linearizable.
 *
 * @module
 */
import type { HistoryEvent, Value } from "../../../src/sim/checker/history.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

/** What objects there are. */
export type Kind = "register" | "kv" | "counter" | "transactions";

/** What a history is like. */
export interface HistoryShape {
  readonly kind: Kind;
  readonly seed: number;
  readonly operations: number;
  readonly processes: number;
  readonly keys: number;
  /** The share of operations whose outcome nobody learns. */
  readonly unknown: number;
  /** How many different values are written; null for a new one each time. */
  readonly values: number | null;
  /** What happens besides, from the middle on: between its steps the other clients go on. */
  readonly episode?: (store: Store) => Iterator<void>;
}

/** The object, and the history, as an episode sees them. */
export interface Store {
  readonly object: Map<string, Value>;
  /** Notes an event of one of its own clients, counted from 0. */
  note(client: number, type: HistoryEvent["type"], f: string, key: string | null, value: Value): void;
}

/** The processes of an episode's clients. */
const EPISODE = 1_000_000;

interface Running {
  readonly process: number;
  readonly f: string;
  readonly key: string | null;
  readonly input: Value;
  /** How many steps are left until it takes effect, and until it ends. */
  effect: number;
  end: number;
  readonly lost: boolean;
  output: Value;
  failed: boolean;
}

/** A history without faults of the object. */
export function randomHistory(shape: HistoryShape): HistoryEvent[] {
  const random = new SeededRandom(shape.seed);
  const below = (n: number): number => Math.floor(random.next() * n);
  const object = new Map<string, Value>();
  const events: HistoryEvent[] = [];
  const running: (Running | undefined)[] = Array.from({ length: shape.processes });
  const late: Running[] = [];
  const identities = Array.from({ length: shape.processes }, (_, i) => i);
  let [made, values] = [0, 0];
  const record = (each: Running, type: HistoryEvent["type"], value: Value): void => {
    events.push({ process: each.process, type, f: each.f, key: each.key, value, time: events.length * 1000 });
  };
  const fresh = (): Value => shape.values === null ? ++values : below(shape.values);
  const episode = shape.episode?.({
    object,
    note: (client, type, f, key, value) => {
      events.push({ process: EPISODE + client, type, f, key, value, time: events.length * 1000 });
    },
  });
  let over = episode === undefined;
  while (made < shape.operations || running.some((each) => each !== undefined) || !over) {
    if (episode !== undefined && !over && 2 * made >= shape.operations && random.next() < 0.3) {
      over = episode.next().done === true;
    }
    const slot = below(shape.processes);
    const each = running[slot];
    if (each === undefined) {
      if (made >= shape.operations) continue;
      made++;
      const key = `k${below(shape.keys)}`;
      const [f, input] = request(shape, key, below, fresh);
      const effect = below(4);
      const lost = random.next() < shape.unknown;
      const begun: Running = {
        process: identities[slot]!,
        f,
        key: shape.kind === "register" || f === "txn" ? null : key,
        input,
        effect: lost && random.next() < 0.5 ? Infinity : lost ? below(200) : effect,
        end: effect + 1 + below(4),
        lost,
        output: null,
        failed: false,
      };
      running[slot] = begun;
      record(begun, "invoke", input);
      continue;
    }
    if (each.effect-- === 0) perform(object, each, shape.kind);
    if (each.end-- > 0) continue;
    running[slot] = undefined;
    if (!each.lost) record(each, each.failed ? "fail" : "ok", each.output);
    else {
      if (random.next() < 0.7) record(each, "info", null);
      identities[slot] = Math.max(...identities) + 1;
      late.push(each);
    }
    for (const other of late) {
      if (other.effect-- > 0 || other.effect <= -2) continue;
      other.effect = -9;
      perform(object, other, shape.kind);
    }
  }
  return events;
}

function request(
  { kind, keys }: HistoryShape,
  key: string,
  below: (n: number) => number,
  fresh: () => Value,
): [f: string, input: Value] {
  switch (kind) {
    case "register":
      return ([["read", null], ["write", fresh()], ["cas", [fresh(), fresh()]]] as [string, Value][])[below(3)]!;
    case "kv": {
      const text = `<${String(fresh())}>`;
      return ([["get", null], ["get", null], ["append", text], ["append", text], ["put", text], ["delete", null]] as [
        string,
        Value,
      ][])[below(6)]!;
    }
    case "counter":
      return below(3) === 0 ? ["read", null] : ["add", below(2) === 0 ? null : 1 + below(3)];
    case "transactions": {
      const other = `k${below(keys)}`;
      return ["txn", [["r", key, null], ["append", other, fresh()], ["r", other, null]]];
    }
  }
}

function perform(object: Map<string, Value>, each: Running, kind: Kind): void {
  const key = each.key ?? "";
  const present = object.get(key) ?? null;
  switch (each.f) {
    case "read":
    case "get":
      each.output = present ?? (kind === "counter" ? 0 : null);
      return;
    case "write":
    case "put":
      object.set(key, each.input);
      each.output = each.input;
      return;
    case "delete":
      each.output = object.delete(key);
      return;
    case "append":
      object.set(key, String(present ?? "") + String(each.input));
      return;
    case "add":
      object.set(key, Number(present) + Number(each.input ?? 1));
      each.output = object.get(key)!;
      return;
    case "cas": {
      const [old, next] = each.input as readonly [Value, Value];
      each.failed = present !== old;
      if (!each.failed) object.set(key, next);
      each.output = each.input;
      return;
    }
    default:
      each.output = (each.input as [string, string, Value][]).map(([name, at, value]) => {
        if (name === "append") object.set(at, [...(object.get(at) ?? []) as Value[], value]);
        return [name, at, name === "r" ? object.get(at) ?? null : value];
      });
  }
}
