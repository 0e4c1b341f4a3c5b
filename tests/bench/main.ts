// npm run bench: what tespod takes, in turn with what it is compared to; JSON lines, then a table.
import { parseArgs } from "node:util";
import { benchApi } from "./api.ts";
import { type Figure, printLine, printTable } from "./figures.ts";
import { runBurst, runExecutors, runLatency } from "./on-cluster.ts";

const help = `Usage: npm run bench [-- latency] [--rounds=N]
       npm run bench -- executors [--rounds=N]
       npm run bench -- burst [--tasks=N] [--rounds=N]
       npm run bench -- api [--tasks=N,N] [--store=sqlite,postgres]

  latency    tasks that do nothing, or copy 1 KiB from S3 to S3, POST to COMPLETE, and a bare pod, POST to Succeeded, in turn
  executors  the gap between executors, cancels, and the memory of gates, supervisor and service
  burst      so many no-op tasks at once, and bare pods, in turn; and the calls of the API server that one task costs
  api        the HTTP interface and its store alone: creates, reads, and pages of lists with so many tasks stored; no cluster

One JSON line for each figure on stdout, then a table; progress on stderr.
`;

interface Options {
  readonly rounds?: string | undefined;
  readonly tasks?: string | undefined;
  readonly store?: string | undefined;
}

const benches: Readonly<Record<string, (options: Options) => AsyncIterable<Figure>>> = {
  latency: ({ rounds = "30" }) => runLatency(count("rounds", rounds)),
  executors: ({ rounds = "30" }) => runExecutors(count("rounds", rounds)),
  burst: ({ tasks = "100", rounds = "3" }) => runBurst(count("tasks", tasks), count("rounds", rounds)),
  api: ({ tasks = "1000,100000,1000000", store = stores.join() }) =>
    benchApi({ stores: storesOf(store), tasks: tasks.split(",").map((text) => count("tasks", text, 1000)) }),
};

const stores = ["sqlite", "postgres"] as const;

function storesOf(text: string): (typeof stores)[number][] {
  const chosen = stores.filter((name) => text.split(",").includes(name));
  if (chosen.length !== text.split(",").length)
    throw new Error(`--store="${text}": must be of ${stores.join()}`);
  return chosen;
}

function count(option: string, text: string, min = 1): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min)
    throw new Error(`--${option}="${text}": must be an integer of at least ${min}`);
  return value;
}

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: text, tasks: text, store: text, help: { type: "boolean" } },
  });
  if (values.help) return void process.stdout.write(help);
  const [name = "latency"] = positionals;
  const bench = benches[name];
  if (bench === undefined)
    throw new Error(`"${name}" is no bench: must be of ${Object.keys(benches).join(", ")}`);
  await print(bench(values));
}

/** Each line as soon as its figure is known. */
async function print(source: AsyncIterable<Figure>): Promise<void> {
  const figures: Figure[] = [];
  for await (const figure of source) {
    printLine(figure);
    figures.push(figure);
  }
  console.log("");
  printTable(figures);
}

try {
  await main();
  process.exit(0);
} catch (error) {
  console.error(`Bench failed: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
