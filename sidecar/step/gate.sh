# The gate: first process of an executor container. Holds the command until the supervisor gives it its turn.
# Run as: sh gate STEP_FOLDER, where sh is mksh and busybox lies beside this file. It needs nothing from the image,
# writes nothing, works under any uid, and starts no process that it can do without.
#
# On the report FIFO it says "unwritable" if its folder is, "hello", "stopping" if it was itself told to end while the command
# runs, later "usage BYTES TIME UNIT" and "exit CODE", last "alone"; and what `carry` says, between "carrying" and "carried" when it brings files out. The open descriptor is its sign of life: the kernel closes
# it however the gate dies. From the turn FIFO it reads "run", "done" when its exit was noted, and "leave", at any time; an end
# of file there says that the supervisor is dead. Exit code: the command's; 0 if it was not to run; 125 if the turn never came, or
# was refused.

step=$1
bin=${0%/*}

# As PID 1 the kernel spares us every signal without a handler, SIGPIPE too. Images may name another stop signal than TERM
# (STOPSIGNAL), so the usual ones are all taken.
trap 'exit 143' TERM INT QUIT HUP USR1 USR2 WINCH

[[ -p $step/report && -p $step/turn ]] || exit 125
exec 3>"$step/report" 4<"$step/turn"
# A workdir that the image lacks was made by the runtime, for root alone.
[[ -w . ]] || print -u3 unwritable
# Files of system directories: whether they can be brought into this container.
[[ ! -f $step/places ]] || "$bin/sh" "$bin/carry" check "$step" >&3 2>/dev/null 4<&-
print -u3 hello
turn=
read -r -u4 turn
case $turn in
run) ;;
leave) exit 0 ;;
*) exit 125 ;;
esac

# The supervisor reads the command's streams. While the command runs they are open here as well, for reading too: a supervisor
# that is told to stop may be gone before the command, which must not die of the next line that it prints.
exec 5<>"$step/stdout" 6<>"$step/stderr"

# Monitor mode puts every job into a process group of its own: a forwarded signal reaches the whole tool, never the copies.
# Nobody but the gate may hold descriptors 3 and 4, or its death would go unseen; nor 5 and 6, or the streams would not end.
set -m
copies=
for name in stdout stderr; do
  # What the supervisor gives back for the container's own log. A command may kill this, and harms nothing but that log.
  if [[ -p $step/$name.log ]]; then
    if [[ $name = stdout ]]; then exec 7>&1; else exec 7>&2; fi
    "$bin/busybox" cat "$step/$name.log" >&7 2>/dev/null 3>&- 4<&- 5>&- 6>&- 7>&- &
    copies="$copies $!"
    exec 7>&-
  fi
done
(
  exec 3>&- 4<&- 5>&- 6>&-
  exec "$bin/sh" "$step/run" "$bin"
) &
child=$!
set +m

interrupted=
stopping=
forward() {
  interrupted=1
  # Said before the command can end of it: the supervisor must not take for a failure what came from outside.
  [[ -n $stopping ]] || print -u3 stopping 2>/dev/null
  stopping=1
  kill -"$1" -- -"$child" 2>/dev/null
}
for signal in TERM INT QUIT HUP USR1 USR2 WINCH; do
  trap "forward $signal" "$signal"
done

wait "$child"
code=$?
while [[ -n $interrupted ]]; do
  # A signal ends wait early, with a code above 128. Wait again; after a lower one, 127 says that there is nothing left to
  # wait for: the signal came when the command had just ended.
  interrupted=
  wait "$child" 2>/dev/null
  again=$?
  [[ $again = 127 && $code -le 128 ]] || code=$again
done
exec 5>&- 6>&-

# What the container's cgroup, version 2 or 1, tells of it: peak of memory, processor time. As it stands there: numbers have 32
# bits here.
usage() {
  typeset root=/sys/fs/cgroup peak=- time=- unit=us key value file
  for file in $root/memory.peak $root/memory/memory.max_usage_in_bytes; do
    [[ -r $file ]] && read -r peak <"$file" && break
  done
  if [[ -r $root/cpu.stat ]]; then
    while read -r key value; do [[ $key = usage_usec ]] && time=$value; done <$root/cpu.stat
  elif [[ -r $root/cpuacct/cpuacct.usage ]]; then
    unit=ns
    read -r time <$root/cpuacct/cpuacct.usage
  fi
  print -u3 "usage $peak $time $unit"
}
usage 2>/dev/null
print -u3 "exit $code" 2>/dev/null
# Reads until one of the words comes; false if it is not the first of them. A signal may end a read early, so only an end of
# file (status 1) says the same as "leave".
await() {
  typeset status
  while :; do
    read -r -u4 turn
    status=$?
    [[ $turn = "$1" ]] && return 0
    [[ $turn = leave || $status = 1 ]] && return 1
  done
}

# Whether nothing else lives here any more. What was killed takes a moment; what a user of our own may not kill, a program with
# the setuid bit, stays.
alone() {
  typeset tries=50
  while set -- /proc/[0-9]*; [[ $# -gt 1 ]]; do
    (( tries-- )) || return 1
    "$bin/busybox" sleep 0.01 3>&- 4<&-
  done
}

# The copies end when the supervisor has given all back, which is before it says "done": they need some milliseconds for the rest.
# One that the command has stopped does not end.
copied() {
  typeset tries=50 copy
  for copy in $copies; do
    while kill -0 "$copy" 2>/dev/null; do
      (( tries-- )) || return
      "$bin/busybox" usleep 1000 3>&- 4<&-
    done
  done
}

# Until the supervisor has read the rest of the output.
await done || exit "$code"
trap 'exit "$code"' TERM INT QUIT HUP USR1 USR2 WINCH
copied

# What the command left behind must not live beside the next executor. Only as PID 1: elsewhere -1 means the host. The gate
# itself stays until it may leave, for the end of a container costs the node time just when the next executor starts. Where it
# cannot kill all, it ends: the kernel then ends the rest.
[[ $$ = 1 ]] || exit "$code"
kill -KILL -1 2>/dev/null
wait
isAlone=1
alone || isAlone=
# In the background, so that a signal ends the wait, and the gate, at once.
if [[ -f $step/places ]]; then
  print -u3 carrying
  "$bin/sh" "$bin/carry" out "$step" >&3 2>/dev/null 4<&- &
  wait $!
  print -u3 carried
fi
[[ -n $isAlone ]] || exit "$code"
print -u3 alone
await leave
exit "$code"
