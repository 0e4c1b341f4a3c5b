# Run in place of a program that the kernel could not start for its format. A text is one for the image's own /bin/sh, as
# execvp has it; anything else is refused in words: a shell that reads it makes nonsense of it.
# Run as: no-format PROGRAM [ARGUMENT]..., by the gate's shell (EXECSHELL); or no-format -t PROGRAM, before somebody starts it
# who would give it to a shell: then 0 if the kernel may know the format. The line that names the interpreter is written
# above this one when it is laid out. Starts no process and writes no file: the image may have nothing to do it with.

set +U
refuse() {
  print -ru2 -- "$program: cannot be executed on this machine: $1"
  exit 126
}
headOf() { # FILE: its first bytes as numbers, in head
  read -r -N 128 -a head <"$1" || ((${#head[@]} > 0)) || [[ -r $1 ]]
}
isElf() { [[ ${head[0]} = 127 && ${head[1]} = 69 && ${head[2]} = 76 && ${head[3]} = 70 ]]; }
machine() { # of an ELF file: its number, in REPLY; 5 is 2 where the bytes are turned around
  if [[ ${head[5]} = 2 ]]; then REPLY=$((head[18] * 256 + head[19])); else REPLY=$((head[18] + 256 * head[19])); fi
}
machineName() {
  case $1 in
  3) REPLY='x86, 32 bits' ;;
  8) REPLY=mips ;;
  20 | 21) REPLY=ppc64 ;;
  22) REPLY=s390x ;;
  40) REPLY='arm, 32 bits' ;;
  62) REPLY=amd64 ;;
  183) REPLY=arm64 ;;
  243) REPLY=riscv ;;
  258) REPLY=loongarch ;;
  *) REPLY="number $1" ;;
  esac
}
isText() { # as shells judge it: no NUL in the first line
  typeset byte
  for byte in "${head[@]}"; do
    [[ $byte = 10 ]] && return 0
    [[ $byte = 0 ]] && return 1
  done
  return 0
}

[[ $1 = -t ]] && before=1 && shift
program=$1
set -A head
headOf "$program" 2>/dev/null || refuse "its format is unknown, and it cannot be read"
if isElf; then
  machine
  theirs=$REPLY
  headOf "${0%/*}/sh"
  machine
  ours=$REPLY
  # Before it is tried, its own machine and the smaller one that this one runs as well are let pass.
  case $before.$ours.$theirs in
  1.$ours.$ours | 1.62.3 | 1.183.40) exit 0 ;;
  esac
  machineName "$theirs"
  name=$REPLY
  machineName "$ours"
  [[ $theirs = "$ours" ]] && refuse "it is a damaged program, or one that this kernel does not know, of its own architecture ($name)"
  refuse "it is a program for another architecture ($name; this is $REPLY)"
fi
isText || refuse "it is neither a program of this architecture nor a text"
[[ -n $before ]] && exit 0
[[ ${head[0]} = 35 && ${head[1]} = 33 ]] && refuse "the interpreter that its first line names is no program of this architecture"
[[ -x /bin/sh ]] || refuse "it is a text that names no interpreter in a first line, and the image has no /bin/sh"
exec /bin/sh "$@"
