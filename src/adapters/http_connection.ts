/**
 * A client's connection over the REST routes: an entry is a resource, everything else a transaction. Runs in a
 * browser.
 *
 * @module
 */
import type { Connector } from "../client/connection.ts";
import {
  commonHeaders,
  FetchConnection,
  type HttpConnectorOptions,
  originOf,
  type Perform,
  readAnswer,
} from "./fetch_connection.ts";
import { requestOf, resultOf } from "./http_exchange.ts";

/** Makes connections over HTTP. The port of an address is the server's HTTP port. */
export function httpConnector(options: HttpConnectorOptions = {}): Connector {
  return (address, listener) => {
    const origin = originOf(address, options);
    const common = commonHeaders(options);
    const perform: Perform = async (command, signal, isStale) => {
      const request = requestOf(command, isStale);
      const { method, path } = request;
      const headers = { ...common, ...request.headers };
      const body = request.body as BodyInit | null;
      const send = options.fetch ?? fetch;
      return resultOf(request, await readAnswer(await send(origin + path, { method, headers, body, signal })));
    };
    return new FetchConnection(address, listener, options, perform);
  };
}
