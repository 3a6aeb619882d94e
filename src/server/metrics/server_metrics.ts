/**
 * The figures of one server that grow while it runs, beside those of src/server/stats.ts: histograms, and counts with
 * labels. Written by the doors, the disk and the replica; read by `/metrics`.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import { DoorMetrics, type DoorName } from "./door_metrics.ts";
import { Histogram } from "./histogram.ts";
import type { RequestSpans } from "./tracing.ts";
import { TurnTimer } from "./turn_timer.ts";

/** What the disk has done. */
export class DiskMetrics {
  /** Syncs of the log. */
  readonly logSyncs: Histogram = new Histogram();
  /** From the first byte of a snapshot until it has its name. */
  readonly snapshots: Histogram = new Histogram();
  logWrittenBytes = 0;
  snapshotWrittenBytes = 0;
}

/** What a replica under Multi-Paxos has gone through. */
export class PaxosMetrics {
  /** How often another leader, or none, was known than before. */
  leaderChanges = 0;
  /** How often this replica has become the leader. */
  electionsWon = 0;
  slotsApplied = 0;
  slotsAppliedBytes = 0;
}

/** Everything of one server. */
export class ServerMetrics {
  /** Shared by all doors. */
  readonly turns: TurnTimer;
  readonly doors: Readonly<Record<DoorName, DoorMetrics>>;
  readonly disk: DiskMetrics = new DiskMetrics();
  readonly paxos: PaxosMetrics = new PaxosMetrics();
  readonly eventLoopDelay: Histogram = new Histogram();
  /** When the certificate in use expires, in milliseconds since the Unix epoch; null without TLS. */
  certificateExpires_ms: () => number | null = () => null;
  /** HTTP requests whose response has not begun. */
  httpInFlight = 0;

  /** Without `spans` nothing is traced. */
  constructor(clock: Clock, spans: RequestSpans | null = null) {
    this.turns = new TurnTimer(clock);
    this.doors = {
      tcp: new DoorMetrics("tcp", this.turns, spans),
      udp: new DoorMetrics("udp", this.turns, spans),
      http: new DoorMetrics("http", this.turns, spans),
    };
  }
}
