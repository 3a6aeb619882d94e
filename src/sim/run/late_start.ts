/**
 * A store that has a long life behind it: its revisions begin where 32 bits end.
 *
 * @module
 */
import { EntryTable } from "../../core/kv/entry_table.ts";
import type { KVStore } from "../../core/kv/kv_store.ts";
import { SessionTable } from "../../core/kv/session_table.ts";
import { StateSnapshot } from "../../core/kv/snapshot_source.ts";

const SLICE_BYTES = 4096;

/** Lets an empty store go on from `revision`. */
export function startAt(store: KVStore, revision: number): void {
  const source = new StateSnapshot(
    new EntryTable(revision, 0, () => {}, 0),
    new SessionTable(store.limits, 0),
    () => {},
  );
  const sink = store.restore();
  for (let slice = source.next(SLICE_BYTES); slice !== null; slice = source.next(SLICE_BYTES)) sink.write(slice);
  source.close();
  sink.finish();
}
