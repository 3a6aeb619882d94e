/**
 * A check of real servers that may go on for days: clients do operations on a few subjects at a time, and each subject
 * is given up for a new one before its history becomes long, and is judged at once.
 *
 * Invariants: every operation belongs to one subject and every subject is judged once nothing is under way on it, so
 * nothing that was answered goes unjudged; what is kept in memory are the histories of the subjects in use and of a
 * sample of those before them, which are read again at the end, so that what is lost late shows, too. (That sample is
 * drawn by chance, as is which subject makes room, so that early ones stay for as long as late ones come.)
 *
 * @module
 */
import { keyFromText } from "../../codec/bytes.ts";
import { KvError } from "../../core/errors.ts";
import { describeViolation } from "../checker/describe.ts";
import type { HistoryEvent } from "../checker/history.ts";
import { drawViolation } from "../checker/picture.ts";
import type { Limits, Violation } from "../checker/verdict.ts";
import { type Attempt, Attempts } from "../run/attempts.ts";
import type { Classify } from "../run/outcome.ts";
import type { Dice } from "../run/workload.ts";
import type { Checking, Ended, Finding } from "./checking.ts";
import type { Kind, Mix, Step } from "./kind.ts";
import { classifyLive, type LiveActor } from "./live_client.ts";
import { Subject } from "./subject.ts";

/** What a live check is made of. */
export interface LiveCheckOptions {
  readonly kind: Kind;
  /** @default the kind's */
  readonly mix?: Mix;
  /** What every key begins with. */
  readonly prefix: string;
  /** How many subjects are in use at a time. */
  readonly subjects: number;
  /** How many operations are begun on a subject before another one takes its place; Infinity keeps it. @default 250 */
  readonly lifetime?: number;
  /** How many subjects of the past are kept, to be read again at the end. @default 50 */
  readonly kept?: number;
  /** In milliseconds, 0 at the start. */
  readonly clock: { monotonic(): number };
  /** Decides which subjects are kept. */
  readonly dice: Dice;
  /** @default classifyLive */
  readonly classify?: Classify;
  /** What a subject may cost when it is judged while the clients wait, and at the end. */
  readonly limits?: Partial<Record<"during" | "after", Omit<Limits, "clock">>>;
  /** Takes every event of every subject, in order. */
  readonly onEvent?: (event: HistoryEvent) => void;
}

const LIFETIME = 250;
const KEPT = 50;
/** Operations of unknown outcome are what makes a history hard to judge. */
const MOST_UNKNOWN = 12;
/** The subjects that were not decided while clients waited, and are tried again at the end. */
const MOST_OPEN_QUESTIONS = 20;
const DURING: Omit<Limits, "clock"> = { timeout_ms: 1000, configurations: 200_000 };
const AFTER: Omit<Limits, "clock"> = { timeout_ms: 30_000, configurations: 2_000_000 };

/** Operations of live clients, and what is wrong with what they were told. */
export class LiveCheck implements Checking {
  readonly kind: Kind;
  readonly #options: LiveCheckOptions;
  readonly #mix: Mix;
  readonly #attempts: Attempts;
  readonly #inUse: Subject[];
  readonly #kept: Subject[] = [];
  readonly #questions: Subject[] = [];
  #begun = 0;
  #events = 0;
  #retired = 0;
  #judged = 0;
  #undecided = 0;
  #found: Finding | null = null;

  constructor(options: LiveCheckOptions) {
    this.#options = options;
    this.kind = options.kind;
    this.#mix = options.mix ?? options.kind.mix;
    this.#attempts = new Attempts(options.clock, options.classify ?? classifyLive);
    this.#inUse = Array.from({ length: options.subjects }, () => this.#begin());
  }

  /** The first violation, null while there is none. */
  get found(): Finding | null {
    return this.#found;
  }

  /** How many subjects were judged, and of how many nobody knows whether they are right. */
  get judged(): number {
    return this.#judged;
  }

  /** How many subjects the checker could not decide within its limits. */
  get undecided(): number {
    return this.#undecided;
  }

