/**
 * Lists that grow by appends of elements that are unique. A list tells the order of the writes by itself, so what
 * holds can mostly be said without a search: every read is a beginning of the last one, holds what was acknowledged
 * before it began, and nothing is there twice. The checker of histories has the last word.
 *
 * @module
 */
import { KV_EMPTY } from "../../checker/cell_model.ts";
import { judgeHistory } from "../linearizability.ts";
import { Recorder } from "../recorder.ts";
import { type Actor, type Arena, pick, type Workload } from "../workload.ts";

interface Read {
  readonly elements: readonly string[];
  /** How many appends to the list were acknowledged before the read began. */
  readonly acknowledgedBefore: number;
  /** The longest list that anybody had been shown before the read began. */
  readonly longestBefore: number;
}

interface List {
  /** In the order of the acknowledgements. */
  readonly acknowledged: string[];
  readonly failed: string[];
  readonly reads: Read[];
  longest: number;
  last: readonly string[] | null;
}

/** Checked by the order that lists keep, and for linearizability. */
export class AppendWorkload implements Workload {
  readonly name = "append";
  readonly recorder: Recorder;
  readonly #arena: Arena;
  readonly #lists = new Map<string, List>();
  readonly #keys: readonly string[];
  #appended = 0;

  constructor(arena: Arena, keys: number) {
    this.#arena = arena;
    this.recorder = new Recorder(arena);
    this.#keys = Array.from({ length: keys }, (_, index) => `append/${index}`);
    for (const key of this.#keys) {
      this.#lists.set(key, { acknowledged: [], failed: [], reads: [], longest: 0, last: null });
    }
  }

  async step(actor: Actor): Promise<void> {
    const key = pick(actor.dice, this.#keys);
    if (actor.dice.next() < 0.4) await this.#read(actor, key);
    else await this.#append(actor, key);
  }

  async finish(actor: Actor): Promise<void> {
    for (const key of this.#keys) this.#lists.get(key)!.last = await this.#read(actor, key);
  }

  check(): void {
    for (const [key, list] of this.#lists) this.#checkList(key, list);
    judgeHistory(this.#arena.violations, this.name, this.recorder.events, KV_EMPTY);
  }

  #checkList(key: string, { acknowledged, failed, reads, last }: List): void {
    if (last === null) return;
    const wrong = (message: string) => this.#arena.violations.report(this.name, `${key}: ${message}`);
    const places = new Map(last.map((element, index) => [element, index]));
    if (places.size !== last.length) wrong(`an element is there twice: ${last.join(" ")}`);
    for (const element of acknowledged) if (!places.has(element)) wrong(`${element} was acknowledged and is gone`);
    for (const element of failed) if (places.has(element)) wrong(`${element} was refused and is there`);
    // How much of the last list the first n acknowledged appends need.
    const needed: number[] = [0];
    for (const element of acknowledged) needed.push(Math.max(needed.at(-1)!, (places.get(element) ?? -1) + 1));
    for (const { elements, acknowledgedBefore, longestBefore } of reads) {
      if (elements.some((element, index) => element !== last[index])) {
        wrong(`a read saw ${elements.join(" ")}, which the last one does not begin with: ${last.join(" ")}`);
      }
      if (elements.length < needed[acknowledgedBefore]!) {
        wrong(`a read saw ${elements.length} elements, of ${needed[acknowledgedBefore]} acknowledged before it`);
      }
      if (elements.length < longestBefore) {
        wrong(`a read saw ${elements.length} elements after an earlier one saw ${longestBefore}`);
      }
    }
  }

  async #read(actor: Actor, key: string): Promise<readonly string[] | null> {
    const list = this.#lists.get(key)!;
    const acknowledgedBefore = list.acknowledged.length;
    const longestBefore = list.longest;
    const what = { f: "get", key, value: null, isWrite: false };
    const read = await this.recorder.perform(
      actor.id,
      what,
      async () => (await actor.client.get(key))?.value ?? "",
      (value) => ({ value }),
    );
    if (read.type !== "ok") return null;
    const elements = read.value.split(" ").filter((element) => element !== "");
    list.reads.push({ elements, acknowledgedBefore, longestBefore });
    list.longest = Math.max(list.longest, elements.length);
    return elements;
  }

  async #append(actor: Actor, key: string): Promise<void> {
    const list = this.#lists.get(key)!;
    const element = `e${++this.#appended}`;
    const what = { f: "append", key, value: `${element} `, isWrite: true };
    const done = await this.recorder.perform(
      actor.id,
      what,
      () => actor.client.append(key, `${element} `),
      (value) => ({ value }),
    );
    if (done.type === "ok") list.acknowledged.push(element);
    if (done.type === "fail") list.failed.push(element);
  }
}
