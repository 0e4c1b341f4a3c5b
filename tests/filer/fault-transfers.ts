// Fault transfers: what the n-th transfer of the fault proof is, drawn from a seed.
import type { Fault, FaultPlan } from "./fault-proxy.ts";

export type Store = "s3" | "http" | "s3-tls" | "https";

export interface Transfer {
  index: number;
  store: Store;
  direction: "down" | "up";
  bytes: Buffer;
  plan: FaultPlan;
  /** Whether an upload finds an earlier file in its place. */
  replaces: boolean;
  /** Whose certificates are trusted. */
  trusts: "authority" | "stranger";
}

type Draw = (below: number) => number;

/** Marsaglia's xorshift: the same numbers for the same seed everywhere. */
function draws(seed: number): Draw {
  let state = seed >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  for (let warm = 0; warm < 10; warm += 1) next();
  return (below) => next() % below;
}

const pick = <Value>(values: readonly Value[], draw: Draw): Value => values[draw(values.length)] as Value;

const SMALL = [0, 1, 1000, 65_536, 300_000];
const MIB = 1024 * 1024;

export function makeTransfer(index: number, seed: number, stores: readonly Store[]): Transfer {
  const draw = draws(seed + index * 7919);
  // Most over plain connections, where a proxy can do most.
  const store = pick([...stores, ...stores.slice(0, stores.length / 2)], draw);
  const direction = pick(["down", "up"] as const, draw);
  const isTls = store === "s3-tls" || store === "https";
  const fault = isTls ? rawFault(draw) : plainFault(direction, store, draw);
  const large = fault.kind !== "slow" && draw(8) === 0;
  const size = large ? 5 * MIB + draw(6 * MIB) : pick(SMALL, draw);
  const side = sideOf(fault, direction, draw);
  return {
    index,
    store,
    direction,
    bytes: randomBytes(size, draw),
    plan: {
      fault,
      side,
      skip: draw(3) === 0 ? draw(4) : 0,
      times: timesOf(side, direction, draw),
      sparesLooks: direction === "down",
    },
    replaces: draw(2) === 0,
    trusts: isTls && draw(8) === 0 ? "stranger" : "authority",
  };
}

/** Now and then for ever; but the answers to an upload not so often that what it began cannot be removed any more. */
function timesOf(side: FaultPlan["side"], direction: Transfer["direction"], draw: Draw): number {
  if (direction === "up" && side === "answer") return 1 + draw(4);
  return pick([1, 1, 2, 3, Number.POSITIVE_INFINITY], draw);
}

function sideOf(fault: Fault, direction: Transfer["direction"], draw: Draw): FaultPlan["side"] {
  if (direction === "down" || fault.kind === "length") return "answer";
  // Who refuses does so before it is done.
  if (fault.kind === "status" && fault.status < 429) return "request";
  // An answer that is garbled may name another upload than the server's, or none.
  if (fault.kind === "flip") return "request";
  return draw(3) === 0 ? "answer" : "request";
}

const eighth = (draw: Draw) => pick([0, 1, 2, 3, 4, 5, 6, 7, 8] as const, draw);

function plainFault(direction: Transfer["direction"], store: Store, draw: Draw): Fault {
  const faults: Fault[] = [
    { kind: "cut", at: eighth(draw), how: "reset" },
    { kind: "cut", at: eighth(draw), how: "end" },
    { kind: "cut", at: eighth(draw), how: pick(["reset", "end"], draw) },
    { kind: "stall", at: eighth(draw) },
    { kind: "slow" },
    { kind: "status", status: pick([500, 503, 429, 502], draw), retryAfter: "1" },
    { kind: "status", status: pick([500, 503, 429, 404, 403], draw) },
  ];
  if (direction === "down") faults.push({ kind: "length", by: pick([-1, -500, 1, 70_000], draw) });
  // Nothing obliges a web server to look whether what it was sent is what arrived: over TLS the connection does.
  if (direction === "down" || store === "s3")
    faults.push({ kind: "flip", at: eighth(draw) }, { kind: "flip", at: 3 });
  return pick(faults, draw);
}

function rawFault(draw: Draw): Fault {
  return pick<Fault>(
    [
      { kind: "cut", at: eighth(draw), how: "reset" },
      { kind: "cut", at: eighth(draw), how: "end" },
      { kind: "stall", at: eighth(draw) },
      { kind: "flip", at: eighth(draw) },
      { kind: "flip", at: 0 },
    ],
    draw,
  );
}

function randomBytes(size: number, draw: Draw): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(draw(0x1_0000_0000), at);
  return bytes;
}
