/**
 * The network: what it does to a message on its way from one end to another.
 *
 * Ends are numbers: servers from 0 on, clients after them. Every ordered pair of ends is a link with its own delay,
 * loss and duplication, drawn from the seed and the pair alone. Partitions and clogs lie over that.
 *
 * @module
 */
import type { FaultKind } from "./faults.ts";
import type { SimRandom } from "./sim_random.ts";
import type { Trace } from "./trace.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** One end of a link: a server's number, or that of a client after all servers. */
export type EndId = number;

/** How a link treats what passes. */
export interface Link {
  readonly from: EndId;
  readonly to: EndId;
  /** The least time on the way, and how much is left to chance, in microseconds. */
  delay_us: number;
  jitter_us: number;
  /** The probability that a message takes ten times as long. */
  straggling: number;
  loss: number;
  duplication: number;
  /** Nothing passes before this time; then everything does. */
  cloggedUntil_us: number;
  /** What the receiver needs for each message before it takes the next. */
  slow_us: number;
  /** When a slow receiver takes the next message of those that travel alone. */
  busyUntil_us: number;
}

/** The fate of one copy of a message, decided by hand in a scenario. */
export interface HeldMessage {
  readonly from: EndId;
  readonly to: EndId;
  /** What it is, for people. */
  readonly what: string;
  deliver(): void;
  drop(): void;
}

/** A message that is being sent, as a scenario sees it. */
export interface MessageView {
  readonly from: EndId;
  readonly to: EndId;
  /** What it is, for people. */
  readonly what: string;
}

/** What becomes of a message that is sent. */
export type Fate = "pass" | "hold" | "lose";

/** What a network is made of. */
export interface NetworkOptions {
  readonly time: VirtualTime;
  readonly trace: Trace;
  readonly random: SimRandom;
  /** How many ends are servers. */
  readonly replicas: number;
  /** Is told of each fault that strikes. */
  readonly count: (kind: FaultKind) => void;
}

/** The ranges from which each link draws what it is like. */
export interface Weather {
  /** The highest probability of a loss. */
  readonly loss: number;
  /** The highest probability of a duplicate. */
  readonly duplication: number;
  /** The highest extra delay in microseconds, and the highest probability of a straggler. */
  readonly jitter_us: number;
  readonly straggling: number;
}

const CALM: Weather = { loss: 0, duplication: 0, jitter_us: 0, straggling: 0 };
const DELAY_US = 150;
const JITTER_US = 100;
/** How long a connection waits before it sends again what was lost. */
export const RETRANSMIT_US = 40_000;

/** A slow receiver is not further behind than this with messages that travel alone: queues are bounded. */
const MAX_QUEUE_US = 500_000;

/** Links between all ends. */
export class Network {
  readonly time: VirtualTime;
  readonly trace: Trace;
  readonly replicas: number;
  #random: SimRandom;
  #fates: SimRandom;
  #count: (kind: FaultKind) => void;
  #weather: Weather = CALM;
  #links = new Map<number, Link>();
  #isCut: ((from: EndId, to: EndId) => boolean) | null = null;
  #onHeal: (() => void)[] = [];
  #held: HeldMessage[] = [];
  /** What a scenario says of messages that are sent; null lets all of them go. */
  #rule: ((message: MessageView) => Fate) | null = null;

  /** A calm network. */
  constructor(options: NetworkOptions) {
    this.time = options.time;
    this.trace = options.trace;
    this.replicas = options.replicas;
    this.#random = options.random;
    this.#fates = options.random.fork("fates");
    this.#count = options.count;
  }

  /** Draws every link anew, from these ranges. */
  set weather(weather: Weather) {
    this.#weather = weather;
    for (const link of this.#links.values()) this.#draw(link);
  }

  /** The link from one end to another. */
  link(from: EndId, to: EndId): Link {
    const index = from * 65_536 + to;
    let link = this.#links.get(index);
    if (link === undefined) {
      link = {
        from,
        to,
        delay_us: DELAY_US,
        jitter_us: 0,
        straggling: 0,
        loss: 0,
        duplication: 0,
        cloggedUntil_us: 0,
        slow_us: 0,
        busyUntil_us: 0,
      };
      this.#draw(link);
      this.#links.set(index, link);
    }
    return link;
  }

  #draw(link: Link): void {
    const random = this.#random.fork(`link ${link.from} ${link.to}`);
    const weather = this.#weather;
    link.delay_us = DELAY_US + Math.floor(random.next() * weather.jitter_us * 0.2);
    link.jitter_us = JITTER_US + Math.floor(random.next() * weather.jitter_us);
    // Most links are well and some are bad: squares lean to the low end of the range.
    link.loss = random.next() ** 2 * weather.loss;
    link.duplication = random.next() ** 2 * weather.duplication;
    link.straggling = random.next() * weather.straggling;
  }

  /** Every link that has been used. */
  get links(): Iterable<Link> {
    return this.#links.values();
  }

  /** The name of an end, for people: servers count from 1, clients are c1, c2, …. */
  nameOf(end: EndId): string {
    return end < this.replicas ? String(end + 1) : `c${end - this.replicas + 1}`;
  }

