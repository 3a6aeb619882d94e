import { clientContract } from "./client_contract.ts";

clientContract("tcp");
clientContract("udp");
clientContract("http");
clientContract("rpc");
