// npm run bench: what tespod takes, in turn with what it is compared to; JSON lines, then a table.
import { parseArgs } from "node:util";
import { benchApi } from "./api.ts";
import { type Figure, printLine, printTable } from "./figures.ts";
import { benchFiler, parseLoad } from "./filer.ts";
import { runBurst, runExecutors, runLatency, runStaging } from "./on-cluster.ts";

const help = `Usage: npm run bench [-- latency] [--rounds=N]
       npm run bench -- executors [--rounds=N]
       npm run bench -- staging [--rounds=N]
       npm run bench -- burst [--tasks=N] [--rounds=N]
       npm run bench -- api [--tasks=N,N] [--store=sqlite,postgres]
       npm run bench -- filer [--rounds=N] [--sizes=1GiB,10000x4KiB] [--ignore-checksum]

  latency    tasks that do nothing, or copy 1 KiB from S3 to S3, POST to COMPLETE, and a bare pod, POST to Succeeded, in turn
  executors  the gap between executors, cancels, and the memory of gates, supervisor and service
  staging    a large input and an image that is slow to come, staged by init container and by supervisor, in turn
  burst      so many no-op tasks at once, and bare pods, in turn; and the calls of the API server that one task costs
  api        the HTTP interface and its store alone: creates, reads, and pages of lists with so many tasks stored; no cluster
  filer      files to and from an S3 server on this machine, by the sidecar and by Debian's rclone in turn; no cluster. Sizes are
             like 1GiB, 10000x4KiB, 20GiB-sparse; three times the size is needed on disk. With --ignore-checksum rclone
             compares nothing but sizes

One JSON line for each figure on stdout, then a table; progress on stderr.
`;

interface Options {
  readonly rounds?: string | undefined;
  readonly tasks?: string | undefined;
  readonly store?: string | undefined;
  readonly sizes?: string | undefined;
  readonly "ignore-checksum"?: boolean | undefined;
}

const benches: Readonly<Record<string, (options: Options) => AsyncIterable<Figure>>> = {
  latency: ({ rounds = "30" }) => runLatency(count("rounds", rounds)),
  executors: ({ rounds = "30" }) => runExecutors(count("rounds", rounds)),
  staging: ({ rounds = "10" }) => runStaging(count("rounds", rounds)),
  burst: ({ tasks = "100", rounds = "3" }) => runBurst(count("tasks", tasks), count("rounds", rounds)),
  api: ({ tasks = "1000,100000,1000000", store = stores.join() }) =>
    benchApi({ stores: storesOf(store), tasks: tasks.split(",").map((text) => count("tasks", text, 1000)) }),
  filer: ({ rounds = "5", sizes = "1GiB,10000x4KiB", "ignore-checksum": ignores }) =>
    benchFiler({
      loads: sizes.split(",").map(parseLoad),
      rounds: count("rounds", rounds),
      flags: ignores ? ["--ignore-checksum"] : [],
    }),
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
    options: {
      rounds: text,
      tasks: text,
      store: text,
      sizes: text,
      "ignore-checksum": { type: "boolean" },
      help: { type: "boolean" },
    },
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
