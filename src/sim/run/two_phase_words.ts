/**
 * The messages of two-phase commit in words, for traces and for scenarios that mean messages of a kind.
 *
 * @module
 */
import { CodecError } from "../../codec/byte_reader.ts";
import { readFrame } from "../../core/two_phase_commit/message_codec.ts";
import { MESSAGE, type Message, type TransactionMessage } from "../../core/two_phase_commit/messages.ts";
import { formatId } from "../../core/two_phase_commit/transaction_id.ts";

/** A frame between replicas in words, such as `Go 1.1.7 timestamp=9, Prepare 1.1.8`. */
export function describeTwoPhaseFrame(frame: Uint8Array): string {
  try {
    return readFrame(frame).messages.map(describeMessage).join(", ");
  } catch (error) {
    if (error instanceof CodecError) return "garbage";
    throw error;
  }
}

function describeMessage(message: Message): string {
  switch (message.type) {
    case MESSAGE.hello:
      return "Hello";
    case MESSAGE.welcome:
      return `Welcome ${message.isKnown ? "known" : "unknown"}`;
    case MESSAGE.inquire:
      return `Inquire ${message.ids.map(formatId).join(" ")}`;
    default:
      return describeTransactionMessage(message);
  }
}

function describeTransactionMessage(message: TransactionMessage): string {
  const id = formatId(message.id);
  switch (message.type) {
    case MESSAGE.prepare:
      return `Prepare ${id}`;
    case MESSAGE.vote:
      return `Vote ${id} proposal=${message.proposal}`;
    case MESSAGE.waiting:
      return `Waiting ${id}`;
    case MESSAGE.wound:
      return `Wound ${id}`;
    case MESSAGE.go:
      return `Go ${id} timestamp=${message.timestamp}`;
    case MESSAGE.abort:
      return `Abort ${id}`;
    case MESSAGE.acknowledge:
      return `Acknowledge ${id}`;
  }
}
