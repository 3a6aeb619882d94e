/**
 * A service that counts visits, with Hono. The count is in the store, so any number of these services count together,
 * and each visit is counted once, also when a connection breaks half-way.
 *
 * Prints:
 * visits of /home: 1
 * visits of /home: 2
 * visits of /about: 1
 */
import { serve } from "@hono/node-server";
import { startServer } from "@x/kvpaxos";
import { connect } from "@x/kvpaxos/client";
import { Hono } from "hono";

// A store in this process, to have the example in one file; elsewhere connect to the addresses of a cluster.
const store = await startServer({ port: 0, httpPort: 0, dataDir: null });
const client = connect({ servers: [store.addresses.tcp] });

const app = new Hono();
app.post("/visits/:page", async (c) => {
  const page = c.req.param("page");
  const visits = await client.increment(`visits/${page}`);
  return c.text(`visits of /${page}: ${visits}`);
});

const service = await new Promise<{ readonly port: number; close(): void }>((resolve) => {
  const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => {
    resolve({ port, close: () => void server.close() });
  });
});
for (const page of ["home", "home", "about"]) {
  const url = `http://127.0.0.1:${service.port}/visits/${page}`;
  const answer = await fetch(url, { method: "POST", headers: { connection: "close" } });
  console.log(await answer.text());
}

service.close();
await client.close();
await store.close();
