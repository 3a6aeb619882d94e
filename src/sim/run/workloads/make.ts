/**
 * The workloads by name.
 *
 * @module
 */
import type { WorkloadName } from "../run_options.ts";
import { type Arena, between, type Dice, type Workload } from "../workload.ts";
import { AppendWorkload } from "./append.ts";
import { BankWorkload } from "./bank.ts";
import { CounterWorkload } from "./counter.ts";
import { LockWorkload } from "./lock.ts";
import { RangeWorkload } from "./range.ts";
import { RegisterWorkload } from "./register.ts";
import { TtlWorkload } from "./ttl.ts";
import { WatchWorkload } from "./watch.ts";

/** Makes a workload; how many keys it has is up to `dice`. */
export function makeWorkload(name: WorkloadName, arena: Arena, dice: Dice): Workload {
  switch (name) {
    case "register":
      return new RegisterWorkload(arena, between(dice, 1, 4));
    case "counter":
      return new CounterWorkload(arena, between(dice, 1, 3));
    case "append":
      return new AppendWorkload(arena, between(dice, 1, 3));
    case "bank":
      return new BankWorkload(arena, between(dice, 2, 6));
    case "ttl":
      return new TtlWorkload(arena);
    case "watch":
      return new WatchWorkload(arena);
    case "range":
      return new RangeWorkload(arena, between(dice, 5, 20));
    case "lock":
      return new LockWorkload(arena, between(dice, 1, 2));
  }
}
