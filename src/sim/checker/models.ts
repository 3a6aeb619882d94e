/**
 * The models by name, and the one that a history without a name is checked with.
 *
 * @module
 */
import { COUNTER, KV, KV_EMPTY, REGISTER } from "./cell_model.ts";
import type { Format } from "./formats.ts";
import type { Operation } from "./history.ts";
import type { Model } from "./model.ts";
import { TRANSACTIONS } from "./transaction_model.ts";

/** The names of the models. */
export type ModelName = "register" | "kv" | "counter" | "transactions";

/** The names of the models. */
export const MODEL_NAMES: readonly ModelName[] = ["register", "kv", "counter", "transactions"];

const MODELS: Readonly<Record<ModelName, Model>> = {
  register: REGISTER,
  kv: KV,
  counter: COUNTER,
  transactions: TRANSACTIONS,
};

/**
 * The model with this name; without one, transactions or a counter where there are operations of these, else kv,
 * which does all that a register does. In histories of porcupine's an absent key reads as the empty text.
 */
export function modelFor(name: ModelName | null, format: Format, operations: readonly Operation[]): Model {
  const has = (...names: readonly string[]): boolean => operations.some(({ f }) => names.includes(f));
  const chosen = name ?? (has("txn") ? "transactions" : has("add", "increment", "incr") ? "counter" : "kv");
  if (chosen === "kv" && format === "porcupine-kv") return KV_EMPTY;
  if (name === null && chosen === "kv" && format === "jepsen-etcd") return REGISTER;
  return MODELS[chosen];
}
