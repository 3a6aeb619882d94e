import { createMemoryTransports } from "../../src/adapters/memory_transport.ts";
import { systemClock } from "../../src/adapters/system_clock.ts";
import { systemRandom } from "../../src/adapters/system_random.ts";
import type { PaxosOptions } from "../../src/core/paxos/options.ts";
import { Paxos } from "../../src/core/paxos/paxos.ts";
import type { Replication } from "../../src/core/replication.ts";
import { Standalone } from "../../src/core/standalone.ts";
import { TwoPhaseCommit } from "../../src/core/two_phase_commit/two_phase_commit.ts";
import { replicationContract } from "./replication_contract.ts";

replicationContract(
  "one server",
  1,
  (members) => members.map(({ log, machine }) => new Standalone({ log, stateMachine: machine, clock: systemClock })),
);

// A busy machine may take its time.
const patience_ms = 25_000;
const PROTOCOLS: readonly (readonly [name: string, make: (options: PaxosOptions) => Replication])[] = [
  ["Multi-Paxos", (options) => new Paxos({ ...options, times: { patience_ms, outcome_ms: patience_ms } })],
  ["two-phase commit", (options) => new TwoPhaseCommit({ ...options, times: { prepare_ms: 20_000, patience_ms } })],
];

for (const count of [1, 3]) {
  for (const [name, make] of PROTOCOLS) {
    replicationContract(`${name} with ${count}`, count, (members) => {
      const transports = createMemoryTransports(count);
      return members.map(({ log, machine }, id) =>
        make({
          clock: systemClock,
          random: systemRandom,
          id,
          replicas: count,
          transport: transports[id]!,
          log,
          stateMachine: machine,
        })
      );
    });
  }
}
