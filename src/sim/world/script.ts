/**
 * Scripted scenarios: a small world in which nothing is left to chance but what the script says, and a transcript of
 * what came of each step, which reads like prose and is compared with a golden one.
 *
 * @module
 */
import { stringCodec } from "../../client/codecs.ts";
import { KVClient } from "../../client/kv_client.ts";
import { bytesToText, keyFromText } from "../../codec/bytes.ts";
import { KvError } from "../../core/errors.ts";
import { encodeCommand } from "../../core/kv/command_codec.ts";
import { decodeResult } from "../../core/kv/result_codec.ts";
import { ChosenSlots } from "./chosen_slots.ts";
import { differenceOf } from "./convergence.ts";
import type { HostFactory } from "./host.ts";
import { isOneLink, matches, type MessageFilter } from "./message_filter.ts";
import type { EndId, Fate, MessageView } from "./network.ts";
import { parseStep, ScriptError, type Step } from "./script_steps.ts";
import { addressOf } from "./sim_connector.ts";
import type { SimNode } from "./sim_node.ts";
import { Simulation, standaloneHost } from "./simulation.ts";
import { describeLine } from "./trace_listing.ts";

export { ScriptError } from "./script_steps.ts";

/** The world of a scenario. */
export interface ScriptOptions {
  /** How many servers there are. @default 1 */
  readonly replicas?: number;
  /** Decides what the script leaves open, such as which unsynced sectors a crash keeps. @default 1 */
  readonly seed?: number;
  /** Makes the servers. @default standaloneHost */
  readonly host?: HostFactory;
  /** How long an operation of a client may take, in milliseconds. @default 5000 */
  readonly deadline_ms?: number;
}

/** What ran, and what came of it. */
export interface ScriptResult {
  /** Every step, with what happened under it, indented, at its virtual time in milliseconds. */
  readonly transcript: string;
  /** The world as the scenario left it. */
  readonly simulation: Simulation;
}

/**
 * Runs a scenario.
 *
 * | step | |
 * |---|---|
 * | `tick 10` | lets so many milliseconds pass |
 * | `wait 500 for TEXT` | lets time pass until something happens that has TEXT in it, at most 500 ms |
 * | `hold`, `hold Accept 1→3` | keeps all messages from now on, or those with these words in their description and of this link (`1→*`, `1,2→3`, `1↔3`) |
 * | `deliver 1→3`, `drop Accept 1→3` | decides the first message that waits on a link; `all`, or no single link, means every one |
 * | `lose Accept 1→3` | loses such messages from now on |
 * | `flow` | ends `hold` and `lose`, and lets go on what waits |
 * | `cut 1,2 \| 3`, `cut 1 → 2` | cuts the links between groups, besides those that are cut; whoever is in no group is with everybody |
 * | `partition 1,2 \| 3` | the same in place of those that are cut |
 * | `heal` | ends that |
 * | `crash 2`, `kill 2`, `stop 2`, `restart 2` | ends and starts a server: with its machine, without it, in good order |
 * | `crash acceptor 2`, `restart acceptor 2` | ends and starts one of its roles |
 * | `slow sync 2 50`, `fail sync 2`, `fill disk 2`, `free disk 2`, `empty disk 2`, `pause 2 100`, `jump 2 -1000`, `flip 2 FILE 70`, `misdirect 2 FILE 0 64 64` | what else can happen to it |
 * | `c1 uses 2,3` | the servers that a client knows, before its first operation; otherwise it knows all |
 * | `c1 put k v`, `c1 get k`, `c1 delete k`, `c1 increment k 2` | an operation; what it gave is told when it ends |
 * | `expect TEXT`, `expect no TEXT` | something that has happened, or has not |
 * | `expect 3 has k v`, `expect 3 lacks k` | the state of one server, as it is |
 * | `expect same state`, `expect same state 1,2` | all servers, or these, are up and have one state |
 *
 * Replicas that tell what is chosen must agree about it after every step.
 *
 * @throws {ScriptError} when a step makes no sense or an `expect` is not met; the message names the line
 *
 * @example
 * ```ts
 * import { runScript } from "./script.ts";
 *
 * async function example(): Promise<void> {
 *   const { transcript } = await runScript(`
 *     c1 put colour blue
 *     tick 10
 *     expect c1 put colour blue: ok
 *     crash 1
 *     restart 1
 *     c1 get colour
 *     tick 1000
 *     expect c1 get colour: blue
 *   `);
 *   console.error(transcript);
 * }
 * void example;
 * ```
 */
export async function runScript(script: string, options: ScriptOptions = {}): Promise<ScriptResult> {
  const runner = new ScriptRunner(options);
  for (const [index, line] of script.split("\n").entries()) {
    const step = parseStep(line, index + 1);
    if (step !== null) await runner.run(step, line.trim(), index + 1);
  }
  return { transcript: runner.transcript, simulation: runner.simulation };
}

