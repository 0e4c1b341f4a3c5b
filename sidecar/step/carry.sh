# Brings files of system directories, which no mount may hide, from the work volume into the executor's own root, and back.
# Run as: sh carry MODE STEP_FOLDER, as the container's user. STEP_FOLDER/places has the paths; what lies at the i-th of them is
# carried/i beside that folder. Modes:
#   check   prints "unplaced i" for each path in whose directory the user may not write
#   in      before the command; 125, with the reason on stderr, if one cannot be brought in
#   out     when nothing of the executor lives; prints "lost i REASON" for each that cannot be kept

step=$2
bin=${0%/*}
carried=${step%/*}/carried
busybox() { "$bin/busybox" "$@"; }
set -A paths
set -A streams
. "$step/places"

isThere() { [[ -e $1 || -L $1 ]]; }
holderOf() { REPLY=${1%/*}; [[ -n $REPLY ]] || REPLY=/; }
# Whether the user may make and replace what lies there: in its directory, or in the first above it that is there.
mayPlace() {
  holderOf "$1"
  while ! isThere "$REPLY"; do holderOf "$REPLY"; done
  [[ -d $REPLY && -w $REPLY && -x $REPLY ]]
}
# What changes with each change: no tool can set the time of it.
stampOf() { busybox stat -c '%d %i %z %s' "$1" 2>/dev/null; }

check() {
  typeset i
  for i in "${!paths[@]}"; do
    mayPlace "${paths[i]}" || print "unplaced $i"
  done
}

bringIn() { # INDEX
  typeset path=${paths[$1]} from=$carried/$1
  mayPlace "$path" || return 0
  holderOf "$path"
  [[ -d $REPLY ]] || busybox mkdir -p "$REPLY" || return 1
  if [[ -n ${streams[$1]} ]]; then
    # The supervisor writes to the file; by its name the command reads and writes the same.
    [[ -d $path ]] || busybox ln -sfn "$from" "$path"
    return 0
  fi
  isThere "$from" || return 0
  [[ -d $path && ! -L $path ]] || busybox rm -f "$path" 2>/dev/null
  busybox cp -RPpT "$from" "$path" && stampOf "$path" >"$carried/stamp-$1"
}

bringAllIn() {
  typeset i text placed=
  for i in "${!paths[@]}"; do
    busybox rm -f "$carried/stamp-$i"
    text=$(bringIn $i 2>&1) || {
      print -ru2 -- "Cannot bring in \"${paths[i]}\": $text"
      return 125
    }
    [[ -s $carried/stamp-$i ]] && placed=1
  done
  # The kernel's clock of files goes by ticks: what the command changes must have another time.
  [[ -z $placed ]] || busybox usleep 20000
  return 0
}

bringOut() { # INDEX
  typeset path=${paths[$1]} to=$carried/$1 part=$carried/part-$1 stamp=
  [[ -z ${streams[$1]} ]] || return 0
  [[ -s $carried/stamp-$1 ]] && stamp=$(<"$carried/stamp-$1")
  # It could not be brought in, so what lies at its path is the image's.
  [[ -z $stamp ]] && isThere "$to" && return 0
  if ! isThere "$path"; then
    busybox rm -rf "$to"
    return
  fi
  [[ -n $stamp && -f $path && ! -L $path && $(stampOf "$path") = "$stamp" ]] && return 0
  busybox rm -rf "$part" "$to" || return 1
  if [[ -f $path || -d $path || -L $path ]]; then
    busybox cp -RPpT "$path" "$part" && busybox mv -T "$part" "$to" && return 0
    busybox rm -rf "$part"
    return 1
  fi
  # A device, a socket or a FIFO: something that is neither a file nor a folder.
  busybox mkfifo "$to"
}

bringAllOut() {
  typeset i text
  for i in "${!paths[@]}"; do
    text=$(bringOut $i 2>&1) || print -r -- "lost $i ${text##*: }"
  done
}

case $1 in
check) check ;;
in) bringAllIn ;;
out) bringAllOut ;;
esac
