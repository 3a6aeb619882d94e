/**
 * The JSON form of the store's vocabulary, in one import: what HTTP carries in both directions, shared by the
 * server and by clients.
 *
 * @module
 */
export * from "./json_commands.ts";
export * from "./json_results.ts";
export type * from "./json_types.ts";
export * from "./json_values.ts";
