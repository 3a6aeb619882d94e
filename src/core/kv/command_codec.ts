/**
 * The bytes of a command: what front doors send to the log, what replicas send to each other, and what
 * `KV` carries on the client protocols (docs/protocol.md has the layout).
 *
 * One tag byte, then the fields in the order of `command.ts`; keys and byte fields are length-prefixed.
 * Tags are never reused: logs outlive versions.
 *
 * @module
 */
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { Key } from "../../codec/bytes.ts";
import {
  type Command,
  type Compare,
  type Expire,
  type Expiry,
  MAX_COMMAND_ITEMS,
  MAX_TXN_DEPTH,
  NO_EXPIRY,
  type Once,
  type Operation,
  type Put,
  type Range,
} from "./command.ts";

/** The first byte of each command. */
export const TAG = {
  put: 1,
  get: 2,
  delete: 3,
  deleteRange: 4,
  range: 5,
  increment: 6,
  incrementFloat: 7,
  append: 8,
  setRange: 9,
  expire: 10,
  txn: 11,
  openSession: 12,
  closeSession: 13,
  once: 14,
  expireDue: 15,
  getMany: 16,
} as const;

const PUT_CONDITIONS: readonly Put["condition"][] = ["always", "absent", "present"];
const EXPIRE_CONDITIONS: readonly Expire["condition"][] = ["always", "absent", "present", "greater", "less"];
const PROJECTIONS: readonly Range["projection"][] = ["entries", "keys", "count"];
const EXPIRY_TYPES: readonly Expiry["type"][] = ["none", "keep", "at", "after"];
const TARGETS: readonly Compare["target"][] = ["version", "createRevision", "modRevision", "expiry", "value"];
const OPERATORS: readonly Compare["operator"][] = ["=", "!=", "<", ">"];

/** The name at a code that was read, or a {@link CodecError}. */
export function nameAt<Name>(names: readonly Name[], code: number, what: string): Name {
  const name = names[code];
  if (name === undefined) throw new CodecError(`unknown ${what} ${code}`);
  return name;
}

function writeExpiry(writer: ByteWriter, expiry: Expiry): void {
  writer.u8(EXPIRY_TYPES.indexOf(expiry.type));
  if (expiry.type === "at") writer.varint(expiry.time_ms);
  else if (expiry.type === "after") writer.varint(expiry.duration_ms);
}

function readExpiry(reader: ByteReader): Expiry {
  const type = nameAt(EXPIRY_TYPES, reader.u8(), "expiry");
  switch (type) {
    case "none":
      return NO_EXPIRY;
    case "keep":
      return { type };
    case "at":
      return { type, time_ms: reader.varint() };
    case "after":
      return { type, duration_ms: reader.varint() };
  }
}

function writeBound(writer: ByteWriter, end: Key | null): void {
  writer.u8(end === null ? 0 : 1);
  if (end !== null) writer.key(end);
}

function readBound(reader: ByteReader): Key | null {
  return readFlag(reader) ? reader.key() : null;
}

/** A byte that is 0 or 1, or a {@link CodecError}. */
export function readFlag(reader: ByteReader): boolean {
  const flag = reader.u8();
  if (flag > 1) throw new CodecError(`flag ${flag} is neither 0 nor 1`);
  return flag === 1;
}

function writeCompare(writer: ByteWriter, compare: Compare): void {
  writer.key(compare.key);
  writer.u8(TARGETS.indexOf(compare.target));
  writer.u8(OPERATORS.indexOf(compare.operator));
  if (compare.target === "value") writer.blob(compare.operand);
  else writer.varint(compare.operand);
}

function readCompare(reader: ByteReader): Compare {
  const key = reader.key();
  const target = nameAt(TARGETS, reader.u8(), "comparison target");
  const operator = nameAt(OPERATORS, reader.u8(), "comparison operator");
  if (target === "value") return { key, target, operator, operand: reader.blob() };
  return { key, target, operator, operand: reader.varint() };
}

