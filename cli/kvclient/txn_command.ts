/**
 * `txn`: the JSON of a transaction, from a file or standard input.
 *
 * @module
 */
import { CodecError } from "../../src/codec/byte_reader.ts";
import { bytesToTextStrict } from "../../src/codec/bytes.ts";
import type { Txn } from "../../src/core/kv/command.ts";
import { resultToJson, txnFromJson } from "../../src/core/kv/json/json_form.ts";
import { HttpProblem } from "../../src/server/http/problem.ts";
import { check, txnSchema } from "../../src/server/http/schemas.ts";
import { EXIT, Failure, UsageError } from "../exit_code.ts";
import { type Context, writeJson, writeLine } from "./context.ts";
import { showResult } from "./display.ts";
import { expectResult, type Store } from "./store.ts";

/** `txn [FILE]` */
export async function txn(context: Context, store: Store): Promise<number> {
  const { terminal, json, signal } = context;
  const result = expectResult(await store.execute(await readTxn(context), signal), "txn");
  if (json) await writeJson(terminal, resultToJson(result));
  else await writeLine(terminal, showResult(result));
  if (!result.succeeded) return EXIT.compareFailed;
  return result.results.some((inner) => inner.type === "error") ? EXIT.failed : EXIT.done;
}

async function readTxn({ terminal, line }: Context): Promise<Txn> {
  const file = line.operands[0];
  const name = file === undefined || file === "-" ? "standard input" : file;
  let bytes: Uint8Array;
  if (file === undefined || file === "-") {
    if (file === undefined && terminal.stdinIsTTY) {
      throw new UsageError("txn needs a file, or JSON on standard input; 'kvclient help txn' has an example");
    }
    bytes = await terminal.readInput();
  } else {
    try {
      bytes = terminal.readFile(file);
    } catch (error) {
      throw new Failure(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  try {
    const text = bytesToTextStrict(bytes);
    if (text === null) throw new Failure(`${name} is not UTF-8`);
    return txnFromJson(check(txnSchema, JSON.parse(text)));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof CodecError || error instanceof HttpProblem) {
      throw new Failure(`${name} is no transaction: ${error.message}`);
    }
    throw error;
  }
}
