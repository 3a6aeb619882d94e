/**
 * When a participant asks for the outcomes of what it has voted for: a little after the vote, then less and less often, and
 * at once where somebody who may know has come back. All that is asked of a replica at a time is one message.
 *
 * @module
 */
import type { ReplicaId } from "../../ports/transport.ts";
import { backoff_ms } from "./backoff.ts";
import { type Inquire, MESSAGE } from "./messages.ts";
import type { TransactionId } from "./transaction_id.ts";

/** Of how many transactions one message asks. */
const MOST_IDS = 1000;

/** A transaction whose outcome is wanted. */
export interface Question {
  readonly id: TransactionId;
  /** Whether the vote can have left. */
  readonly isDurable: boolean;
  /** When it is asked next, by the monotonic clock. */
  askAt: number;
  /** How often it was asked. */
  asks: number;
}

/** What inquiries are made of. */
export interface InquiryOptions {
  readonly id: ReplicaId;
  readonly replicas: number;
  readonly send: (to: ReplicaId, message: Inquire) => void;
  /** How long after a vote its outcome is asked for. */
  readonly retry_ms: number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** Asks every other replica what is due. */
export function askDue(questions: Iterable<Question>, now: number, options: InquiryOptions): void {
  const { id, replicas, retry_ms, random } = options;
  const open = [...questions].filter(({ isDurable }) => isDurable);
  if (!open.some(({ askAt }) => askAt <= now)) return;
  // Those that are due soon go along: so that what was asked apart is asked together from then on.
  const due = open.filter(({ askAt, asks }) => askAt - now <= backoff_ms(retry_ms, asks, 0) / 4);
  // Replicas differ; what one asks together it goes on asking together.
  const spread = random();
  for (const question of due) {
    question.asks++;
    question.askAt = now + backoff_ms(retry_ms, question.asks, spread);
  }
  for (let to = 0; to < replicas; to++) if (to !== id) ask(due, to, options);
  // What this replica coordinates itself it answers itself.
  ask(due.filter((question) => question.id.coordinator === id), id, options);
}

/** Asks one replica about everything: it has come back and may know. */
export function askAll(questions: Iterable<Question>, to: ReplicaId, options: InquiryOptions): void {
  ask([...questions].filter(({ isDurable }) => isDurable), to, options);
}

function ask(questions: readonly Question[], to: ReplicaId, { send }: InquiryOptions): void {
  for (let at = 0; at < questions.length; at += MOST_IDS) {
    const ids = questions.slice(at, at + MOST_IDS).map(({ id }) => id);
    send(to, { type: MESSAGE.inquire, ids });
  }
}
