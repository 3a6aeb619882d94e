/**
 * A client's connection over RPC: Hono's typed stub, made from the type of the server's route, so that the
 * compiler holds both sides to one contract. Watches are server-sent events, as over HTTP.
 *
 * @module
 */
import type { Connector } from "../client/connection.ts";
import { KvError } from "../core/errors.ts";
import { CodecError } from "../codec/byte_reader.ts";
import { commandToJson, resultFromJson } from "../core/kv/json/json_form.ts";
import type { RpcApp } from "../server/http/rpc_types.ts";
import {
  commonHeaders,
  type Fetch,
  FetchConnection,
  type HttpConnectorOptions,
  originOf,
  type Perform,
  readAnswer,
} from "./fetch_connection.ts";
import { problemOf } from "./http_exchange.ts";

const STALE = { query: { consistency: "stale" } } as const;

/** Makes connections over RPC. The port of an address is the server's HTTP port. */
export function rpcConnector(options: HttpConnectorOptions = {}): Connector {
  return (address, listener) => {
    const send: Fetch = options.fetch ?? ((url, init) => fetch(url, init));
    // Loaded by the first command: most clients speak something else, and do not wait for it when they start.
    const makeStub = async () => {
      const { hc } = await import("hono/client");
      return hc<RpcApp>(originOf(address, options), {
        headers: commonHeaders(options),
        fetch: (input: string | URL | Request, init?: RequestInit) =>
          send(input instanceof Request ? input.url : input.toString(), init ?? {}),
      });
    };
    let stub: ReturnType<typeof makeStub> | null = null;
    const perform: Perform = async (command, signal, isStale) => {
      if (command.type === "expireDue") throw new KvError("INVALID_ARGUMENT", "expireDue is the servers' own");
      const { v1 } = await (stub ??= makeStub());
      const response = await v1.rpc.$post({ json: commandToJson(command), ...(isStale ? STALE : {}) }, {
        init: { signal },
      });
      if (!response.ok) return problemOf(await readAnswer(response));
      try {
        return resultFromJson(await response.json());
      } catch (cause) {
        if (!(cause instanceof CodecError) && !(cause instanceof SyntaxError)) throw cause;
        throw new KvError("PROTOCOL_ERROR", `the answer to ${command.type} makes no sense: ${cause.message}`, {
          cause,
        });
      }
    };
    return new FetchConnection(address, listener, options, perform);
  };
}
