/**
 * The types of the RPC route, for clients: nothing here exists at run time.
 *
 * @module
 */
export type { Problem, ProblemCode, ProblemStatus } from "./problem.ts";
export type { RpcApp } from "./rpc_app.ts";
