/**
 * The messages of Paxos in words, for traces and for scenarios that mean messages of a kind: the name of the message
 * first, then what tells it from others of its name.
 *
 * @module
 */
import { CodecError } from "../../codec/byte_reader.ts";
import { formatBallot } from "../../core/paxos/ballot.ts";
import { readMessage } from "../../core/paxos/message_codec.ts";
import { MESSAGE, type Message } from "../../core/paxos/messages.ts";

/** A frame between replicas in words, such as `Accept ballot=2.1 slot=7`. */
export function describePaxosFrame(frame: Uint8Array): string {
  let message: Message;
  try {
    message = readMessage(frame);
  } catch (error) {
    if (error instanceof CodecError) return "garbage";
    throw error;
  }
  return describeMessage(message);
}

function describeMessage(message: Message): string {
  switch (message.type) {
    case MESSAGE.hello:
      return "Hello";
    case MESSAGE.welcome:
      return `Welcome ${message.isKnown ? "known" : "unknown"}`;
    case MESSAGE.preVote:
      return `PreVote ballot=${formatBallot(message.ballot)}`;
    case MESSAGE.preVoteReply:
      return `PreVoteReply ballot=${formatBallot(message.ballot)} ${message.isGranted ? "granted" : "refused"}`;
    case MESSAGE.prepare:
      return `Prepare ballot=${formatBallot(message.ballot)} chosen=${message.chosen}`;
    case MESSAGE.promise: {
      const accepted = message.entries.map(({ slot, ballot }) => `${slot}@${formatBallot(ballot)}`).join(",");
      return `Promise ballot=${formatBallot(message.ballot)} chosen=${message.chosen} accepted=${accepted || "none"}`;
    }
    case MESSAGE.nack:
      return `Nack ballot=${formatBallot(message.ballot)} promised=${formatBallot(message.promised)}`;
    case MESSAGE.accept:
      return `Accept ballot=${formatBallot(message.ballot)} slot=${message.slot} chosen=${message.chosen}`;
    case MESSAGE.accepted:
      return `Accepted ballot=${formatBallot(message.ballot)} slots=${rangesOf(message.ranges)}`;
    case MESSAGE.heartbeat: {
      const slack = message.slack_ms === 0 ? "" : ` slack=${message.slack_ms}`;
      return `Heartbeat ballot=${formatBallot(message.ballot)} round=${message.round} chosen=${message.chosen}${slack}`;
    }
    case MESSAGE.heartbeatReply: {
      const lease = message.lease_ms === 0 ? "" : ` lease=${message.lease_ms}`;
      const ballot = formatBallot(message.ballot);
      return `HeartbeatReply ballot=${ballot} round=${message.round} chosen=${message.chosen}${lease}`;
    }
    case MESSAGE.forward:
      return `Forward number=${message.number}`;
    case MESSAGE.readRequest:
      return `ReadRequest id=${message.id}`;
    case MESSAGE.readReply:
      return `ReadReply id=${message.id} slot=${message.slot}`;
    case MESSAGE.learn:
      return `Learn slot=${message.slot}`;
    case MESSAGE.learned:
      return `Learned slot=${message.slot} values=${message.values.length} snapshot=${message.snapshot}`;
    case MESSAGE.fetchSnapshot:
      return `FetchSnapshot slot=${message.slot} part=${message.part}`;
    case MESSAGE.snapshotPart:
      return `SnapshotPart slot=${message.slot} part=${message.part}${message.isLast ? " last" : ""}`;
  }
}

/** First, last, first, last, … as `1-3,5`. */
function rangesOf(ends: readonly number[]): string {
  const parts: string[] = [];
  for (let at = 0; at + 1 < ends.length; at += 2) {
    parts.push(ends[at] === ends[at + 1] ? String(ends[at]) : `${ends[at]}-${ends[at + 1]}`);
  }
  return parts.join(",") || "none";
}
