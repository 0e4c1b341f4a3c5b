// readConfig: the environment as the service reads it, and every fault of it at once.
import { describe, expect, test } from "bun:test";
import { ConfigError, readConfig } from "../src/config.ts";

const least = { TESPOD_SIDECAR_IMAGE: "tespod-sidecar:1", TESPOD_AUTH: "none" };
const read = (environment: Record<string, string | undefined>) => readConfig({ ...least, ...environment });

function messageOf(environment: Record<string, string | undefined>): string {
  try {
    readConfig(environment);
    return "no error";
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

test("only the sidecar's image must be set, and who may use the API; these are the defaults", () => {
  expect(readConfig(least)).toEqual({
    host: "0.0.0.0",
    port: 8080,
    bodiesBytesMax: 33_554_432,
    internalPort: 8081,
    database: "tespod.db",
    corsOrigins: [],
    namespace: "default",
    pods: {
      instance: "tespod",
      sidecarImage: "tespod-sidecar:1",
      work: { kind: "emptyDir" },
      staging: "init",
      storageSecrets: [],
      reportKeySecret: "tespod-report-key",
      imagePullSecrets: [],
      defaults: { cpuCores: 0.1, ramGb: 0.125, diskGb: 10 },
      offer: {
        max: {},
        wallSecondsMax: 604_800,
        gpusMax: 0,
        gpuTypes: [],
        priorityClasses: [],
        runtimeClasses: [],
        serviceAccounts: [],
        nodeLabels: {},
      },
      preemptible: { nodeSelector: {}, tolerations: [] },
      gpu: { resource: "nvidia.com/gpu", typeLabel: "nvidia.com/gpu.product" },
      executorCapabilities: [
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETFCAP",
        "SETGID",
        "SETUID",
      ],
      logHeadBytes: 2048,
      logTailBytes: 8192,
      strictOutputs: false,
    },
    policy: {
      attemptsMax: 3,
      retryUnknown: false,
      imagePullSecondsMax: 300,
      containerStartSecondsMax: 120,
      podStartSecondsMax: 900,
      reportSecondsMax: 0,
      cancelGraceSeconds: 5,
      sharedClaim: false,
      preemptedState: "SYSTEM_ERROR",
    },
    creates: { concurrency: 16, perSecond: 100 },
    info: {
      id: "tespod",
      name: "tespod",
      organization: { name: "unknown", url: "https://example.org" },
      storage: [],
    },
  });
});

test("an empty value is as none, and other variables are not looked at", () => {
  const none = {
    TESPOD_PORT: "",
    TESPOD_CALLBACK_URL: "",
    KUBECONFIG: "",
    TESPOD_STORAGE_SECRETS: undefined,
  };
  expect(read({ ...none, HOME: "/root", TESPOD_UNKNOWN: "x" })).toEqual(readConfig(least));
});

describe("reads", () => {
  test.each<{ title: string; environment: Record<string, string>; expected: object }>([
    {
      title: "where it serves and stores",
      environment: { TESPOD_HOST: "127.0.0.1", TESPOD_PORT: "0", TESPOD_DATABASE: "/data/tes.db" },
      expected: { host: "127.0.0.1", port: 0, database: "/data/tes.db" },
    },
    {
      title: "where pods run",
      environment: { TESPOD_NAMESPACE: "tasks", KUBECONFIG: "/home/u/.kube/config", TESPOD_INSTANCE: "blue" },
      expected: { namespace: "tasks", kubeconfig: "/home/u/.kube/config", pods: { instance: "blue" } },
    },
    {
      title: "sites whose pages may use it",
      environment: { TESPOD_CORS_ORIGINS: "https://a.example, http://localhost:3000,*" },
      expected: { corsOrigins: ["https://a.example", "http://localhost:3000", "*"] },
    },
    {
      title: "lists, without their spaces and empty items",
      environment: {
        TESPOD_STORAGE_SECRETS: " a, b,,c ",
        TESPOD_IMAGE_PULL_SECRETS: "r",
        TESPOD_INFO_STORAGE: "s3://a,file:///b",
      },
      expected: {
        pods: { storageSecrets: ["a", "b", "c"], imagePullSecrets: ["r"] },
        info: { storage: ["s3://a", "file:///b"] },
      },
    },
    {
      title: "a URL without its trailing slashes",
      environment: { TESPOD_CALLBACK_URL: "http://tespod.default.svc:8080/base//" },
      expected: { pods: { callbackUrl: "http://tespod.default.svc:8080/base" } },
    },
    {
      title: "fractions",
      environment: {
        TESPOD_DEFAULT_CPU_CORES: "0.5",
        TESPOD_DEFAULT_RAM_GB: "2",
        TESPOD_DEFAULT_DISK_GB: "0.25",
      },
      expected: { pods: { defaults: { cpuCores: 0.5, ramGb: 2, diskGb: 0.25 } } },
    },
    {
      title: "maxima",
      environment: { TESPOD_CPU_CORES_MAX: "64", TESPOD_RAM_GB_MAX: "0.5", TESPOD_DISK_GB_MAX: "1000" },
      expected: { pods: { offer: { max: { cpuCores: 64, ramGb: 0.5, diskGb: 1000 } } } },
    },
    {
      title: "where preemptible tasks go",
      environment: {
        TESPOD_PREEMPTIBLE_NODE_SELECTOR: "example.org/spot=true, pool=a",
        TESPOD_PREEMPTIBLE_TOLERATIONS:
          "spot, example.org/spot=true:NoSchedule,x:NoExecute,y=:PreferNoSchedule",
      },
      expected: {
        pods: {
          preemptible: {
            nodeSelector: { "example.org/spot": "true", pool: "a" },
            tolerations: [
              { key: "spot", operator: "Exists" },
              { key: "example.org/spot", operator: "Equal", value: "true", effect: "NoSchedule" },
              { key: "x", operator: "Exists", effect: "NoExecute" },
              { key: "y", operator: "Equal", value: "", effect: "PreferNoSchedule" },
            ],
          },
        },
      },
    },
    {
      title: "what tasks may wish besides",
      environment: {
        TESPOD_GPUS_MAX: "8",
        TESPOD_GPU_RESOURCE: "amd.com/gpu",
        TESPOD_GPU_TYPES: "mi300,mi250",
        TESPOD_GPU_TYPE_LABEL: "amd.com/gpu.family",
        TESPOD_PRIORITY_CLASSES: "low,high",
        TESPOD_RUNTIME_CLASSES: "gvisor",
        TESPOD_SERVICE_ACCOUNTS: "reader",
        TESPOD_NODE_LABELS: "vm_size=node.kubernetes.io/instance-type, example.org/Pool",
      },
      expected: {
        pods: {
          offer: {
            gpusMax: 8,
            gpuTypes: ["mi300", "mi250"],
            priorityClasses: ["low", "high"],
            runtimeClasses: ["gvisor"],
            serviceAccounts: ["reader"],
            nodeLabels: {
              vm_size: "node.kubernetes.io/instance-type",
              "example.org/Pool": "example.org/Pool",
            },
          },
          gpu: { resource: "amd.com/gpu", typeLabel: "amd.com/gpu.family" },
        },
      },
    },
    {
      title: "bounds and policy",
      environment: {
        TESPOD_ATTEMPTS_MAX: "1",
        TESPOD_IMAGE_PULL_SECONDS_MAX: "60",
        TESPOD_CONTAINER_START_SECONDS_MAX: "30",
        TESPOD_CANCEL_GRACE_SECONDS: "0",
        TESPOD_PREEMPTED_STATE: "PREEMPTED",
        TESPOD_WALL_SECONDS_MAX: "3600",
        TESPOD_LOG_HEAD_BYTES: "0",
        TESPOD_LOG_TAIL_BYTES: "1",
        TESPOD_CREATES_CONCURRENCY: "2",
        TESPOD_CREATES_PER_SECOND: "3",
        TESPOD_STAGING: "supervisor",
      },
      expected: {
        policy: {
          attemptsMax: 1,
          imagePullSecondsMax: 60,
          containerStartSecondsMax: 30,
          cancelGraceSeconds: 0,
          preemptedState: "PREEMPTED",
        },
        pods: { offer: { wallSecondsMax: 3600 }, logHeadBytes: 0, logTailBytes: 1, staging: "supervisor" },
        creates: { concurrency: 2, perSecond: 3 },
      },
    },
    {
      title: "a volume of each task's own",
      environment: { TESPOD_WORK_VOLUME: "ephemeral" },
      expected: { pods: { work: { kind: "ephemeral" } } },
    },
    {
      title: "the same with a storage class",
      environment: { TESPOD_WORK_VOLUME: "ephemeral", TESPOD_WORK_STORAGE_CLASS: "fast" },
      expected: { pods: { work: { kind: "ephemeral", storageClass: "fast" } } },
    },
    {
      title: "a claim that all tasks share",
      environment: { TESPOD_WORK_VOLUME: "claim", TESPOD_WORK_CLAIM: "shared" },
      expected: { pods: { work: { kind: "claim", claim: "shared" } } },
    },
    {
      title: "files that tasks share, which service-info names beside other storage",
      environment: {
        TESPOD_FILES_CLAIM: "share",
        TESPOD_FILES_ROOT: "/mnt/share/",
        TESPOD_FILES_BASES: "/mnt/share/data//, /mnt/share/a b",
        TESPOD_INFO_STORAGE: "s3://a",
      },
      expected: {
        pods: {
          files: { claim: "share", root: "/mnt/share", bases: ["/mnt/share/data", "/mnt/share/a b"] },
        },
        info: { storage: ["s3://a", "file:///mnt/share/data", "file:///mnt/share/a%20b"] },
      },
    },
    {
      title: "all of a claim as such files",
      environment: { TESPOD_FILES_CLAIM: "share", TESPOD_FILES_ROOT: "/" },
      expected: { pods: { files: { root: "/", bases: ["/"] } }, info: { storage: ["file:///"] } },
    },
    {
      title: "such files in place",
      environment: {
        TESPOD_FILES_CLAIM: "share",
        TESPOD_FILES_ROOT: "/mnt/share",
        TESPOD_FILES_BASES: "/mnt/share/data,/mnt/share/",
        TESPOD_FILES_IN_PLACE: "true",
      },
      expected: { pods: { files: { inPlace: true } } },
    },
    {
      title: "how long transfers may take",
      environment: { TESPOD_TRANSFER_SECONDS_MAX: "3600", TESPOD_UPLOAD_SECONDS_MAX: "86400" },
      expected: { pods: { transferSecondsMax: { transfer: 3600, upload: 86_400 } } },
    },
    {
      title: "an identity for storage",
      environment: {
        TESPOD_WEB_IDENTITY_AUDIENCE: "sts.amazonaws.com",
        TESPOD_WEB_IDENTITY_SERVICE_ACCOUNT: "storage",
      },
      expected: {
        pods: {
          webIdentity: {
            audience: "sts.amazonaws.com",
            expirationSeconds: 3600,
            serviceAccount: "storage",
          },
        },
      },
    },
    {
      title: "what service-info says",
      environment: {
        TESPOD_INFO_ID: "org.example.tes",
        TESPOD_INFO_NAME: "Example",
        TESPOD_INFO_DESCRIPTION: "d",
        TESPOD_INFO_ORGANIZATION_NAME: "Org",
        TESPOD_INFO_ORGANIZATION_URL: "https://org.example",
        TESPOD_INFO_CONTACT_URL: "mailto:tes@org.example",
        TESPOD_INFO_DOCUMENTATION_URL: "https://org.example/docs/",
        TESPOD_INFO_ENVIRONMENT: "test",
      },
      expected: {
        info: {
          id: "org.example.tes",
          name: "Example",
          description: "d",
          organization: { name: "Org", url: "https://org.example" },
          contactUrl: "mailto:tes@org.example",
          documentationUrl: "https://org.example/docs",
          environment: "test",
        },
      },
    },
  ])("$title", ({ environment, expected }) => {
    expect(read(environment)).toMatchObject(expected);
  });
});

describe("refuses", () => {
  test.each<{ name: string; value: string; message: string }>([
    { name: "TESPOD_PORT", value: "http", message: "Must be an integer" },
    { name: "TESPOD_PORT", value: "-1", message: "Must be an integer" },
    { name: "TESPOD_PORT", value: "65536", message: "65535" },
    { name: "TESPOD_INTERNAL_PORT", value: "65536", message: "65535" },
    { name: "TESPOD_AUTH", value: "off", message: 'Must be "none"' },
    { name: "TESPOD_ATTEMPTS_MAX", value: "0", message: "1" },
    { name: "TESPOD_ATTEMPTS_MAX", value: "11", message: "10" },
    { name: "TESPOD_WALL_SECONDS_MAX", value: "59", message: "60" },
    { name: "TESPOD_LOG_TAIL_BYTES", value: "1e3", message: "Must be an integer" },
    { name: "TESPOD_DEFAULT_RAM_GB", value: "2Gi", message: "Must be a number" },
    { name: "TESPOD_DEFAULT_RAM_GB", value: "0", message: "0.001" },
    { name: "TESPOD_FILES_ROOT", value: "mnt", message: "Must be an absolute path" },
    { name: "TESPOD_FILES_BASES", value: "/mnt/../etc", message: 'without ".."' },
    { name: "TESPOD_STAGING_SECONDS_MAX", value: "3000000", message: "2000000" },
    { name: "TESPOD_WEB_IDENTITY_SECONDS", value: "60", message: "600" },
    { name: "TESPOD_CALLBACK_URL", value: "tespod:8080", message: "Must begin with http:// or https://" },
    { name: "TESPOD_CALLBACK_URL", value: "http://", message: "Must be a URL" },
    { name: "TESPOD_INSTANCE", value: "Upper", message: "Must be a DNS label" },
    { name: "TESPOD_INSTANCE", value: "a".repeat(64), message: "Must be a DNS label" },
    { name: "TESPOD_WORK_VOLUME", value: "pvc", message: '"emptyDir"' },
    { name: "TESPOD_CORS_ORIGINS", value: "https://a.example/", message: "without a path" },
    { name: "TESPOD_CORS_ORIGINS", value: "https://a.example,a.example", message: "Must be origins" },
    { name: "TESPOD_CORS_ORIGINS", value: "null", message: "Must be origins" },
    { name: "TESPOD_CPU_CORES_MAX", value: "many", message: "Must be a number" },
    { name: "TESPOD_RAM_GB_MAX", value: "0", message: "0.001" },
    { name: "TESPOD_GPUS_MAX", value: "-1", message: "Must be an integer" },
    { name: "TESPOD_GPU_RESOURCE", value: "nvidia gpu", message: "Must be the key of a label" },
    { name: "TESPOD_GPU_TYPES", value: "T4,A 100", message: "Must be values of a label" },
    { name: "TESPOD_PRIORITY_CLASSES", value: "low,High", message: "Must be names" },
    { name: "TESPOD_SERVICE_ACCOUNTS", value: "a/b", message: "Must be names" },
    { name: "TESPOD_NODE_LABELS", value: "a=b=c", message: '"name=label"' },
    { name: "TESPOD_NODE_LABELS", value: "a b", message: '"name=label"' },
    { name: "TESPOD_NODE_LABELS", value: "a=", message: '"name=label"' },
    { name: "TESPOD_NODE_LABELS", value: "GPU=example.org/gpu", message: "none of wall_seconds, gpu" },
    { name: "TESPOD_NODE_LABELS", value: "pool,Pool", message: "names that differ" },
    { name: "TESPOD_PREEMPTIBLE_NODE_SELECTOR", value: "spot", message: '"key=value"' },
    { name: "TESPOD_PREEMPTIBLE_TOLERATIONS", value: "spot:Never", message: '"key:NoExecute"' },
    { name: "TESPOD_PREEMPTIBLE_TOLERATIONS", value: "a=b=c", message: '"key:NoExecute"' },
    { name: "TESPOD_PREEMPTIBLE_TOLERATIONS", value: "=a:NoSchedule", message: '"key:NoExecute"' },
    { name: "TESPOD_PREEMPTIBLE_TOLERATIONS", value: "a:NoSchedule:b", message: '"key:NoExecute"' },
    { name: "TESPOD_FILES_IN_PLACE", value: "yes", message: '"true"' },
    { name: "TESPOD_STAGING", value: "later", message: '"init"' },
    { name: "TESPOD_PREEMPTED_STATE", value: "UNKNOWN", message: '"SYSTEM_ERROR"' },
  ])('$name="$value"', ({ name, value, message }) => {
    const said = messageOf({ ...least, [name]: value });
    expect(said).toStartWith(`Cannot start: ${name}="${value}": `);
    expect(said).toContain(message);
  });

  test("a missing sidecar image", () => {
    expect(messageOf({})).toBe("Cannot start: TESPOD_SIDECAR_IMAGE is required");
  });

  test.each([
    {
      title: "a service of which it is not said who may use it",
      access: { TESPOD_AUTH: "" },
      message: "it is not said who may use the API",
    },
    {
      title: "users and no users at once",
      access: { TESPOD_AUTH_FILE: "/users.json" },
      message: 'TESPOD_AUTH="none" and TESPOD_AUTH_FILE="/users.json" contradict each other',
    },
  ])("$title, and names both ways out", ({ access, message }) => {
    expect(messageOf({ ...least, ...access })).toBe(
      `Cannot start: ${message}: set TESPOD_AUTH_FILE to a file that names its users, ` +
        'or TESPOD_AUTH="none" to let everybody who reaches it use it',
    );
  });

  test("one port for clients and for what is internal", () => {
    expect(messageOf({ ...least, TESPOD_PORT: "9000", TESPOD_INTERNAL_PORT: "9000" })).toBe(
      'Cannot start: TESPOD_INTERNAL_PORT="9000": Must differ from TESPOD_PORT, which clients reach',
    );
    expect(messageOf({ ...least, TESPOD_PORT: "8081" })).toContain('TESPOD_INTERNAL_PORT="8081"');
    expect(read({ TESPOD_PORT: "0", TESPOD_INTERNAL_PORT: "0" })).toMatchObject({ port: 0, internalPort: 0 });
  });

  test("defaults above their maxima", () => {
    const environment = {
      ...least,
      TESPOD_RAM_GB_MAX: "0.1",
      TESPOD_DEFAULT_CPU_CORES: "3",
      TESPOD_CPU_CORES_MAX: "2",
    };
    expect(messageOf(environment)).toBe(
      'Cannot start: TESPOD_DEFAULT_CPU_CORES="3": Must be at most TESPOD_CPU_CORES_MAX="2"; ' +
        'TESPOD_DEFAULT_RAM_GB="0.125": Must be at most TESPOD_RAM_GB_MAX="0.1"',
    );
  });

  test("a claim without its name", () => {
    expect(messageOf({ ...least, TESPOD_WORK_VOLUME: "claim" })).toBe(
      'Cannot start: TESPOD_WORK_CLAIM is required with TESPOD_WORK_VOLUME="claim"',
    );
  });

  test.each<{ files: Record<string, string>; message: string }>([
    { files: { CLAIM: "share" }, message: "TESPOD_FILES_CLAIM and TESPOD_FILES_ROOT are required" },
    { files: { ROOT: "/mnt" }, message: "TESPOD_FILES_CLAIM and TESPOD_FILES_ROOT are required" },
    { files: { BASES: "/mnt" }, message: "are required with TESPOD_FILES_BASES" },
    {
      files: { CLAIM: "share", ROOT: "/mnt", BASES: "/mnt/a,/mnt2" },
      message: 'TESPOD_FILES_BASES="/mnt/a,/mnt2": "/mnt2" must be in TESPOD_FILES_ROOT="/mnt"',
    },
    { files: { IN_PLACE: "true" }, message: "are required with TESPOD_FILES_IN_PLACE" },
    {
      files: { CLAIM: "share", ROOT: "/mnt", BASES: "/mnt/a", IN_PLACE: "true" },
      message:
        'TESPOD_FILES_IN_PLACE="true": TESPOD_FILES_BASES="/mnt/a" must be all of TESPOD_FILES_ROOT="/mnt"',
    },
  ])("shared files that are only half named: $files", ({ files, message }) => {
    const named = Object.entries(files).map(([name, value]) => [`TESPOD_FILES_${name}`, value]);
    expect(messageOf({ ...least, ...Object.fromEntries(named) })).toContain(message);
  });

  test("every fault at once", () => {
    const said = messageOf({ TESPOD_PORT: "x", TESPOD_STAGING: "y", TESPOD_INFO_CONTACT_URL: "z" });
    for (const name of ["TESPOD_SIDECAR_IMAGE", "TESPOD_PORT", "TESPOD_STAGING", "TESPOD_INFO_CONTACT_URL"]) {
      expect(said).toContain(name);
    }
  });
});

test("executors have the capabilities that are named, or none", () => {
  const capabilities = (TESPOD_EXECUTOR_CAPABILITIES: string) =>
    read({ TESPOD_EXECUTOR_CAPABILITIES }).pods.executorCapabilities;
  expect(capabilities("setuid, CAP_CHOWN,SETUID")).toEqual(["CHOWN", "SETUID"]);
  expect(capabilities("none")).toEqual([]);
  expect(messageOf({ ...least, TESPOD_EXECUTOR_CAPABILITIES: "CHOWN,SYS_ADMIN" })).toStartWith(
    'Cannot start: TESPOD_EXECUTOR_CAPABILITIES="CHOWN,SYS_ADMIN": Must be "none", or of AUDIT_WRITE, CHOWN, ',
  );
});
