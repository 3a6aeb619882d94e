/**
 * What one front door counts of its requests: how each ended, by command, and how long they took.
 *
 * Labels are bounded: a command is one that the door's own table has, and latencies are told by what a request does
 * and not by its name, because a histogram is many lines.
 *
 * @module
 */
import type { KvErrorCode } from "../../core/errors.ts";
import { Histogram } from "./histogram.ts";
import type { RequestSpans } from "./tracing.ts";
import type { TurnTimer } from "./turn_timer.ts";

/** The ways into a server. */
export type DoorName = "tcp" | "udp" | "http";

/** What requests do: read the store, write to it, or neither (or what cannot be told from the request's name). */
export const REQUEST_KINDS = ["read", "write", "other"] as const;

/** One of {@link REQUEST_KINDS}. */
export type RequestKind = typeof REQUEST_KINDS[number];

/**
 * How a request ended: with an answer, with a refusal that is the client's own fault, not at all because the server
 * could not, or so that nobody knows.
 */
export const REQUEST_RESULTS = ["ok", "refused", "unavailable", "unknown"] as const;

/** One of {@link REQUEST_RESULTS}. */
export type RequestResult = typeof REQUEST_RESULTS[number];

/** How a request ended that failed with `code`. */
export function resultOfCode(code: KvErrorCode): RequestResult {
  switch (code) {
    case "OUTCOME_UNKNOWN":
      return "unknown";
    case "UNAVAILABLE":
    case "STORAGE_FAILED":
    case "DEADLINE_EXCEEDED":
    case "ABORTED":
    case "CLOSED":
      return "unavailable";
    default:
      return "refused";
  }
}

/** Counts the requests with one command. */
export class CommandMeter {
  /** The command, as the door names it. */
  readonly command: string;
  readonly counts: Record<RequestResult, number> = { ok: 0, refused: 0, unavailable: 0, unknown: 0 };
  readonly #door: DoorName;
  readonly #since: (begun_ms: number) => void;
  readonly #spans: RequestSpans | null;

  constructor(door: DoorName, command: string, since: (begun_ms: number) => void, spans: RequestSpans | null) {
    this.#door = door;
    this.command = command;
    this.#since = since;
    this.#spans = spans;
  }

  /**
   * Counts a request that began at a moment of the door's {@link TurnTimer} and has an answer now. `http` is the request, at
   * the door that has headers; not the headers, which a runtime makes when they are first asked for.
   */
  end(result: RequestResult, begun_ms: number, http: Request | null = null): void {
    this.counts[result]++;
    this.#since(begun_ms);
    if (this.#spans !== null) this.#spans.record(this.#door, this.command, result, begun_ms, http);
  }
}

/** The figures of one door. */
export class DoorMetrics {
  readonly name: DoorName;
  /** Tells when requests begin and end. */
  readonly turns: TurnTimer;
  readonly latencies: Readonly<Record<RequestKind, Histogram>> = {
    read: new Histogram(),
    write: new Histogram(),
    other: new Histogram(),
  };
  receivedBytes = 0;
  sentBytes = 0;
  readonly #since: Readonly<Record<RequestKind, (begun_ms: number) => void>>;
  readonly #meters: Map<string, CommandMeter> = new Map();
  readonly #spans: RequestSpans | null;

  constructor(name: DoorName, turns: TurnTimer, spans: RequestSpans | null) {
    this.name = name;
    this.turns = turns;
    this.#spans = spans;
    const { read, write, other } = this.latencies;
    this.#since = {
      read: turns.recorder(read).since,
      write: turns.recorder(write).since,
      other: turns.recorder(other).since,
    };
  }

  /** What counts a command. The names come from tables, never from clients: each makes a line of metrics. */
  meter(command: string, kind: RequestKind): CommandMeter {
    let meter = this.#meters.get(command);
    if (meter === undefined) {
      meter = new CommandMeter(this.name, command, this.#since[kind], this.#spans);
      this.#meters.set(command, meter);
    }
    return meter;
  }

  /** What counts the commands. */
  meters(): Iterable<CommandMeter> {
    return this.#meters.values();
  }
}
