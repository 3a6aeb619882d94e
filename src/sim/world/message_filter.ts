/**
 * Which messages a step of a scenario means: those of a kind, those of a link, or both.
 *
 * @module
 */
import type { MessageView } from "./network.ts";

/** Which messages are meant. */
export interface MessageFilter {
  /** Words that the message's description must all have; none of them leaves the kind open. */
  readonly words: readonly string[];
  /** The senders and receivers by name; null leaves them open. */
  readonly from: readonly string[] | null;
  readonly to: readonly string[] | null;
  /** Whether messages from a receiver to a sender are meant as well. */
  readonly isBothWays: boolean;
}

/** Whether a message is meant. `nameOf` gives the names of ends. */
export function matches(
  filter: MessageFilter,
  message: MessageView,
  nameOf: (end: number) => string,
): boolean {
  const { words, isBothWays } = filter;
  if (words.length > 0) {
    const said = message.what.split(" ");
    if (!words.every((word) => said.includes(word))) return false;
  }
  const [from, to] = [nameOf(message.from), nameOf(message.to)];
  const passes = (sender: string, receiver: string): boolean =>
    (filter.from?.includes(sender) ?? true) && (filter.to?.includes(receiver) ?? true);
  return passes(from, to) || (isBothWays && passes(to, from));
}

const ENDS = String.raw`(\*|c?\d+(?:\s*,\s*c?\d+)*)`;
const LINK = new RegExp(String.raw`(?:^|\s)${ENDS}\s*(→|->|↔|<->)\s*${ENDS}$`);

/**
 * Reads a filter: words, then a link such as `1→3`, `1→*`, `1,2→3` or `1↔3`, either of which may be missing. Null when
 * the text is none.
 */
export function parseFilter(text: string): MessageFilter | null {
  const link = LINK.exec(text);
  const words = (link === null ? text : text.slice(0, link.index)).trim().split(/\s+/).filter((word) => word !== "");
  if (words.some((word) => /^[^A-Za-z]/.test(word))) return null;
  const ends = (list: string | undefined): readonly string[] | null =>
    list === undefined || list === "*" ? null : list.split(/\s*,\s*/);
  const isBothWays = link?.[2] === "↔" || link?.[2] === "<->";
  return { words, from: ends(link?.[1]), to: ends(link?.[3]), isBothWays };
}

/** Whether a filter names one link, so that the first message there is meant rather than all. */
export function isOneLink({ from, to, isBothWays }: MessageFilter): boolean {
  return from?.length === 1 && to?.length === 1 && !isBothWays;
}
