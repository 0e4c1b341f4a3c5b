// npm run bench: measures against a bare pod on the same cluster, in the same run; JSON lines, then a table.
import { parseArgs } from "node:util";
import { benchApi } from "./api.ts";
import { type Figure, printLine, printTable } from "./figures.ts";
import { runBurst, runLatency } from "./on-cluster.ts";

const help = `Usage: npm run bench [-- latency --rounds=N]
       npm run bench -- burst [--tasks=N] [--rounds=N]
       npm run bench -- api [--tasks=N,N] [--store=sqlite,postgres]

  latency  tasks that do nothing, or copy 1 KiB from S3 to S3, POST to COMPLETE, and a bare pod, POST to Succeeded, in turn
  burst    so many no-op tasks at once, and bare pods, in turn; and the calls of the API server that one task costs
  api      the HTTP interface and its store alone: creates, reads, and pages of lists with so many tasks stored; no cluster

One JSON line for each figure on stdout, then a table; progress on stderr.
`;

const stores = ["sqlite", "postgres"] as const;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: "string" },
      tasks: { type: "string" },
      store: { type: "string", default: stores.join() },
      help: { type: "boolean" },
    },
  });
  if (values.help) return void process.stdout.write(help);
  if (positionals[0] === "api") return runApi(values.tasks ?? "1000,100000,1000000", values.store);
  if (positionals[0] === "burst")
    return print(
      await runBurst(count("tasks", values.tasks ?? "100"), count("rounds", values.rounds ?? "3")),
    );
  print(await runLatency(count("rounds", values.rounds ?? "30")));
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${option}="${text}": must be a positive integer`);
  return value;
}

function print(figures: readonly Figure[]): void {
  for (const figure of figures) printLine(figure);
  console.log("");
  printTable(figures);
}

async function runApi(tasks: string, store: string): Promise<void> {
  const counts = tasks.split(",").map(Number);
  if (!counts.every((count) => Number.isInteger(count) && count >= 1000))
    throw new Error(`--tasks="${tasks}": must be integers of at least 1000, with commas between`);
  const chosen = stores.filter((name) => store.split(",").includes(name));
  if (chosen.length !== store.split(",").length)
    throw new Error(`--store="${store}": must be of ${stores.join()}`);
  const figures: Figure[] = [];
  for await (const figure of benchApi({ stores: chosen, tasks: counts })) {
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
