/**
 * Pages of a server that the library's client does not know: requests to them over HTTP, and why these fail.
 *
 * @module
 */
import { authorizationOf, readAnswer } from "../../src/adapters/fetch_connection.ts";
import { problemOf } from "../../src/adapters/http_exchange.ts";
import { errorOfCode } from "../../src/client/errors.ts";
import { KvError } from "../../src/core/errors.ts";
import type { Target } from "./store.ts";
import { fetchPage } from "./tls.ts";

/**
 * Asks a server, named as `host:port`, for a page, as the user of `target`. Rejects with a `KvError` of the problem that
 * it answers with or of the TLS connection that failed, and with what fetch throws when there is no answer.
 */
export async function requestPage(
  server: string,
  path: string,
  target: Target,
  init: RequestInit,
): Promise<Response> {
  const { user, password } = target;
  const headers = new Headers(init.headers);
  if (password !== null) headers.set("Authorization", authorizationOf(user, password));
  const response = await fetchPage(target, server, path, { ...init, headers });
  if (response.ok) return response;
  const { code, message } = problemOf(await readAnswer(response));
  throw errorOfCode(code, `${server}: ${message}`);
}

/** What answers there is something else. */
export function notOurs(server: string): KvError {
  return new KvError("PROTOCOL_ERROR", `${server} is not the HTTP port of a kvserver`);
}

/** Why something failed. What fetch throws says so only in its cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && !(error instanceof KvError) ? cause.message || error.message : error.message;
}
