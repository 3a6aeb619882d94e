/**
 * The kinds of subjects by name.
 *
 * @module
 */
import type { Kind } from "../kind.ts";
import { LISTS } from "./append.ts";
import { BANKS } from "./bank.ts";
import { COUNTERS } from "./counter.ts";
import { REGISTERS } from "./register.ts";

/** Every kind that the checker has a model of. */
export const KINDS: readonly Kind[] = [REGISTERS, COUNTERS, BANKS, LISTS];
