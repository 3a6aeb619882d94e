/**
 * What a check of live servers is to those who run it, whatever it checks.
 *
 * @module
 */
import type { Attempt } from "../run/attempts.ts";
import type { LiveActor } from "./live_client.ts";

/** Something that must never be, and was. */
export interface Finding {
  /** The keys concerned. */
  readonly keys: readonly string[];
  /** The explanation, for people. */
  readonly lines: readonly string[];
  /** The same as a page of HTML with a picture; null where there is nothing to draw. */
  readonly page: string | null;
}

/** An operation that has ended. */
export interface Ended {
  /** How. The value is null when it was refused by what it found. */
  readonly attempt: Attempt<unknown>;
  /** Whether it was meant to change something. */
  readonly isWrite: boolean;
}

/** A check under way. */
export interface Checking {
  /** What was found first; null while nothing is wrong. */
  readonly found: Finding | null;
  /** How many histories of their own were judged, and how many of them the checker could not decide. */
  readonly judged: number;
  readonly undecided: number;
  /** Does one operation for an actor. Rejects only with what no client may meet. */
  step(actor: LiveActor): Promise<Ended>;
  /** Reads what there is once more, by the actor's client; false once something could not be read. */
  reread(actor: LiveActor): Promise<boolean>;
  /** Judges what is left, when all operations have ended. */
  finish(): Promise<void>;
  /** Removes the keys that are left, as far as that can be done. Where something is wrong they stay. */
  clear(actor: LiveActor): Promise<void>;
}