  /** Cuts links, in place of those that were cut before. */
  cut(isCut: (from: EndId, to: EndId) => boolean): void {
    this.#isCut = isCut;
    this.#healed();
  }

  /** Ends partitions. */
  heal(): void {
    this.#isCut = null;
    this.#healed();
  }

  #healed(): void {
    const waiting = this.#onHeal;
    this.#onHeal = [];
    for (const resume of waiting) resume();
  }

  /** Whether nothing passes. */
  isCut(from: EndId, to: EndId): boolean {
    return this.#isCut !== null && this.#isCut(from, to);
  }

  /** Calls back when links change. */
  whenChanged(resume: () => void): void {
    this.#onHeal.push(resume);
  }

  /** Decides by a rule of a scenario what becomes of every message from now on; null lets all of them go. */
  obey(rule: ((message: MessageView) => Fate) | null): void {
    this.#rule = rule;
  }

  /** Keeps every message from now on until a scenario decides; `false` lets all of them go on. */
  hold(isHeld: boolean): void {
    this.obey(isHeld ? () => "hold" : null);
    if (!isHeld) this.release();
  }

  /** Lets the messages go on that wait for a decision. */
  release(): void {
    for (const message of [...this.#held]) message.deliver();
  }

  /** The messages that wait for a decision, in the order in which they were sent. */
  get held(): readonly HeldMessage[] {
    return this.#held;
  }

  /** Whether somebody reads what messages are: a scenario, or a trace that is kept as text. */
  get isWatched(): boolean {
    return this.#rule !== null || this.trace.isKept;
  }

  /** How long a message takes from now on, in microseconds. */
  transit_us(link: Link): number {
    const random = this.#fates;
    let delay_us = link.delay_us + random.below(link.jitter_us + 1);
    if (link.straggling > 0 && random.chance(link.straggling)) {
      this.#count("delay");
      delay_us *= 10;
    }
    const clog_us = link.cloggedUntil_us - this.time.now_us;
    return clog_us > delay_us ? clog_us : delay_us;
  }

  /** How long a message takes that travels alone, when it takes `transit_us` to a receiver that is not slow. */
  queue_us(link: Link, transit_us: number): number {
    if (link.slow_us === 0) return transit_us;
    const now_us = this.time.now_us;
    const arrival_us = Math.max(now_us + transit_us, Math.min(link.busyUntil_us + link.slow_us, now_us + MAX_QUEUE_US));
    link.busyUntil_us = arrival_us;
    return arrival_us - now_us;
  }

  /** Whether this message is lost. */
  isLost(link: Link): boolean {
    if (link.loss === 0 || !this.#fates.chance(link.loss)) return false;
    this.#count("loss");
    return true;
  }

  /**
   * Sends a message that may be lost, repeated and overtaken. `what` says for people what it is, and `digest` stands
   * for its content in the trace. `words` say more for people than `what`, and are not part of the trace's hash.
   */
  sendLoose(from: EndId, to: EndId, what: string, digest: number, deliver: () => void, words: string = what): void {
    const link = this.link(from, to);
    const arrive = (): void => {
      if (this.isCut(from, to)) {
        this.trace.append("cut", this.nameOf(from), this.nameOf(to), what);
        this.trace.reword(words);
        return;
      }
      this.trace.append("deliver", this.nameOf(from), this.nameOf(to), what, digest);
      this.trace.reword(words);
      deliver();
    };
    if (this.#hold(from, to, words, arrive, () => {})) return;
    let copies = 1;
    if (link.duplication > 0 && this.#fates.chance(link.duplication)) {
      this.#count("duplication");
      copies = 2;
    }
    for (let i = 0; i < copies; i++) {
      if (this.isLost(link)) {
        this.trace.append("lose", this.nameOf(from), this.nameOf(to), what);
        this.trace.reword(words);
      } else this.time.after(this.queue_us(link, this.transit_us(link)), arrive);
    }
  }

  /** Leaves a message to a scenario, if there is one; whether it did. */
  holdFor(from: EndId, to: EndId, what: string, deliver: () => void, drop: () => void): boolean {
    return this.#hold(from, to, what, deliver, drop);
  }

  #hold(from: EndId, to: EndId, what: string, deliver: () => void, drop: () => void): boolean {
    const fate = this.#rule?.({ from, to, what }) ?? "pass";
    if (fate === "pass") return false;
    const lose = (): void => {
      this.trace.append("drop", this.nameOf(from), this.nameOf(to), what);
      drop();
    };
    if (fate === "lose") {
      lose();
      return true;
    }
    const held = this.#held;
    const message: HeldMessage = {
      from,
      to,
      what,
      deliver: () => {
        remove(held, message);
        deliver();
      },
      drop: () => {
        remove(held, message);
        lose();
      },
    };
    held.push(message);
    return true;
  }
}

function remove(held: HeldMessage[], message: HeldMessage): void {
  const index = held.indexOf(message);
  if (index >= 0) held.splice(index, 1);
}
