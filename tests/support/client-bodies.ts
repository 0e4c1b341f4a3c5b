// What the clients of the field send for a task, field by field as they do; the tools that run in them are ours. Clients that
// registries have are run themselves (python-clients.ts); these are the others', and shapes that those do not come to by themselves.

/** Where a body's image and files are: `storage` is a URL without a final slash. */
export interface Place {
  readonly image: string;
  readonly storage: string;
}

export interface ClientBody {
  readonly client: string;
  /** The headers that come with it, besides those of the connection. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: (place: Place) => object;
}

const json = { "content-type": "application/json" };

/**
 * Nextflow with nf-ga4gh: no types, a folder and optional outputs declared as files, names with spaces, wildcards with the
 * prefix of its workdir, which no image has. `.command.run` is staged like any other file.
 */
export const nextflow: ClientBody = {
  client: "Nextflow",
  headers: { "content-type": "application/json; charset=utf-8" },
  body: ({ image, storage }) => {
    const file = (name: string) => ({ path: `/work/${name}`, url: `${storage}/work/ab/cd/${name}` });
    return {
      name: "hello (1)",
      inputs: [
        file(".command.sh"),
        file(".command.run"),
        { path: "/work/my data/a file.txt", url: `${storage}/data/my data/a file.txt` },
        { path: "/work/index", url: `${storage}/data/index` },
      ],
      outputs: [
        ...[".command.out", ".command.err", ".command.log", ".exitcode"].map(file),
        file("result dir"),
        file("optional.txt"),
        { path: "/work/*.txt", path_prefix: "/work", url: `${storage}/work/ab/cd` },
        { path: "/work/parts*", path_prefix: "/work", url: `${storage}/work/ab/cd` },
      ],
      resources: { cpu_cores: 1, ram_gb: 0.0625, backend_parameters_strict: false },
      executors: [
        {
          image,
          command: ["bash", "-o", "pipefail", "-c", "bash /work/.command.run 2>&1 | tee /work/.command.log"],
          workdir: "/work",
        },
      ],
    };
  },
};

/** cwl-tes: outputs that overlap, a workdir right below the root, fractions of its own making, the tool's files elsewhere. */
export const cwlTes: ClientBody = {
  client: "cwl-tes",
  headers: json,
  body: ({ image, storage }) => ({
    name: "md5.cwl",
    description: "",
    inputs: [
      {
        name: "whale",
        description: "cwl_input:whale",
        url: `${storage}/whale.txt`,
        path: "/var/lib/cwl/stg0f1e2d3c/whale.txt",
        type: "FILE",
      },
    ],
    outputs: [
      { name: "stdout", url: `${storage}/cwl/md5.txt`, path: "/XyZabc/md5.txt", type: "FILE" },
      { name: "workdir", url: `${storage}/cwl/`, path: "/XyZabc", type: "DIRECTORY" },
    ],
    resources: { cpu_cores: 1, ram_gb: 0.268_435_545_055_438_4, disk_gb: 0.5 },
    executors: [
      {
        image,
        command: ["sh", "-c", "md5sum </var/lib/cwl/stg0f1e2d3c/whale.txt; pwd >log; exit 3"],
        workdir: "/XyZabc",
        stdout: "/XyZabc/md5.txt",
        env: { HOME: "/XyZabc", TMPDIR: "/tmp" },
      },
    ],
    tags: { CWLDocumentId: "file:///home/user/md5.cwl" },
  }),
};

/**
 * Cromwell: nulls for all that is unset, also in backend parameters; the script is an input and an output; `rc` is read
 * whatever the state; a folder for each glob, and a list of what is in it.
 */
export const cromwell: ClientBody = {
  client: "Cromwell",
  headers: json,
  body: ({ image, storage }) => {
    const folder = "/cromwell-executions/wf/1b2c/call-hello/execution";
    const script = [
      "#!/bin/bash",
      `cd ${folder}`,
      "mkdir glob-0f1e",
      "echo a >glob-0f1e/a.txt",
      "ls glob-0f1e >glob-0f1e.list",
      "echo said",
      "echo 5 >rc",
      "exit 5",
    ].join("\n");
    const file = (name: string, type = "FILE") => ({
      name,
      description: null,
      url: `${storage}${folder}/${name}`,
      path: `${folder}/${name}`,
      type,
    });
    return {
      id: null,
      state: null,
      name: "wf.hello",
      description: "1b2c-3d4e",
      inputs: [
        { ...file("script"), name: "commandScript", url: null, content: script },
        { ...file("in.txt"), url: `${storage}/whale.txt`, content: null },
      ],
      outputs: [
        ...["script", "rc", "stdout", "stderr", "glob-0f1e.list"].map((name) => file(name)),
        file("glob-0f1e", "DIRECTORY"),
      ],
      resources: {
        cpu_cores: 1,
        ram_gb: 0.25,
        disk_gb: 1,
        preemptible: false,
        zones: null,
        backend_parameters: { vm_size: null, workflow_execution_identity: null },
      },
      executors: [
        {
          image,
          command: ["/bin/bash", `${folder}/script`],
          workdir: folder,
          stdin: null,
          stdout: `${folder}/stdout`,
          stderr: `${folder}/stderr`,
          env: null,
        },
      ],
      volumes: null,
      tags: { workflow_id: "1b2c-3d4e", root_workflow_id: "1b2c-3d4e" },
      logs: null,
      creation_time: null,
    };
  },
};

/** Toil's batch system, over py-tes 0.4: one executor with a long environment, figures divided by 2^30, no outputs. */
export const toil: ClientBody = {
  client: "Toil",
  headers: { authorization: "Basic Tm9uZTpOb25l" },
  body: ({ image }) => ({
    name: "'HelloWorld' kind-HelloWorld/instance-1 v1",
    inputs: [],
    resources: { cpu_cores: 1, ram_gb: 0.125, disk_gb: 0.000_976_562_5, preemptible: false },
    executors: [
      {
        image,
        command: ["sh", "-c", 'test "$TOIL_WORKDIR" = /tmp && echo toil >"$TOIL_WORKDIR/x" && cat /tmp/x'],
        env: { TOIL_WORKDIR: "/tmp", TOIL_RT_LOGGING_LEVEL: "INFO" },
      },
    ],
  }),
};

/** Sprocket's crankshaft: every type is there, a batch is found again by its tag. */
export const sprocket: ClientBody = {
  client: "Sprocket",
  headers: { ...json, authorization: "Basic dXNlcjpwYXNzd29yZA==" },
  body: ({ image, storage }) => ({
    name: "hello-1",
    inputs: [
      { path: "/mnt/task/inputs/0/whale.txt", url: `${storage}/whale.txt`, type: "FILE" },
      { path: "/mnt/task/command", content: "cat inputs/0/whale.txt >work/out", type: "FILE" },
    ],
    outputs: [
      { path: "/mnt/task/stdout", url: `${storage}/sprocket/stdout`, type: "FILE" },
      { path: "/mnt/task/work", url: `${storage}/sprocket/work`, type: "DIRECTORY" },
    ],
    executors: [
      {
        image,
        command: ["sh", "-c", "cd /mnt/task && sh command"],
        workdir: "/mnt/task/work",
        stdout: "/mnt/task/stdout",
      },
    ],
    resources: { cpu_cores: 1, ram_gb: 0.1, preemptible: false },
    tags: { "crankshaft-batch": "1b2c3d" },
  }),
};

/** The funnel command line: camelCase, FILE left out. */
export const funnel: ClientBody = {
  client: "funnel",
  headers: { ...json, authorization: "Basic Og==" },
  body: ({ image, storage }) => ({
    name: "funnel",
    inputs: [{ url: `${storage}/whale.txt`, path: "/in/whale.txt" }],
    outputs: [{ url: `${storage}/funnel`, path: "/out/*", pathPrefix: "/out" }],
    resources: { cpuCores: 1, ramGb: 0.1, diskGb: 1, backendParametersStrict: false },
    executors: [
      { image, command: ["sh", "-c", "exit 9"], ignoreError: true },
      { image, command: ["cp", "/in/whale.txt", "/out/copy"] },
    ],
    tags: { ramGb: "a tag of the user's own" },
  }),
};

export const clientBodies = [nextflow, cwlTes, cromwell, toil, sprocket, funnel] as const;
