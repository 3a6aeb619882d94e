import { clientContract } from "./client_contract.ts";

clientContract("tcp");
clientContract("udp");
clientContract("http");
clientContract("rpc");
for (const protocol of ["tcp", "http", "rpc"] as const) clientContract(protocol, true);
