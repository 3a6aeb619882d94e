/**
 * What a server stands on: the disk, the clock, and the ways to the other replicas. Usually those of the system; tests put
 * others in their place, or something around them, to break what a server must survive.
 *
 * @module
 */
import { openNodeDisk } from "../adapters/node_disk.ts";
import { systemClock } from "../adapters/system_clock.ts";
import type { StateMachine } from "../core/replication.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { Log } from "../ports/log.ts";
import type { Transport } from "../ports/transport.ts";
import type { PeerAddress } from "./cluster/links.ts";

/** The parts of a server that are not its own. */
export interface ServerParts {
  /** Opens the folder of the data. */
  readonly openDisk: (path: string) => Disk;
  readonly clock: Clock;
  /** Puts something around the log. */
  readonly aroundLog: (log: Log) => Log;
  /** Puts something around the machine that the replication protocol applies commands to. */
  readonly aroundMachine: (machine: StateMachine) => StateMachine;
  /** Puts something around the way to the other replicas. */
  readonly aroundTransport: (transport: Transport) => Transport;
  /** Where another replica is called, which need not be where it says that it is. */
  readonly route: (peer: PeerAddress) => PeerAddress;
}

/** The parts that the system has. */
export const SYSTEM_PARTS: ServerParts = {
  openDisk: openNodeDisk,
  clock: systemClock,
  aroundLog: (log) => log,
  aroundMachine: (machine) => machine,
  aroundTransport: (transport) => transport,
  route: (peer) => peer,
};