/** Appends the bytes of `command` to `writer`. */
export function writeCommand(writer: ByteWriter, command: Command): void {
  writer.u8(TAG[command.type]);
  switch (command.type) {
    case "put":
      writer.key(command.key);
      writer.u8(PUT_CONDITIONS.indexOf(command.condition) | (command.returnPrevious ? 0x80 : 0));
      writeExpiry(writer, command.expiry);
      writer.blob(command.value);
      return;
    case "get":
      writer.key(command.key);
      return;
    case "getMany":
      writer.varint(command.keys.length);
      for (const key of command.keys) writer.key(key);
      return;
    case "delete":
      writer.key(command.key);
      writer.u8(command.returnPrevious ? 1 : 0);
      return;
    case "deleteRange":
      writer.key(command.start);
      writeBound(writer, command.end);
      return;
    case "range":
      writer.key(command.start);
      writeBound(writer, command.end);
      writer.varint(command.limit);
      writer.u8(PROJECTIONS.indexOf(command.projection) | (command.reverse ? 0x80 : 0));
      return;
    case "increment":
      writer.key(command.key);
      writer.i64(command.delta);
      return;
    case "incrementFloat":
      writer.key(command.key);
      writer.key(command.delta as Key);
      return;
    case "append":
      writer.key(command.key);
      writer.blob(command.value);
      return;
    case "setRange":
      writer.key(command.key);
      writer.varint(command.offset);
      writer.blob(command.value);
      return;
    case "expire":
      writer.key(command.key);
      writer.u8(EXPIRE_CONDITIONS.indexOf(command.condition));
      writeExpiry(writer, command.expiry);
      return;
    case "txn":
      writer.varint(command.compare.length);
      for (const compare of command.compare) writeCompare(writer, compare);
      writer.varint(command.then.length);
      for (const operation of command.then) writeCommand(writer, operation);
      writer.varint(command.else.length);
      for (const operation of command.else) writeCommand(writer, operation);
      return;
    case "openSession":
    case "closeSession":
      writer.key(command.session);
      return;
    case "once":
      writeOnceHead(writer, command);
      writeCommand(writer, command.operation);
      return;
    case "expireDue":
      writer.varint(command.limit);
      return;
  }
}

function readOperation(reader: ByteReader, depth: number, budget: Budget): Operation {
  const command = readCommand(reader, depth, budget);
  switch (command.type) {
    case "openSession":
    case "closeSession":
    case "once":
    case "expireDue":
      throw new CodecError(`a ${command.type} cannot stand inside another command`);
    default:
      return command;
  }
}

/** How many comparisons, operations and keys may still be read. */
interface Budget {
  left: number;
}

function readCount(reader: ByteReader, budget: Budget): number {
  const count = reader.varint();
  budget.left -= count;
  if (budget.left < 0) throw new CodecError(`a command of more than ${MAX_COMMAND_ITEMS} parts`);
  return count;
}

function readOperations(reader: ByteReader, depth: number, budget: Budget): Operation[] {
  const count = readCount(reader, budget);
  const operations: Operation[] = [];
  for (let i = 0; i < count; i++) operations.push(readOperation(reader, depth, budget));
  return operations;
}

