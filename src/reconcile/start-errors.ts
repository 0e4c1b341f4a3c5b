// Errors of a container's start that the next pod would meet as well: a closed list. Everything else, as a kubelet or a runtime
// that is restarted in the middle of a start, is the node's or the moment's. Pure.

/**
 * What runc and crun (by containerd or CRI-O) and the kubelet say of an image, a user, a workdir or a configuration that is
 * wrong. Each names what it is about: "no such file or directory" alone may also be of the runtime's own socket.
 */
const finals: readonly RegExp[] = [
  // The program: runc's `exec: "x": executable file not found in $PATH`, `exec: "/x": permission denied`, `exec /x: exec format error`.
  /exec:? "?[^"]*"?: (stat [^:]*: )?(executable file not found|no such file or directory|permission denied|exec format error|is a directory|not a directory|argument list too long)/i,
  // The same of crun.
  /executable file [`"'][^`"']*[`"'] not found/i,
  /open executable: (no such file or directory|permission denied)/i,
  // The workdir.
  /chdir to (cwd )?.*(no such file or directory|permission denied|not a directory)/i,
  /mkdir \/\S*: (not a directory|read-only file system|permission denied|file exists)/i,
  // The user.
  /unable to find (user|group) /i,
  /no (users|groups) found/i,
  /image will run as root|image has non-numeric user/i,
  // A mount of the task's where the image has a file, or a folder.
  /Are you trying to mount a directory onto a file/i,
  // The task's own limit.
  /memory limit too low/i,
  // The operator's configuration.
  /^(secret|configmap) "[^"]*" not found|couldn't find key /i,
];

export const isFinalStart = (message: string): boolean => finals.some((final) => final.test(message));