class ScriptRunner {
  readonly simulation: Simulation;
  #clients: KVClient<string>[] = [];
  #deadline_ms: number;
  #servers = new Map<number, readonly number[]>();
  /** The latest decides. */
  #rules: { readonly fate: Fate; readonly filter: MessageFilter }[] = [];
  #cuts: ((from: EndId, to: EndId) => boolean)[] = [];
  #disagreement: string | null = null;
  #written: string[] = [];
  #seen = 0;

  constructor(options: ScriptOptions) {
    const { replicas = 1, seed = 1, host = standaloneHost, deadline_ms = 5000 } = options;
    const chosen = new ChosenSlots();
    this.simulation = new Simulation({
      seed,
      replicas,
      faults: "none",
      host,
      keepTrace: true,
      onChosen: (replica, slot, digest) => void (this.#disagreement ??= chosen.learn(replica, slot, digest)),
    });
    this.#deadline_ms = deadline_ms;
  }

  get transcript(): string {
    return this.#written.join("\n");
  }

  async run(step: Step, text: string, line: number): Promise<void> {
    const unmet = this.#unmet(step);
    if (unmet !== null) throw new ScriptError(line, `${unmet}; what happened:\n${this.transcript}`);
    if (step.verb.startsWith("expect")) return;
    this.#written.push(text);
    const { simulation } = this;
    const now_ms = simulation.time.now_us / 1000;
    try {
      this.#do(step);
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof Error && "path" in error)) throw error;
      throw new ScriptError(line, error.message, { cause: error });
    }
    if (step.verb === "wait") {
      const from = this.#seen;
      if (!await simulation.runUntil(() => this.#hasHappened(step.text, from), now_ms + step.ms)) {
        this.#writeNews();
        throw new ScriptError(line, `waited ${step.ms} ms for "${step.text}"; what happened:\n${this.transcript}`);
      }
    } else await simulation.run(step.verb === "tick" ? now_ms + step.ms : now_ms);
    this.#writeNews();
    if (this.#disagreement !== null) throw new ScriptError(line, `${this.#disagreement}:\n${this.transcript}`);
  }

  #hasHappened(text: string, from: number): boolean {
    return this.simulation.trace.lines.slice(from).some((line) => describeLine(line).includes(text));
  }

  /** What an expectation does not find; null when it is met, or the step is none. */
  #unmet(step: Step): string | null {
    switch (step.verb) {
      case "expect":
        return this.transcript.includes(step.text) ? null : `expected "${step.text}"`;
      case "expectNo":
        return this.transcript.includes(step.text) ? `expected no "${step.text}"` : null;
      case "expectHas": {
        const found = this.#valueAt(step.node, step.key);
        if (found === step.value) return null;
        return `expected ${step.value ?? "nothing"} at ${step.key} of server ${step.node}, which has ${
          found ?? "nothing"
        }`;
      }
      case "expectSame": {
        const nodes = step.nodes?.map((number) => this.#node(number)) ?? this.simulation.nodes;
        const difference = differenceOf(nodes);
        return difference === null ? null : `expected the same state: ${difference}`;
      }
      default:
        return null;
    }
  }

