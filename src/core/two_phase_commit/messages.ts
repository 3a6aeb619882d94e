/**
 * What replicas say to one another. All of it may be lost, repeated, reordered and late; a receiver goes by the id of the
 * transaction and by what its log says of it.
 *
 * @module
 */
import type { Age, TransactionId } from "./transaction_id.ts";

/** The first byte of a message. Never reused for something else. */
export const MESSAGE = {
  prepare: 1,
  vote: 2,
  waiting: 3,
  wound: 4,
  go: 5,
  abort: 6,
  acknowledge: 7,
  inquire: 8,
} as const;

/** Coordinator to participants: can you commit this? */
export interface Prepare {
  readonly type: typeof MESSAGE.prepare;
  readonly id: TransactionId;
  readonly age: Age;
  /** The wall time that is stamped on the command. */
  readonly time: number;
  readonly command: Uint8Array;
}

/** A yes, durable, with locks held; there is no no: who cannot vote yet waits. Repeated, it asks for the outcome. */
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

/** A participant in doubt asks another one whether it knows the outcome. */
export interface Inquire {
  readonly type: typeof MESSAGE.inquire;
  readonly id: TransactionId;
}

/** Any message. */
export type Message = Prepare | Vote | Waiting | Wound | Go | Abort | Acknowledge | Inquire;
