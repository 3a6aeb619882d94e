/**
 * Lets the roles of a replica crash at random times and starts them again, for drills: what the protocol promises
 * must hold all the while.
 *
 * Each role has a life of its own: up for a while drawn from `every`, down for a while drawn from `lasting`. The draws
 * are seeded, so that a drill can be repeated; the moments at which messages arrive cannot.
 *
 * @module
 */
import type { Role } from "../../core/replication.ts";
import type { Clock, Timer } from "../../ports/clock.ts";

/** From the shortest to the longest, in milliseconds. */
export interface DurationRange {
  /** The shortest. */
  readonly least_ms: number;
  /** The longest. */
  readonly most_ms: number;
}

/** Which roles fail, and when. */
export interface RoleFailureOptions {
  /** The roles that crash. */
  readonly roles: readonly Role[];
  /** How long a role works before it crashes. */
  readonly every: DurationRange;
  /** How long it is down. */
  readonly lasting: DurationRange;
  /** Decides the times, from 0 to 2^32 − 1. */
  readonly seed: number;
}

/** What can be done to the roles of a replica. */
export interface FallibleRoles {
  crashRole(role: Role): void;
  restartRole(role: Role): void;
}

/** A drill, while it lasts. */
export class RoleFailures {
  readonly #clock: Clock;
  readonly #replica: FallibleRoles;
  readonly #timers = new Map<Role, Timer>();
  #isClosed = false;

  /** Begins at once. */
  constructor(replica: FallibleRoles, options: RoleFailureOptions, clock: Clock) {
    this.#replica = replica;
    this.#clock = clock;
    for (const [index, role] of options.roles.entries()) {
      this.#up(role, options, splitMix32(options.seed + Math.imul(index + 1, 0x9e3779b9)));
    }
  }

  /** Lets nothing crash any more. What is down stays down. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  #up(role: Role, options: RoleFailureOptions, draw: () => number): void {
    this.#after(role, within(options.every, draw()), () => {
      this.#replica.crashRole(role);
      this.#after(role, within(options.lasting, draw()), () => {
        this.#replica.restartRole(role);
        this.#up(role, options, draw);
      });
    });
  }

  #after(role: Role, delay_ms: number, act: () => void): void {
    if (!this.#isClosed) this.#timers.set(role, this.#clock.after(delay_ms, act));
  }
}

function within({ least_ms, most_ms }: DurationRange, share: number): number {
  return least_ms + (most_ms - least_ms) * share;
}

/** Numbers in [0, 1) from a seed: the finalizer of MurmurHash3 over a Weyl sequence. */
function splitMix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}
