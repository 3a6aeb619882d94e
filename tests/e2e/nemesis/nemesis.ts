/**
 * Breaks things, one after the other or together, as a seed says, and mends them again.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Dice, type Fault, type FaultKind, faultsFor } from "./faults.ts";
import type { TestedReplicas } from "./tested_replicas.ts";

/** What was done, and when. Times are those of `Date.now()`. */
export interface Deed {
  readonly kind: string;
  readonly text: string;
  readonly begun_ms: number;
  healed_ms: number;
}

/** What a nemesis is like. */
export interface NemesisOptions {
  readonly dice: Dice;
  /** The kinds it chooses from. @default all that fit the replication */
  readonly kinds?: readonly FaultKind[];
  /** How often a second fault begins while the first lasts. @default 0.3 */
  readonly together?: number;
  /** The longest pause between two faults, in milliseconds. @default 1500 */
  readonly pause_ms?: number;
  /** Told of every fault. */
  readonly onDeed?: (deed: Deed) => void;
}

/** Breaks things until it is told to stop. */
export class Nemesis {
  readonly deeds: Deed[] = [];
  readonly #replicas: TestedReplicas;
  readonly #options: NemesisOptions;
  readonly #kinds: readonly FaultKind[];
  readonly #bag: FaultKind[] = [];
  #isStopping = false;
  readonly #running: Promise<void>;

  constructor(replicas: TestedReplicas, options: NemesisOptions) {
    this.#replicas = replicas;
    this.#options = options;
    this.#kinds = options.kinds ?? faultsFor(replicas.options.replication);
    this.#running = this.#run();
    // Seen by stop.
    this.#running.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { dice, together = 0.3, pause_ms = 1500 } = this.#options;
    while (!this.#isStopping) {
      await sleep(pause_ms * dice.next());
      if (this.#isStopping) return;
      const kind = this.#draw();
      const first = this.#do(kind);
      const gentle = this.#kinds.filter(({ company, name }) => company === "gentle" && name !== kind.name);
      const isTogether = kind.company !== "alone" && this.#replicas.ids.length >= 5 && dice.next() < together;
      const second = isTogether && gentle.length > 0
        ? this.#do(gentle[Math.floor(dice.next() * gentle.length)]!)
        : Promise.resolve();
      await Promise.all([first, second]);
    }
  }

  /** Every kind comes once before any comes again. */
  #draw(): FaultKind {
    if (this.#bag.length === 0) this.#bag.push(...this.#kinds);
    return this.#bag.splice(Math.floor(this.#options.dice.next() * this.#bag.length), 1)[0]!;
  }

  async #do(kind: FaultKind): Promise<void> {
    const { dice } = this.#options;
    const [least, most] = kind.lasts_ms;
    const begun_ms = Date.now();
    const fault: Fault = await kind.begin(this.#replicas, dice);
    const deed: Deed = { kind: kind.name, text: fault.text, begun_ms, healed_ms: Number.POSITIVE_INFINITY };
    this.deeds.push(deed);
    this.#options.onDeed?.(deed);
    await sleep(least + (most - least) * dice.next());
    await fault.heal();
    deed.healed_ms = Date.now();
  }

  /** Lets what goes on come to its end, and begins nothing more. Rejects with what went wrong in healing. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }
}
