/** Every command, result and event with its bytes. Logs and clients outlive versions: these never change. */
import type { Key } from "../../../src/codec/bytes.ts";
import type { Command } from "../../../src/core/kv/command.ts";
import type { Entry, Result, WatchEvent } from "../../../src/core/kv/result.ts";
import { bytes, key, put } from "./arbitraries.ts";

const none = { type: "none" } as const;

export const GOLDEN_COMMANDS: readonly (readonly [Command, string])[] = [
  [put("a", "xy"), "0101610000027879"],
  [put("a", "", { condition: "absent", expiry: { type: "keep" } }), "010161010100"],
  [
    put("\xff\0", "v", { condition: "present", returnPrevious: true, expiry: { type: "at", time_ms: 300 } }),
    "0102ff008202ac020176",
  ],
  [
    put("a", "v", { expiry: { type: "after", duration_ms: Number.MAX_SAFE_INTEGER } }),
    "0101610003ffffffffffffff0f0176",
  ],
  [{ type: "get", key: key("a") }, "020161"],
  [{ type: "getMany", keys: [key("a"), key("bc")] }, "10020161026263"],
  [{ type: "delete", key: key("a"), returnPrevious: true }, "03016101"],
  [{ type: "deleteRange", start: key("a"), end: key("b") }, "040161010162"],
  [{ type: "deleteRange", start: "" as Key, end: null }, "040000"],
  [
    { type: "range", start: key("a"), end: key("b"), limit: 10, reverse: false, projection: "entries" },
    "0501610101620a00",
  ],
  [{ type: "range", start: "" as Key, end: null, limit: 0, reverse: true, projection: "keys" }, "0500000081"],
  [{ type: "range", start: "" as Key, end: null, limit: 0, reverse: false, projection: "count" }, "0500000002"],
  [{ type: "increment", key: key("a"), delta: -2n }, "060161feffffffffffffff"],
  [{ type: "incrementFloat", key: key("a"), delta: "1.5" }, "07016103312e35"],
  [{ type: "append", key: key("a"), value: bytes("xy") }, "080161027879"],
  [{ type: "setRange", key: key("a"), offset: 128, value: bytes("xy") }, "0901618001027879"],
  [{ type: "expire", key: key("a"), expiry: none, condition: "always" }, "0a01610000"],
  [
    { type: "expire", key: key("a"), expiry: { type: "after", duration_ms: 1000 }, condition: "absent" },
    "0a01610103e807",
  ],
  [
    { type: "expire", key: key("a"), expiry: { type: "at", time_ms: 2 ** 40 }, condition: "present" },
    "0a01610202808080808020",
  ],
  [{ type: "expire", key: key("a"), expiry: { type: "at", time_ms: 1 }, condition: "greater" }, "0a0161030201"],
  [{ type: "expire", key: key("a"), expiry: { type: "at", time_ms: 1 }, condition: "less" }, "0a0161040201"],
  [
    {
      type: "txn",
      compare: [
        { key: key("a"), target: "version", operator: "=", operand: 1 },
        { key: key("a"), target: "createRevision", operator: "!=", operand: 2 },
        { key: key("a"), target: "modRevision", operator: "<", operand: 3 },
        { key: key("a"), target: "expiry", operator: ">", operand: 4 },
        { key: key("a"), target: "value", operator: "=", operand: bytes("v") },
      ],
      then: [{ type: "get", key: key("a") }, { type: "txn", compare: [], then: [], else: [] }],
      else: [{ type: "delete", key: key("b"), returnPrevious: false }],
    },
    "0b050161000001016101010201610202030161030304016104000176020201610b0000000103016200",
  ],
  [{ type: "openSession", session: key("s") }, "0c0173"],
  [{ type: "closeSession", session: key("s") }, "0d0173"],
  [
    {
      type: "once",
      session: key("s"),
      incarnation: 128,
      sequence: 300,
      acknowledged: 299,
      operation: { type: "get", key: key("a") },
    },
    "0e01738001ac02ab02020161",
  ],
  [
    {
      type: "once",
      session: key("s"),
      incarnation: null,
      sequence: 300,
      acknowledged: 299,
      operation: { type: "get", key: key("a") },
    },
    "0e017300ac02ab02020161",
  ],
  [{ type: "expireDue", limit: 1000 }, "0fe807"],
];

const entry: Entry = { value: bytes("v"), version: 1, createRevision: 2, modRevision: 300, expiry: 2 ** 40 };

export const GOLDEN_RESULTS: readonly (readonly [Result, string])[] = [
  [{ type: "put", revision: 7, written: true, previous: null }, "01070100"],
  [{ type: "put", revision: 7, written: false, previous: entry }, "010700010102ac028080808080200176"],
  [{ type: "get", revision: 7, entry: null }, "020700"],
  [{ type: "get", revision: 7, entry }, "0207010102ac028080808080200176"],
  [{ type: "many", revision: 7, entries: [entry, null] }, "0b0702010102ac02808080808020017600"],
  [{ type: "delete", revision: 7, deleted: 3, previous: null }, "03070300"],
  [
    { type: "range", revision: 7, entries: [{ key: key("a"), entry }], count: 1, more: true },
    "04070101610102ac0280808080802001760101",
  ],
  [{ type: "integer", revision: 7, value: -1n }, "0507ffffffffffffffff"],
  [{ type: "value", revision: 7, value: bytes("0.5") }, "060703302e35"],
  [{ type: "expire", revision: 7, changed: true }, "070701"],
  [{ type: "txn", revision: 7, succeeded: true, results: [{ type: "done", revision: 7 }] }, "080701010907"],
  [{ type: "session", revision: 7, incarnation: 300 }, "0c07ac02"],
  [{ type: "done", revision: 2 ** 53 - 1 }, "09ffffffffffffff0f"],
  [{ type: "error", revision: 7, code: "NOT_AN_INTEGER", message: "é" }, "0a070e4e4f545f414e5f494e544547455202c3a9"],
];

export const GOLDEN_EVENTS: readonly (readonly [readonly WatchEvent[], string])[] = [
  [[], "00"],
  [
    [
      { type: "put", revision: 5, key: key("a"), entry },
      { type: "delete", revision: 5, key: key("b"), entry },
      { type: "expire", revision: 6, key: key("c"), entry },
    ],
    "03000501610102ac028080808080200176010501620102ac028080808080200176020601630102ac028080808080200176",
  ],
];
