/**
 * Begins what a plan says, and keeps the order of one connection's commands: a read behind unfinished writes
 * goes through the log like them; a write behind a read whose barrier is under way must wait, or the read could
 * see it.
 *
 * @module
 */
import { KvError } from "../../core/errors.ts";
import { type Command, isRead, type ReadOperation } from "../../core/kv/command.ts";
import { checkCommand } from "../../core/kv/limits.ts";
import type { Service } from "../service.ts";
import type { Plan } from "./command_spec.ts";
import { ReadGate } from "./read_gate.ts";
import type { Slot } from "./reply_queue.ts";

/**
 * The most reads of one connection in the log at once: their results are copies that wait in memory. More of
 * them wait for the writes to finish, and then need no log.
 */
const MAX_LOGGED_READS = 128;

/** Plans that touch the store. */
export type StorePlan = Exclude<Plan, { readonly kind: "local" | "wait" }>;

/** What a runner needs of its connection. */
export interface SlotOwner {
  /** How many replies are owed. */
  unfinished(): number;
  /** Owes the reply of the present command. */
  begin(): Slot;
  /** The slot is filled: its reply is ready. */
  finish(slot: Slot): void;
  /** Whether the client takes stale reads. */
  isStale(): boolean;
}

/** Runs the plans of one connection. */
export class PlanRunner {
  /** The barriers of the present turn. */
  readonly gate: ReadGate;
  readonly #service: Service;
  readonly #owner: SlotOwner;
  #unfinishedReads = 0;
  #unfinishedWrites = 0;
  /** Reads that went through the log since it was last empty of this connection's commands. */
  #loggedReads = 0;

  constructor(service: Service, owner: SlotOwner) {
    this.gate = new ReadGate(service.replication, () => owner.isStale() && service.mayReadStale());
    this.#service = service;
    this.#owner = owner;
  }

  /** How many reads wait for their barrier. While there are any, no write may begin. */
  get unfinishedReads(): number {
    return this.#unfinishedReads;
  }

  /** Begins what `plan` says; false, and nothing has happened, when it must wait. */
  run(plan: StorePlan): boolean {
    if (plan.kind === "inspect") {
      if (this.#owner.unfinished() > 0) return false;
      const slot = this.#owner.begin();
      // It looks when its reply is written; what is behind it must not have looked before, at an older state.
      slot.changesClient = true;
      this.#read(slot, null, () => slot.run = plan.run);
      return true;
    }
    const command = plan.kind === "operation" ? plan.operation : plan.command;
    const reads = isRead(command) && this.#unfinishedWrites === 0;
    if (!reads && this.#unfinishedReads > 0) return false;
    if (!reads && isRead(command)) {
      if (this.#loggedReads >= MAX_LOGGED_READS) return false;
      this.#loggedReads++;
    }
    const slot = this.#owner.begin();
    if (plan.kind === "encoded") {
      slot.form = "encoded";
      if (!this.#keepsLimits(slot, command)) return true;
      if (plan.isStale && this.#service.mayReadStale()) {
        slot.bytes = this.#service.store.query(plan.bytes);
        this.#owner.finish(slot);
      } else if (reads) this.#query(slot, command, plan.bytes);
      else this.#propose(slot, plan.bytes);
      return true;
    }
    slot.reply = plan.reply;
    slot.changesClient = plan.kind === "operation" && plan.changesClient === true;
    if (!reads) this.#write(slot, command);
    else if (this.#keepsLimits(slot, command)) {
      this.#read(slot, this.#service.keysOf(command), () => slot.result = this.#service.store.read(command));
    }
    return true;
  }

  /**
   * Begins a put without conditions or expiry, from the bytes of the request; false, and nothing has happened,
   * when it must wait or breaks a limit.
   */
  put(source: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): boolean {
    if (this.#unfinishedReads > 0 || !this.#service.mayPut(keyEnd - keyStart, valueEnd - valueStart)) return false;
    const slot = this.#owner.begin();
    slot.form = "put";
    this.#unfinishedWrites++;
    this.#service.put(source, keyStart, keyEnd, valueStart, valueEnd, (error, result) => {
      this.#endWrite();
      slot.error = error;
      slot.bytes = result;
      this.#owner.finish(slot);
    });
    return true;
  }

  /** Fills `slot` by `read` behind a barrier. `keys` are those that it reads; null for all. */
  #read(slot: Slot, keys: readonly string[] | null, read: () => void): void {
    if (this.gate.straight(keys)) {
      read();
      this.#owner.finish(slot);
    } else this.#wait(slot, read);
  }

  /** After the gate has said no. */
  #wait(slot: Slot, read: () => void): void {
    this.#unfinishedReads++;
    this.gate.wait((error) => {
      this.#unfinishedReads--;
      slot.error = error;
      if (error === null) read();
      this.#owner.finish(slot);
    });
  }

  #query(slot: Slot, command: ReadOperation, bytes: Uint8Array): void {
    const { store } = this.#service;
    if (this.gate.straight(this.#service.keysOf(command))) {
      slot.bytes = store.query(bytes);
      this.#owner.finish(slot);
      return;
    }
    const kept = bytes.slice();
    this.#wait(slot, () => slot.bytes = store.query(kept));
  }

  #write(slot: Slot, command: Command): void {
    this.#unfinishedWrites++;
    this.#service.write(command, (error, result) => {
      this.#endWrite();
      slot.error = error;
      slot.result = result;
      this.#owner.finish(slot);
    });
  }

  /** As {@link #write}, without a second encoding. */
  #propose(slot: Slot, bytes: Uint8Array): void {
    this.#unfinishedWrites++;
    this.#service.replication.propose(bytes, (error, result) => {
      this.#endWrite();
      slot.error = error;
      slot.bytes = result;
      this.#owner.finish(slot);
    });
  }

  #endWrite(): void {
    this.#unfinishedWrites--;
    if (this.#unfinishedWrites === 0) this.#loggedReads = 0;
  }

  #keepsLimits(slot: Slot, command: Command): boolean {
    try {
      checkCommand(command, this.#service.store.limits);
      return true;
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      slot.error = error;
      this.#owner.finish(slot);
      return false;
    }
  }
}
