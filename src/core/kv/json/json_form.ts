/**
 * The JSON form of the store's vocabulary, in one import: what HTTP carries in both directions, shared by the
 * server and by clients.
 *
 * @module
 */
export * from "./commands.ts";
export * from "./results.ts";
export type * from "./types.ts";
export * from "./values.ts";
