/**
 * What replicas say to one another. Each message says which step of "Paxos Made Simple" (sections 2.2 and 3) it
 * belongs to. All of them may be lost, repeated, reordered and late; a receiver goes by the ballot in the message and
 * never by when it came.
 *
 * Slots count from 1. A *watermark* is the slot up to which a replica knows every value that was chosen.
 *
 * @module
 */
import type { Hello, Welcome } from "../membership.ts";
import type { Ballot } from "./ballot.ts";

/** The first byte of a message. Never reused for something else. */
export const MESSAGE = {
  hello: 1,
  welcome: 2,
  preVote: 3,
  preVoteReply: 4,
  prepare: 5,
  promise: 6,
  nack: 7,
  accept: 8,
  accepted: 9,
  heartbeat: 10,
  heartbeatReply: 11,
  forward: 12,
  readRequest: 13,
  readReply: 14,
  learn: 15,
  learned: 16,
  fetchSnapshot: 17,
  snapshotPart: 18,
} as const;

/** Asks whether a prepare with this ballot would be welcome, so that none disturbs a leader that works. */
export interface PreVote {
  readonly type: typeof MESSAGE.preVote;
  readonly ballot: Ballot;
}

/** Answers {@link PreVote}. */
export interface PreVoteReply {
  readonly type: typeof MESSAGE.preVoteReply;
  readonly ballot: Ballot;
  readonly isGranted: boolean;
  /** The highest ballot that the voter has seen. */
  readonly seen: Ballot;
  /** The voter's watermark. */
  readonly chosen: number;
}

/** Phase 1a, for every slot above the sender's watermark at once. */
export interface Prepare {
  readonly type: typeof MESSAGE.prepare;
  readonly ballot: Ballot;
  /** The sender's watermark, the same in every prepare of a ballot: of slots up to it nothing need be reported. */
  readonly chosen: number;
}

/** What an acceptor has accepted in a slot. */
export interface AcceptedEntry {
  readonly slot: number;
  readonly ballot: Ballot;
  readonly value: Uint8Array;
}

/**
 * Phase 1b: the promise to accept nothing below `ballot`, with what was accepted in the slots from `from` up to but
 * not including `to`. Large promises come in parts that follow one another; the last one has no end.
 */
export interface PromiseReply {
  readonly type: typeof MESSAGE.promise;
  readonly ballot: Ballot;
  readonly tag: number;
  /** The acceptor's watermark: all slots up to it are chosen, and left out here. */
  readonly chosen: number;
  readonly from: number;
  /** One past the last slot of this part; 0 when it tells of all slots from `from` on. */
  readonly to: number;
  readonly entries: readonly AcceptedEntry[];
}

/** Says no to a prepare, an accept or a heartbeat, because a higher ballot was promised. */
export interface Nack {
  readonly type: typeof MESSAGE.nack;
  /** The ballot that is refused. */
  readonly ballot: Ballot;
  readonly promised: Ballot;
}

/** Phase 2a: asks to accept a value in a slot. The bytes of this message are also the acceptor's log record. */
export interface Accept {
  readonly type: typeof MESSAGE.accept;
  readonly ballot: Ballot;
  readonly slot: number;
  /** The leader's watermark. */
  readonly chosen: number;
  readonly value: Uint8Array;
}

/** Phase 2b: the slots that were accepted and are durable, as ranges of first and last slot. */
export interface Accepted {
  readonly type: typeof MESSAGE.accepted;
  readonly ballot: Ballot;
  readonly tag: number;
  /** First, last, first, last, and so on. */
  readonly ranges: readonly number[];
}

/** From the leader: it lives, and everything up to `chosen` is chosen. Also a round that confirms its leadership. */
export interface Heartbeat {
  readonly type: typeof MESSAGE.heartbeat;
  readonly ballot: Ballot;
  /** Counts up within a ballot and is never reused; 0 asks for no answer. */
  readonly round: number;
  readonly chosen: number;
  /** For how long the acceptor may put off making durable what it accepts in this ballot, in whole milliseconds. */
  readonly slack_ms: number;
}

/** No higher ballot has been promised when this was sent. */
export interface HeartbeatReply {
  readonly type: typeof MESSAGE.heartbeatReply;
  readonly ballot: Ballot;
  readonly tag: number;
  readonly round: number;
  /** The follower's watermark. */
  readonly chosen: number;
  /** For how long it promises to make nobody else leader, in whole milliseconds; 0 for no such promise. */
  readonly lease_ms: number;
}

/** A batch of commands for the leader to propose. */
export interface Forward {
  readonly type: typeof MESSAGE.forward;
  /** Which life of the sender it belongs to. */
  readonly life: number;
  /** The batch's number in that life, from 1 on without gaps. */
  readonly number: number;
  /** The first number that the sender has not seen applied: what is below needs no proposal. */
  readonly first: number;
  readonly batch: Uint8Array;
}

/** Asks the leader for a slot which, once applied, makes a local read linearizable. */
export interface ReadRequest {
  readonly type: typeof MESSAGE.readRequest;
  readonly life: number;
  readonly id: number;
}

/** Answers {@link ReadRequest}, after a round that confirmed the leadership. */
export interface ReadReply {
  readonly type: typeof MESSAGE.readReply;
  readonly life: number;
  readonly id: number;
  readonly slot: number;
}

/** Asks for values that were chosen, from `slot` on. */
export interface Learn {
  readonly type: typeof MESSAGE.learn;
  readonly slot: number;
}

/** Values that were chosen, from `slot` on without gaps; none when the sender has not got that one. */
export interface Learned {
  readonly type: typeof MESSAGE.learned;
  readonly slot: number;
  readonly values: readonly Uint8Array[];
  /** The sender's watermark. */
  readonly chosen: number;
  /** The slot of the sender's snapshot, when `slot` is no longer in its log; else 0. */
  readonly snapshot: number;
}

/** Asks for a part of the stored snapshot. */
export interface FetchSnapshot {
  readonly type: typeof MESSAGE.fetchSnapshot;
  /** The slot of the snapshot that is being fetched; 0 for whichever there is. */
  readonly slot: number;
  /** The number of the part, from 0 on. */
  readonly part: number;
}

/** A part of a snapshot. */
export interface SnapshotPart {
  readonly type: typeof MESSAGE.snapshotPart;
  /** The snapshot's slot; 0 when there is none. */
  readonly slot: number;
  readonly part: number;
  readonly isLast: boolean;
  /** The CRC-32 of all parts up to and including this one. */
  readonly checksum: number;
  readonly bytes: Uint8Array;
}

/** Anything that replicas say. */
export type Message =
  | Hello
  | Welcome
  | PreVote
  | PreVoteReply
  | Prepare
  | PromiseReply
  | Nack
  | Accept
  | Accepted
  | Heartbeat
  | HeartbeatReply
  | Forward
  | ReadRequest
  | ReadReply
  | Learn
  | Learned
  | FetchSnapshot
  | SnapshotPart;
