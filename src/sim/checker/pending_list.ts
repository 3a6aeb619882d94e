/**
 * The invocations and returns of the operations that have no place in the order yet, as a doubly linked list in
 * the order of the history (Wing and Gong), from which an operation is lifted when it is placed and to which it
 * is returned when the search goes back (Lowe). Beside it the list keeps what identifies a configuration: the
 * first return that is left, and which of the operations under way at that time are placed.
 *
 * @module
 */
import type { Problem } from "./problem.ts";

/** How many operations at a time one number can tell apart. */
const NARROW = 30;

/** The operations that are left. */
export class PendingList {
  /** Where every walk begins; its successor is the first event. */
  static readonly HEAD = 0;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** For each node the operation if it is an invocation, else -1. */
  readonly #invoked: Int32Array;
  readonly #callNodes: Int32Array;
  readonly #returnNodes: Int32Array;
  readonly #returns: Int32Array;
  readonly #placed: Uint8Array;
  /** For each operation a number that no other one under way at the same time has. */
  readonly #slots: Int32Array;
  readonly #words: Int32Array;
  readonly #wide: boolean;
  readonly #wideMasks = new Map<string, number>();
  #passed = 0;
  #left: number;

  constructor({ required, returns }: Problem) {
    const count = required.length;
    this.#left = count;
    this.#returns = returns;
    this.#placed = new Uint8Array(count);
    this.#next = new Int32Array(2 * count + 2);
    this.#previous = new Int32Array(2 * count + 2);
    this.#invoked = new Int32Array(2 * count + 2).fill(-1);
    this.#callNodes = new Int32Array(count);
    this.#returnNodes = new Int32Array(count);
    this.#slots = new Int32Array(count);
    const free: number[] = [];
    let slots = 0;
    let node = PendingList.HEAD;
    let called = 0;
    for (const returning of returns) {
      for (; called < count && required[called]!.invoke < required[returning]!.complete!; called++) {
        this.#callNodes[called] = ++node;
        this.#invoked[node] = called;
        this.#slots[called] = free.pop() ?? slots++;
      }
      this.#returnNodes[returning] = ++node;
      free.push(this.#slots[returning]!);
    }
    for (let i = 0; i <= node; i++) {
      this.#next[i] = i + 1;
      this.#previous[i + 1] = i;
    }
    this.#wide = slots > NARROW;
    this.#words = new Int32Array(Math.max(1, Math.ceil(slots / NARROW)));
  }

  /** How many operations are left. */
  get left(): number {
    return this.#left;
  }

  /** How many returns of the history are passed: all of their operations are placed. */
  get passed(): number {
    return this.#passed;
  }

  /** Which of the operations that are under way at the first return left are placed, as a number. */
  get mask(): number {
    if (!this.#wide) return this.#words[0]!;
    const name = this.#words.join(",");
    const known = this.#wideMasks.get(name);
    if (known !== undefined) return known;
    this.#wideMasks.set(name, this.#wideMasks.size);
    return this.#wideMasks.size - 1;
  }

  /** The first operation that may be placed next, or -1. */
  get first(): number {
    return this.#invoked[this.#next[PendingList.HEAD]!]!;
  }

  /** The operation after this one that may be placed next, or -1 when a return comes before. */
  after(operation: number): number {
    return this.#invoked[this.#next[this.#callNodes[operation]!]!]!;
  }

  /** Takes an operation out: it has its place. */
  lift(operation: number): void {
    this.#unlink(this.#callNodes[operation]!);
    this.#unlink(this.#returnNodes[operation]!);
    this.#placed[operation] = 1;
    this.#left--;
    this.#toggle(operation);
    while (this.#passed < this.#returns.length && this.#placed[this.#returns[this.#passed]!] === 1) {
      this.#toggle(this.#returns[this.#passed++]!);
    }
  }

  /** Puts the operation lifted last back; `passed` is what it was before. */
  unlift(operation: number, passed: number): void {
    while (this.#passed > passed) this.#toggle(this.#returns[--this.#passed]!);
    this.#toggle(operation);
    this.#left++;
    this.#placed[operation] = 0;
    this.#relink(this.#returnNodes[operation]!);
    this.#relink(this.#callNodes[operation]!);
  }

  #toggle(operation: number): void {
    const slot = this.#slots[operation]!;
    this.#words[Math.floor(slot / NARROW)]! ^= 1 << (slot % NARROW);
  }

  #unlink(node: number): void {
    const [before, after] = [this.#previous[node]!, this.#next[node]!];
    this.#next[before] = after;
    this.#previous[after] = before;
  }

  #relink(node: number): void {
    this.#next[this.#previous[node]!] = node;
    this.#previous[this.#next[node]!] = node;
  }
}
