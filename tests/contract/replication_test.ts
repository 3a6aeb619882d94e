import { createMemoryTransports } from "../../src/adapters/memory_transport.ts";
import { systemClock } from "../../src/adapters/system_clock.ts";
import { systemRandom } from "../../src/adapters/system_random.ts";
import { Paxos } from "../../src/core/paxos/paxos.ts";
import { Standalone } from "../../src/core/standalone.ts";
import { TwoPhaseCommit } from "../../src/core/two_phase_commit/two_phase_commit.ts";
import { replicationContract } from "./replication_contract.ts";

const parts = { clock: systemClock, random: systemRandom };

replicationContract(
  "one server",
  1,
  (members) => members.map(({ log, machine }) => new Standalone({ log, stateMachine: machine, clock: systemClock })),
);

for (const count of [1, 3]) {
  replicationContract(`Multi-Paxos with ${count}`, count, (members) => {
    const transports = createMemoryTransports(count);
    return members.map(({ log, machine }, id) =>
      new Paxos({
        ...parts,
        id,
        replicas: count,
        transport: transports[id]!,
        log,
        stateMachine: machine,
        // A busy machine may take its time.
        times: { patience_ms: 25_000, outcome_ms: 25_000 },
      })
    );
  });

  replicationContract(`two-phase commit with ${count}`, count, (members) => {
    const transports = createMemoryTransports(count);
    return members.map(({ log, machine }, id) =>
      new TwoPhaseCommit({
        ...parts,
        id,
        replicas: count,
        transport: transports[id]!,
        log,
        stateMachine: machine,
        times: { prepare_ms: 20_000, patience_ms: 25_000 },
      })
    );
  });
}
