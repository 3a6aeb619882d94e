/** Replicas on the simulated network. */
import type { ReplicaId } from "../../../src/ports/transport.ts";
import { Network } from "../../../src/sim/world/network.ts";
import { SimRandom } from "../../../src/sim/world/sim_random.ts";
import { SimTransport } from "../../../src/sim/world/sim_transport.ts";
import { Trace } from "../../../src/sim/world/trace.ts";
import { ProcessClock, VirtualTime } from "../../../src/sim/world/virtual_time.ts";
import { type Cluster, listenOn, type Node } from "./transport_contract.ts";

/** Makes replicas on a calm network. */
export function simCluster(replicas: number): Promise<Cluster> {
  const time = new VirtualTime();
  const trace = new Trace(() => time.now_us);
  const network = new Network({ time, trace, random: new SimRandom(1), replicas, count: () => {} });
  const transports: (SimTransport | null)[] = [];
  const clocks: ProcessClock[] = [];
  const start = (id: ReplicaId): Node => {
    const clock = new ProcessClock(time);
    const transport = new SimTransport({
      id,
      network,
      clock,
      find: (peer) => transports[peer] ?? null,
      onFrame: () => {},
    });
    transports[id] = transport;
    clocks[id] = clock;
    return listenOn(transport);
  };
  const nodes = Array.from({ length: replicas }, (_, id) => start(id));
  return Promise.resolve({
    nodes,
    stop: (id) => {
      clocks[id]!.kill();
      transports[id] = null;
      return Promise.resolve();
    },
    restart: (id) => {
      nodes[id] = start(id);
      return Promise.resolve();
    },
    until: (holds, what) => {
      while (!holds()) if (!time.step(Number.POSITIVE_INFINITY)) throw new Error(`waited in vain until ${what}`);
      return Promise.resolve();
    },
    end: () => Promise.resolve(),
  });
}