function readCommand(reader: ByteReader, depth: number, budget: Budget): Command {
  const tag = reader.u8();
  switch (tag) {
    case TAG.put: {
      const key = reader.key();
      const flags = reader.u8();
      const condition = nameAt(PUT_CONDITIONS, flags & 0x7f, "put condition");
      const expiry = readExpiry(reader);
      return { type: "put", key, value: reader.blob(), expiry, condition, returnPrevious: (flags & 0x80) !== 0 };
    }
    case TAG.get:
      return { type: "get", key: reader.key() };
    case TAG.getMany: {
      const count = readCount(reader, budget);
      const keys: Key[] = [];
      for (let i = 0; i < count; i++) keys.push(reader.key());
      return { type: "getMany", keys };
    }
    case TAG.delete:
      return { type: "delete", key: reader.key(), returnPrevious: readFlag(reader) };
    case TAG.deleteRange:
      return { type: "deleteRange", start: reader.key(), end: readBound(reader) };
    case TAG.range: {
      const start = reader.key();
      const end = readBound(reader);
      const limit = reader.varint();
      const flags = reader.u8();
      const projection = nameAt(PROJECTIONS, flags & 0x7f, "projection");
      return { type: "range", start, end, limit, reverse: (flags & 0x80) !== 0, projection };
    }
    case TAG.increment:
      return { type: "increment", key: reader.key(), delta: reader.i64() };
    case TAG.incrementFloat:
      return { type: "incrementFloat", key: reader.key(), delta: reader.key() };
    case TAG.append:
      return { type: "append", key: reader.key(), value: reader.blob() };
    case TAG.setRange:
      return { type: "setRange", key: reader.key(), offset: reader.varint(), value: reader.blob() };
    case TAG.expire: {
      const key = reader.key();
      const condition = nameAt(EXPIRE_CONDITIONS, reader.u8(), "expire condition");
      return { type: "expire", key, condition, expiry: readExpiry(reader) };
    }
    case TAG.txn: {
      if (depth >= MAX_TXN_DEPTH) throw new CodecError(`transactions nested deeper than ${MAX_TXN_DEPTH}`);
      const count = readCount(reader, budget);
      const compare: Compare[] = [];
      for (let i = 0; i < count; i++) compare.push(readCompare(reader));
      const then = readOperations(reader, depth + 1, budget);
      return { type: "txn", compare, then, else: readOperations(reader, depth + 1, budget) };
    }
    case TAG.openSession:
      return { type: "openSession", session: reader.key() };
    case TAG.closeSession:
      return { type: "closeSession", session: reader.key() };
    case TAG.once: {
      const session = reader.key();
      // Incarnations count from 1: 0 stands for none.
      const incarnation = reader.varint() || null;
      const sequence = reader.varint();
      const acknowledged = reader.varint();
      const operation = readOperation(reader, 0, budget);
      return { type: "once", session, incarnation, sequence, acknowledged, operation };
    }
    case TAG.expireDue:
      return { type: "expireDue", limit: reader.varint() };
    default:
      throw new CodecError(`unknown command tag ${tag}`);
  }
}

/**
 * Appends a `once` around an operation whose bytes are there already: what a client sends again and again while
 * only the session's fields change.
 */
export function writeOnce(writer: ByteWriter, once: Omit<Once, "type" | "operation">, operation: Uint8Array): void {
  writer.u8(TAG.once);
  writeOnceHead(writer, once);
  writer.raw(operation);
}

function writeOnceHead(writer: ByteWriter, once: Omit<Once, "type" | "operation">): void {
  writer.key(once.session);
  writer.varint(once.incarnation ?? 0);
  writer.varint(once.sequence);
  writer.varint(once.acknowledged);
}

/** The bytes of `command`, in fresh memory. */
export function encodeCommand(command: Command): Uint8Array {
  const writer = new ByteWriter();
  writeCommand(writer, command);
  return writer.take();
}

/**
 * The command whose bytes are exactly `bytes`. Byte fields are views of `bytes`: copy what is to be kept.
 *
 * @throws {CodecError} when the bytes are not one command
 */
export function decodeCommand(bytes: Uint8Array): Command {
  return readWhole(new ByteReader(bytes));
}

/** {@link decodeCommand} with all byte fields in fresh memory, each its own. */
export function decodeOwnedCommand(bytes: Uint8Array): Command {
  return readWhole(new ByteReader(bytes, 0, bytes.length, true));
}

function readWhole(reader: ByteReader): Command {
  const command = readCommand(reader, 0, { left: MAX_COMMAND_ITEMS });
  reader.finish();
  return command;
}
