/**
 * The faults that mutants are run with: each of them shows under some faults much sooner than under all of them.
 *
 * @module
 */
import type { FaultIntensities } from "../../src/sim/world/faults.ts";

/** The network, and proposers that come and go: many leaders one after the other. */
export const DUELS: FaultIntensities = {
  loss: 0.5,
  duplication: 1,
  delay: 1,
  clog: 1,
  partition: 1,
  oneWayPartition: 1,
  roleCrash: 1,
  pause: 1,
};

/** Machines that die while their disks are slow. */
export const CRASHES: FaultIntensities = { crash: 1, kill: 1, slowSync: 1, delay: 1, partition: 1, minority: 1 };

/** Roles that die alone, on a network that is good to most messages. */
export const ROLES: FaultIntensities = { roleCrash: 1, delay: 1, duplication: 1, partition: 0.5 };

/** Leaders that are cut off from the others and not from clients, on a slow network, and roles and machines that die. */
export const CUTS: FaultIntensities = {
  leaderCut: 1,
  delay: 1,
  clog: 1,
  duplication: 1,
  pause: 1,
  roleCrash: 1,
  crash: 1,
};

/** Everything at once. */
export const STORM = "heavy";