  /** Does one operation for an actor, and judges the subject when it was the last one on it. */
  async step(actor: LiveActor): Promise<Ended> {
    const { dice } = actor;
    const at = Math.floor(dice.next() * this.#inUse.length);
    const subject = this.#inUse[at]!;
    const step = subject.course.next(dice);
    const doing = this.#perform(subject, actor, step);
    const { lifetime = LIFETIME } = this.#options;
    if (subject.begun >= lifetime || (subject.unknown >= MOST_UNKNOWN && lifetime < Infinity)) {
      subject.isRetired = true;
      if (this.#inUse[at] === subject) this.#inUse[at] = this.#begin();
    }
    const attempt = await doing;
    const isOver = subject.isRetired && subject.open === 0 && !subject.isClosing;
    if (isOver && this.#found === null) await this.#retire(subject, actor);
    return { attempt, isWrite: step.what.isWrite };
  }

  /** Reads every subject in use and every one that was kept once more, until one of them cannot be read. */
  async reread(actor: LiveActor): Promise<boolean> {
    for (const subject of this.#left()) {
      const { type } = await this.#perform(subject, actor, subject.course.read());
      if (type !== "ok") return false;
    }
    return true;
  }

  /** Judges all that is left, when nothing is under way any more. */
  finish(): Promise<void> {
    this.#judged += this.#inUse.filter(({ begun }) => begun > 0).length;
    this.#undecided -= this.#questions.length;
    const limits = { ...AFTER, ...this.#options.limits?.after, clock: this.#options.clock };
    for (const subject of new Set([...this.#questions, ...this.#left()])) {
      if (this.#found === null && !this.#judge(subject, limits)) this.#undecided++;
    }
    return Promise.resolve();
  }

  async clear(actor: LiveActor): Promise<void> {
    if (this.#found !== null) return;
    for (const subject of this.#left()) if (!await remove(subject, actor)) return;
  }

  /** The subjects that are in memory and were used. */
  #left(): Subject[] {
    return [...this.#kept, ...this.#inUse].filter(({ begun }) => begun > 0);
  }

  #begin(): Subject {
    const name = `${this.#options.prefix}${this.kind.name}-${++this.#begun}`;
    return new Subject(name, this.kind.begin(name, this.#mix));
  }

  #perform(subject: Subject, { id, client }: LiveActor, { what, run }: Step): Promise<Attempt<unknown>> {
    return this.#attempts.perform(id, {
      what,
      action: () => run(client),
      told: (answer) => answer,
      onEvent: (event) => {
        subject.add(event, ++this.#events);
        this.#options.onEvent?.(event);
      },
    });
  }

  async #retire(subject: Subject, actor: LiveActor): Promise<void> {
    subject.isClosing = true;
    // The last word on what it holds, when the writes are over.
    await this.#perform(subject, actor, subject.course.read());
    this.#judged++;
    const limits = { ...DURING, ...this.#options.limits?.during, clock: this.#options.clock };
    const isDecided = this.#judge(subject, limits);
    if (this.#found !== null) return;
    if (!isDecided) {
      this.#undecided++;
      if (this.#questions.length < MOST_OPEN_QUESTIONS) this.#questions.push(subject);
    }
    const leaving = this.#keep(subject);
    if (leaving !== null) await remove(leaving, actor);
  }

  /** Keeps a subject with the same chance as all before it (reservoir sampling); gives the one that is not kept. */
  #keep(subject: Subject): Subject | null {
    const { kept = KEPT, dice } = this.#options;
    this.#retired++;
    if (this.#kept.length < kept) {
      this.#kept.push(subject);
      return null;
    }
    const at = Math.floor(dice.next() * this.#retired);
    if (at >= kept) return subject;
    const leaving = this.#kept[at]!;
    this.#kept[at] = subject;
    return leaving;
  }

  /** Whether the checker could decide. */
  #judge(subject: Subject, limits: Limits): boolean {
    const verdict = subject.judge(this.kind.model, limits);
    if (verdict.verdict === "not linearizable") this.#found ??= findingOf(subject, verdict.violation);
    return verdict.verdict !== "undecided";
  }
}

function findingOf(subject: Subject, violation: Violation): Finding {
  const name = (event: number): string => subject.nameEvent(event);
  return {
    keys: violation.keys,
    lines: describeViolation(violation, name),
    page: drawViolation(subject.name, violation, name),
  };
}

/** Whether its keys are gone. A key that is left over does no harm; servers that are away have other troubles. */
async function remove(subject: Subject, { client }: LiveActor): Promise<boolean> {
  try {
    for (const key of subject.course.keys) {
      await client.write({ type: "delete", key: keyFromText(key), returnPrevious: false });
    }
    return true;
  } catch (error) {
    if (!(error instanceof KvError)) throw error;
    return false;
  }
}