  /** What a server's own state has at a key, whether it could serve that or not. */
  #valueAt(number: number, key: string): string | null {
    const { store } = this.#node(number);
    if (store === null) return null;
    const result = decodeResult(store.query(encodeCommand({ type: "get", key: keyFromText(key) })));
    return result.type === "get" && result.entry !== null ? bytesToText(result.entry.value) : null;
  }

  #writeNews(): void {
    const { lines } = this.simulation.trace;
    for (const line of lines.slice(this.#seen)) {
      this.#written.push(`  ${(line.at_us / 1000).toFixed(3)} ${describeLine(line)}`);
    }
    this.#seen = lines.length;
  }

  #node(number: number): SimNode {
    const node = this.simulation.nodes[number - 1];
    if (node === undefined) throw new RangeError(`there is no server ${number}, only ${this.simulation.nodes.length}`);
    return node;
  }

  #client(number: number): KVClient<string> {
    const { simulation, simulation: { clock, nodes } } = this;
    for (let index = this.#clients.length; index < number; index++) {
      this.#clients.push(
        new KVClient({
          servers: (this.#servers.get(index + 1) ?? nodes.map(({ id }) => id + 1)).map((id) => addressOf(id - 1)),
          connector: simulation.connector(index),
          clock,
          random: simulation.random.fork(`client ${index}`),
          codec: stringCodec,
          deadline_ms: this.#deadline_ms,
        }),
      );
    }
    return this.#clients[number - 1]!;
  }

  #do(step: Step): void {
    const { simulation, simulation: { network, time } } = this;
    switch (step.verb) {
      case "hold":
      case "lose":
        this.#rules.unshift({ fate: step.verb, filter: step.filter });
        network.obey((message) => this.#rules.find(({ filter }) => this.#isMeant(filter, message))?.fate ?? "pass");
        return;
      case "flow":
        this.#rules = [];
        network.obey(null);
        network.release();
        return;
      case "heal":
        this.#cuts = [];
        network.heal();
        return;
      case "deliver":
      case "drop":
        this.#decide(step.verb, step.filter, step.isAll);
        return;
      case "crashRole":
      case "restartRole":
        this.#node(step.node)[step.verb](step.role);
        return;
      case "uses":
        if (this.#clients.length >= step.client) throw new RangeError(`c${step.client} has begun already`);
        for (const number of step.nodes) this.#node(number);
        this.#servers.set(step.client, step.nodes);
        return;
      case "crash":
      case "kill":
      case "stop":
      case "restart":
        this.#node(step.node)[step.verb]();
        return;
      case "tick":
      case "wait":
      case "expect":
      case "expectNo":
      case "expectHas":
      case "expectSame":
        return;
      case "cut":
      case "partition": {
        const groupOf = (end: number): number => step.groups.findIndex((group) => group.includes(network.nameOf(end)));
        if (step.verb === "partition") this.#cuts = [];
        // Whoever is in no group is with everybody.
        this.#cuts.push((from, to) => {
          const [a, b] = [groupOf(from), groupOf(to)];
          return step.isOneWay ? a === 0 && b === 1 : a >= 0 && b >= 0 && a !== b;
        });
        const cuts = [...this.#cuts];
        network.cut((from, to) => cuts.some((isCut) => isCut(from, to)));
        return;
      }
      case "slowSync":
        this.#node(step.node).disk.slow_us = step.ms * 1000;
        return;
      case "failSync":
        this.#node(step.node).disk.failingSyncs = 1;
        return;
      case "fillDisk":
        this.#node(step.node).disk.writable = step.bytes;
        return;
      case "freeDisk":
        this.#node(step.node).disk.writable = Number.POSITIVE_INFINITY;
        return;
      case "emptyDisk":
        emptyDisk(this.#node(step.node));
        return;
      case "pause":
        this.#node(step.node).clock?.pause(time.now_us + step.ms * 1000);
        return;
      case "jump":
        this.#node(step.node).clock?.jump(step.ms);
        return;
      case "flip":
        this.#node(step.node).disk.flipBit(step.file, step.offset);
        return;
      case "misdirect":
        this.#node(step.node).disk.misdirect(step.file, step.from, step.to, step.length);
        return;
      case "operation": {
        const what = `c${step.client} ${step.operation} ${step.key}${
          step.operation === "put" ? ` ${step.value}` : ""
        }:`;
        perform(this.#client(step.client), step).then(
          (outcome) => simulation.trace.append(what, outcome),
          (error: unknown) => simulation.trace.append(what, error instanceof KvError ? error.code : String(error)),
        );
      }
    }
  }

  #isMeant(filter: MessageFilter, message: MessageView): boolean {
    return matches(filter, message, (end) => this.simulation.network.nameOf(end));
  }

  #decide(verb: "deliver" | "drop", filter: MessageFilter, isAll: boolean): void {
    const { network } = this.simulation;
    const meant = network.held.filter((message) => this.#isMeant(filter, message));
    if (meant.length === 0) {
      const under = network.held.map(({ from, to, what }) => `${network.nameOf(from)}→${network.nameOf(to)} ${what}`);
      throw new RangeError(`no message waits there; those that do: ${under.join(", ") || "none"}`);
    }
    for (const message of isAll || !isOneLink(filter) ? meant : meant.slice(0, 1)) message[verb]();
  }
}

/** All files of a server that is down are gone, for good. */
function emptyDisk({ disk, isUp }: SimNode): void {
  if (isUp) throw new RangeError("the server is up: crash it before its disk is emptied");
  for (const name of disk.list()) disk.changeName({ kind: "remove", name });
  disk.syncNames();
}

async function perform(client: KVClient<string>, step: Extract<Step, { verb: "operation" }>): Promise<string> {
  const { key, value } = step;
  switch (step.operation) {
    case "put":
      return `ok, revision ${(await client.put(key, value)).revision}`;
    case "get":
      return (await client.get(key))?.value ?? "nothing";
    case "delete":
      return `${(await client.delete(key)).deleted} deleted`;
    case "increment":
      return String(await client.increment(key, BigInt(value)));
  }
}
