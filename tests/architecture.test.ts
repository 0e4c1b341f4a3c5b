// The import directions of ARCHITECTURE.md, read from the sources. Type-only imports vanish before they are looked at.
import { describe, expect, test } from "bun:test";
import { join, normalize } from "node:path";

interface Edge {
  readonly from: string;
  /** A path from the project's root for a relative import, else the specifier as written. */
  readonly to: string;
}

interface Rule {
  readonly title: string;
  readonly forbids: (edge: Edge) => boolean;
  /** An edge that breaks the rule, and one next to it that does not. */
  readonly fault: Edge;
  readonly sound: Edge;
}

const within = (path: string, ...folders: readonly string[]): boolean =>
  folders.some((folder) => path.startsWith(`${folder}/`));
const isPackage = (to: string, ...names: readonly string[]): boolean =>
  names.some((name) => to === name || to.startsWith(`${name}/`));
const isOwn = (to: string): boolean => within(to, "src", "sidecar");
const zod = ["zod", "@hono/zod-openapi"];

const rules: readonly Rule[] = [
  {
    title: "sidecar never imports src",
    forbids: ({ from, to }) => within(from, "sidecar") && within(to, "src"),
    fault: { from: "sidecar/main.ts", to: "src/log.ts" },
    sound: { from: "sidecar/main.ts", to: "sidecar/roots.ts" },
  },
  {
    title: "src imports nothing of sidecar but its contract",
    forbids: ({ from, to }) =>
      within(from, "src") && within(to, "sidecar") && !within(to, "sidecar/contract"),
    fault: { from: "src/pod/build.ts", to: "sidecar/roots.ts" },
    sound: { from: "src/pod/build.ts", to: "sidecar/contract/paths.ts" },
  },
  {
    title: "the contract imports valibot, node: and itself only",
    forbids: ({ from, to }) =>
      within(from, "sidecar/contract") &&
      !(to.startsWith("node:") || to === "valibot" || within(to, "sidecar/contract")),
    fault: { from: "sidecar/contract/plan.ts", to: "sidecar/within.ts" },
    sound: { from: "sidecar/contract/plan.ts", to: "node:zlib" },
  },
  {
    title: "src/tes imports no other folder but the contract",
    forbids: ({ from, to }) =>
      within(from, "src/tes") && isOwn(to) && !within(to, "src/tes", "sidecar/contract"),
    fault: { from: "src/tes/view.ts", to: "src/store/store.ts" },
    sound: { from: "src/tes/view.ts", to: "src/tes/state.ts" },
  },
  {
    title: "only src/cluster uses values of @kubernetes/*",
    forbids: ({ from, to }) => !within(from, "src/cluster") && to.startsWith("@kubernetes/"),
    fault: { from: "src/pod/build.ts", to: "@kubernetes/client-node" },
    sound: { from: "src/cluster/kubernetes.ts", to: "@kubernetes/client-node" },
  },
  {
    title: "zod stays in src/api and src/tes",
    forbids: ({ from, to }) => isPackage(to, ...zod) && !within(from, "src/api", "src/tes"),
    fault: { from: "src/config.ts", to: "zod" },
    sound: { from: "src/tes/task.ts", to: "@hono/zod-openapi" },
  },
  {
    title: "hono stays in src/api",
    forbids: ({ from, to }) => isPackage(to, "hono") && !within(from, "src/api"),
    fault: { from: "sidecar/main.ts", to: "hono/http-exception" },
    sound: { from: "src/api/problem.ts", to: "hono/http-exception" },
  },
  {
    title: "src/store imports no folder but src/tes",
    forbids: ({ from, to }) => within(from, "src/store") && isOwn(to) && !within(to, "src/store", "src/tes"),
    fault: { from: "src/store/sqlite.ts", to: "src/reconcile/keyed.ts" },
    sound: { from: "src/store/sqlite.ts", to: "src/tes/view.ts" },
  },
  {
    title: "src/cluster imports no other folder",
    forbids: ({ from, to }) => within(from, "src/cluster") && isOwn(to) && !within(to, "src/cluster"),
    fault: { from: "src/cluster/watch.ts", to: "src/pod/names.ts" },
    sound: { from: "src/cluster/watch.ts", to: "src/cluster/cluster.ts" },
  },
  {
    title: "only main.ts imports src/api",
    forbids: ({ from, to }) => within(to, "src/api") && !within(from, "src/api") && from !== "src/main.ts",
    fault: { from: "src/reconcile/reconcile.ts", to: "src/api/app.ts" },
    sound: { from: "src/main.ts", to: "src/api/app.ts" },
  },
];

const root = join(import.meta.dir, "..");

async function readEdges(): Promise<Edge[]> {
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  const edges: Edge[] = [];
  for await (const from of new Bun.Glob("{src,sidecar}/**/*.ts").scan(root)) {
    const source = await Bun.file(join(root, from)).text();
    for (const { path } of transpiler.scanImports(source)) {
      edges.push({ from, to: path.startsWith(".") ? normalize(join(from, "..", path)) : path });
    }
  }
  return edges;
}

const edges = await readEdges();

const offences = ({ forbids }: Rule, candidates: readonly Edge[]): string[] =>
  candidates.filter(forbids).map(({ from, to }) => `${from} imports ${to}`);

describe("import directions", () => {
  test.each(rules.map((rule) => ({ ...rule, rule })))("$title", ({ rule }) => {
    expect(offences(rule, edges)).toEqual([]);
  });

  test.each(rules.map((rule) => ({ ...rule, rule })))("a planted fault is found: $title", ({ rule }) => {
    expect(offences(rule, [rule.sound, rule.fault])).toEqual([`${rule.fault.from} imports ${rule.fault.to}`]);
  });

  test("imports were found at all, of files, packages and node:", () => {
    expect(edges.length).toBeGreaterThan(200);
    expect(edges).toContainEqual({ from: "src/main.ts", to: "src/api/app.ts" });
    expect(edges).toContainEqual({ from: "sidecar/contract/report.ts", to: "valibot" });
    expect(edges).toContainEqual({ from: "sidecar/contract/token.ts", to: "node:crypto" });
  });

  test("type-only imports are none", () => {
    const source = `import type { V1Pod } from "@kubernetes/client-node"; export const of = (pod: V1Pod) => pod;`;
    expect(new Bun.Transpiler({ loader: "ts" }).scanImports(source)).toEqual([]);
  });
});
