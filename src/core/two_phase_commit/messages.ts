/**
 * What replicas say to one another. All of it may be lost, repeated, reordered and late; a receiver goes by the id of the
 * transaction and by what its log says of it.
 *
 * @module
 */
import type { Hello, Welcome } from "../membership.ts";
import type { Age, TransactionId } from "./transaction_id.ts";

/** The first byte of a message. Never reused for something else. */
export const MESSAGE = {
  hello: 1,
  welcome: 2,
  prepare: 3,
  vote: 4,
  waiting: 5,
  wound: 6,
  go: 7,
  abort: 8,
  acknowledge: 9,
  inquire: 10,
} as const;

/** Coordinator to participants: can you commit this? */
export interface Prepare {
  readonly type: typeof MESSAGE.prepare;
  readonly id: TransactionId;
  readonly age: Age;
  /** The wall time that is stamped on the commands. */
  readonly time: number;
  /** See `group.ts`. */
  readonly commands: Uint8Array;
}

/** A yes, durable, with locks held; there is no no: who cannot vote yet waits. */
export interface Vote {
  readonly type: typeof MESSAGE.vote;
  readonly id: TransactionId;
  /** The participant commits the transaction at no earlier time. */
  readonly proposal: number;
}

/** The participant is there and waits for locks. */
export interface Waiting {
  readonly type: typeof MESSAGE.waiting;
  readonly id: TransactionId;
}

/** Asks a coordinator to try `id` again, because it is in the way of an older transaction. */
export interface Wound {
  readonly type: typeof MESSAGE.wound;
  readonly id: TransactionId;
}

/** The decision to commit, durable at the coordinator, with the place of the transaction among all others. */
export interface Go {
  readonly type: typeof MESSAGE.go;
  readonly id: TransactionId;
  /** The highest of all proposals. */
  readonly timestamp: number;
}

/** The transaction was aborted, or is unknown to its coordinator, which is the same (presumed abort). */
export interface Abort {
  readonly type: typeof MESSAGE.abort;
  readonly id: TransactionId;
}

/** The commit is durable at the participant. */
export interface Acknowledge {
  readonly type: typeof MESSAGE.acknowledge;
  readonly id: TransactionId;
}

/**
 * A participant in doubt asks for outcomes: of coordinators, which know, and of other participants, which may. A {@link Go}
 * or an {@link Abort} for each that is known answers it.
 */
export interface Inquire {
  readonly type: typeof MESSAGE.inquire;
  readonly ids: readonly TransactionId[];
}

/** A message about one transaction. */
export type TransactionMessage = Prepare | Vote | Waiting | Wound | Go | Abort | Acknowledge;

/** Any message. */
export type Message = Hello | Welcome | TransactionMessage | Inquire;

/** What leaves for a replica at once. */
export interface Frame {
  /** Of the identity of the sender's log: what comes from another log than the one remembered is not heard. */
  readonly tag: number;
  readonly messages: readonly Message[];
}
