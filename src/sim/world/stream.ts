/**
 * A connection of two ends over the simulated network: what is sent arrives once and in order, late when the link
 * loses it, and not at all once the connection is broken.
 *
 * It breaks when a process at one end dies, when something could not be delivered for too long, or when a fault
 * breaks it. Each end learns of that for itself, and maybe much later than the other.
 *
 * @module
 */
import { type EndId, type Network, RETRANSMIT_US } from "./network.ts";
import type { SimRandom } from "./sim_random.ts";

/** What an end of a stream tells its owner. */
export interface StreamOwner<Message> {
  /** A message arrived. Called in a turn of the owner's process. */
  onMessage(message: Message): void;
  /** The connection is gone. Nothing more is called. */
  onBroken(reason: string): void;
  /** Runs something as a turn of the owner's process: never, if that is dead. */
  run(turn: () => void): void;
}

/** How long what is sent may be undeliverable before the sender gives the connection up, in microseconds. */
const GIVE_UP_US = 4_000_000;

interface Parcel<Message> {
  readonly message: Message;
  readonly what: string;
  readonly digest: number;
}

/** One end of a stream. */
export class StreamEnd<Message> {
  readonly id: EndId;
  #network: Network;
  #owner: StreamOwner<Message>;
  /** Null until the ends are joined: then there is nobody to tell anything. */
  #other: StreamEnd<Message> | null = null;
  #isOpen = true;
  /** What was sent and has not arrived, in order. */
  #underway: Parcel<Message>[] = [];
  #lastArrival_us = 0;
  #stalledSince_us = -1;

  constructor(id: EndId, network: Network, owner: StreamOwner<Message>) {
    this.id = id;
    this.#network = network;
    this.#owner = owner;
  }

  /** Joins two ends. */
  static join<Message>(a: StreamEnd<Message>, b: StreamEnd<Message>): void {
    a.#other = b;
    b.#other = a;
  }

  /** Whether this end knows of no reason why not to send. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** How many messages are on their way to the other end. */
  get underway(): number {
    return this.#underway.length;
  }

  /** Sends a message. */
  send(message: Message, what: string, digest: number): void {
    const other = this.#other;
    if (!this.#isOpen || other === null) return;
    const network = this.#network;
    const parcel: Parcel<Message> = { message, what, digest };
    this.#underway.push(parcel);
    const arrive = (): void => this.#arrive(other, parcel);
    if (network.holdFor(this.id, other.id, what, arrive, () => this.#dropParcel(parcel))) return;
    network.time.at(this.#arrivalTime(other), arrive);
  }

  /** A scenario lost a message: the connection cannot go on without it. */
  #dropParcel(parcel: Parcel<Message>): void {
    const index = this.#underway.indexOf(parcel);
    if (index < 0) return;
    this.#underway.splice(index, 1);
    this.snap("a message was lost for good");
  }

  #arrivalTime(other: StreamEnd<Message>): number {
    const network = this.#network;
    const link = network.link(this.id, other.id);
    let at_us = network.time.now_us + network.transit_us(link);
    for (let tries = 0; tries < 6 && network.isLost(link); tries++) at_us += RETRANSMIT_US << tries;
    at_us = Math.max(at_us, this.#lastArrival_us + link.slow_us);
    this.#lastArrival_us = at_us;
    return at_us;
  }

  #arrive(other: StreamEnd<Message>, parcel: Parcel<Message>): void {
    const network = this.#network;
    // What comes after something that is stalled is delivered with it.
    if (this.#stalledSince_us >= 0 || !this.#underway.includes(parcel)) return;
    if (network.isCut(this.id, other.id)) {
      this.#stall(other);
      return;
    }
    this.#deliverUpTo(other, parcel);
  }

  #deliverUpTo(other: StreamEnd<Message>, parcel: Parcel<Message>): void {
    for (;;) {
      const next = this.#underway.shift();
      if (next === undefined) return;
      this.#deliver(other, next);
      if (next === parcel) return;
    }
  }

  #deliver(other: StreamEnd<Message>, parcel: Parcel<Message>): void {
    const network = this.#network;
    if (!other.#isOpen) return;
    const { what, digest } = parcel;
    network.trace.append("deliver", network.nameOf(this.id), network.nameOf(other.id), what, digest);
    other.#owner.run(() => {
      if (other.#isOpen) other.#owner.onMessage(parcel.message);
    });
  }

  /** The link is cut: tries again when that changes, and gives up after a while. */
  #stall(other: StreamEnd<Message>): void {
    if (this.#stalledSince_us >= 0) return;
    const network = this.#network;
    const since_us = network.time.now_us;
    this.#stalledSince_us = since_us;
    const resume = (): void => {
      if (this.#stalledSince_us !== since_us || this.#underway.length === 0) return;
      if (network.isCut(this.id, other.id)) {
        network.whenChanged(resume);
        return;
      }
      this.#stalledSince_us = -1;
      network.time.at(this.#arrivalTime(other), () => {
        const last = this.#underway.at(-1);
        if (last === undefined || this.#stalledSince_us >= 0) return;
        if (network.isCut(this.id, other.id)) this.#stall(other);
        else this.#deliverUpTo(other, last);
      });
    };
    network.whenChanged(resume);
    network.time.after(GIVE_UP_US, () => {
      if (this.#stalledSince_us !== since_us) return;
      this.snap("nothing got through for too long");
    });
  }

  /** Closes this end. What was sent still arrives, and then the other end learns of it. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#tellOther("the other end closed the connection");
  }

  /** The process at this end has died. Its machine says so to the other end, or stays silent when it died too. */
  die(isSilent: boolean): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    // What has left the machine may still arrive; what waits to be sent again does not.
    if (this.#stalledSince_us >= 0) this.#underway = [];
    const other = this.#other;
    if (other === null) return;
    if (isSilent) this.#network.time.after(GIVE_UP_US, () => other.#break("the other end is gone"));
    else this.#tellOther("connection reset");
  }

  /** Breaks the connection: this end learns of it now. */
  snap(reason: string): void {
    if (!this.#isOpen) return;
    this.#underway = [];
    this.#break(reason);
    this.#tellOther("connection reset");
  }

  #tellOther(reason: string): void {
    const network = this.#network;
    const other = this.#other;
    if (other === null || !other.#isOpen) return;
    const tell = (): void => {
      if (!other.#isOpen) return;
      if (network.isCut(this.id, other.id)) network.time.after(GIVE_UP_US, () => other.#break(reason));
      else other.#break(reason);
    };
    network.time.at(this.#arrivalTime(other), tell);
  }

  #break(reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#network.trace.append("break", this.#network.nameOf(this.id), reason);
    this.#owner.run(() => this.#owner.onBroken(reason));
  }
}

/** Breaks one of `ends`, drawn from those that are open; whether there was one. */
export function snapOne(
  ends: readonly { readonly isOpen: boolean; snap(reason: string): void }[],
  random: SimRandom,
): boolean {
  const open = ends.filter((end) => end.isOpen);
  if (open.length === 0) return false;
  random.pick(open).snap("the connection broke");
  return true;
}
