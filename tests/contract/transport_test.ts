import { describeTransport } from "./transport/transport_contract.ts";
import { simCluster } from "./transport/sim_cluster.ts";
import { socketCluster } from "./transport/socket_cluster.ts";

describeTransport("the simulated transport", simCluster);

describeTransport("the transport over TCP", (replicas) => socketCluster("tcp", replicas));

describeTransport("the transport over HTTP", (replicas) => socketCluster("http", replicas));
