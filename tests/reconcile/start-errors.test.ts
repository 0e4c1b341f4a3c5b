// What a container's failed start says of the next pod, in the words that runtimes and kubelets use.
import { expect, test } from "bun:test";
import { isFinalStart } from "../../src/reconcile/start-errors.ts";

const runc = (words: string) =>
  `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ${words}: unknown`;

test.each([
  runc('exec: "foo": executable file not found in $PATH'),
  runc('exec: "/foo": stat /foo: no such file or directory'),
  runc('exec: "/foo": permission denied'),
  runc('exec: "/foo": is a directory'),
  runc('exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory'),
  runc('error during container init: exec: "/foo": exec format error'),
  runc("exec /foo: exec format error"),
  runc("exec /foo: argument list too long"),
  runc('chdir to cwd ("/root/x") set in config.json failed: permission denied'),
  runc('error during container init: chdir to cwd ("/x") set in config.json failed: not a directory'),
  runc("error during container init: mkdir /etc/passwd: not a directory"),
  runc("error during container init: mkdir /x: read-only file system"),
  runc(
    'error during container init: error mounting "/var/lib/kubelet/pods/u/volume-subpaths/work/exec-0/2" to rootfs at "/etc/passwd": mount src=/x, dst=/etc/passwd: not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type',
  ),
  runc("container init was OOM-killed (memory limit too low?)"),
  'container_linux.go:380: starting container process caused: exec: "foo": executable file not found in $PATH: unknown',
  "container create failed: executable file `foo` not found in $PATH: No such file or directory",
  "container create failed: open executable: Permission denied",
  "container create failed: chdir to `/x`: No such file or directory",
  'container create failed: setup user: unable to find user "nobody1": no matching entries in passwd file',
  "failed to create containerd container: unable to find group 77x: no matching entries in group file",
  "failed to create containerd container: failed to apply OCI options: mount callback failed on /tmp/containerd-mount1: no users found",
  'container has runAsNonRoot and image will run as root (pod: "tes-a-1_ns(uid)", container: exec-0)',
  'secret "tespod-report-key" not found',
  "couldn't find key report-key in Secret ns/tespod-report-key",
])("the next pod would meet it as well: %s", (message) => {
  expect(isFinalStart(message)).toBe(true);
});

test.each([
  "",
  "context canceled",
  "failed to create containerd task: failed to create shim task: context canceled: unknown",
  "failed to create containerd task: failed to create shim task: context deadline exceeded: unknown",
  "failed to create containerd task: failed to start shim: start failed: : signal: killed: unknown",
  "failed to create containerd task: failed to create shim task: ttrpc: closed: unknown",
  'failed to start containerd task "exec-0": ttrpc: closed: unknown',
  "rpc error: code = Unavailable desc = transport is closing",
  "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
  'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: no such file or directory"',
  'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: permission denied"',
  "failed to create containerd task: failed to create shim task: open /run/containerd/io.containerd.runtime.v2.task/k8s.io/0a/config.json: no such file or directory: unknown",
  "failed to create containerd container: failed to stat /var/lib/containerd/overlayfs/snapshots/7/fs: no such file or directory",
  'failed to reserve container name "exec-0_tes-a-1_ns_u_0": name "exec-0_tes-a-1_ns_u_0" is reserved for "0a1b"',
  "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc did not terminate successfully: exit status 255: unknown",
  runc("error during container init: write /proc/self/attr/keycreate: invalid argument"),
  runc(
    'error during container init: error mounting "/var/lib/kubelet/pods/u/volume-subpaths/work/exec-0/2" to rootfs at "/x": stat /var/lib/kubelet/pods/u/volume-subpaths/work/exec-0/2: no such file or directory',
  ),
  runc("can't get final child's PID from pipe: EOF"),
  runc("unable to apply cgroup configuration: cgroup path: device or resource busy"),
  "failed to get sandbox container task: no running task found: task 0a not found: not found",
  'sandbox container "0a" is not running',
  "failed to sync secret cache: timed out waiting for the condition",
  'failed to prepare subPath for volumeMount "steps" of container "exec-0"',
  "write /var/lib/containerd/x: no space left on device",
])("another pod may do better: %s", (message) => {
  expect(isFinalStart(message)).toBe(false);
});
