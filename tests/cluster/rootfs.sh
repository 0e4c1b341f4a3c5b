#!/bin/sh
# Assembles what the images hold beside the project's own programs, from Debian packages of the wanted
# architecture, whatever the machine's own. Runs on Debian, as any user, or in a Debian container.
#
#   rootfs.sh ARCHITECTURE FOLDER LOCK MODE      (ARCHITECTURE: amd64 or arm64)
#
# makes FOLDER/rootfs (C library, certificates, users, /tmp), FOLDER/tools (static sh, busybox and pause) and
# FOLDER/packages (one "name version SHA-256 architecture source sourceVersion" a line) and FOLDER/release ("bookworm").
#
# LOCK has one "architecture name version SHA-256" a line. By MODE "pinned" a package that the archive does not have in
# that version is an error; by "usual" the newest one is taken in its place, with a word; by "newest" each is the newest.
set -eu

architecture=$1 folder=$2 lock=$3 mode=$4
case $architecture in
  amd64) triplet=x86_64-linux loader=lib64/ld-linux-x86-64.so.2 machine=62 ;;
  arm64) triplet=aarch64-linux loader=lib/ld-linux-aarch64.so.1 machine=183 ;;
  *)
    echo "Cannot assemble for \"$architecture\": only amd64 and arm64 are known" >&2
    exit 2
    ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# apt with a state of its own: it neither needs nor touches the machine's package lists and architectures.
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/packages" "$work/tree"
: > "$work/status"
try_apt() {
  program=$1
  shift
  "$program" -q=2 -o Dir::State="$work/state" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
    -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture" -o APT::Sandbox::User="$(id -un)" \
    -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=20 "$@" > "$work/log" 2>&1
}
apt() {
  try_apt apt-get "$@" || {
    tail -n 20 "$work/log" >&2
    echo "Cannot assemble: apt-get $1 failed" >&2
    exit 1
  }
}

# The newest version that the archive has.
newest() {
  try_apt apt-cache madison "$1" || true
  awk -F '|' '{ gsub(/ /, "", $2); print $2; exit }' "$work/log"
}

# Fetches a package as the lock wants it, if the archive has it so.
fetch() {
  name=$1 version="" checksum=""
  if [ "$mode" != newest ]; then
    read -r version checksum << END
$(awk -v a="$architecture" -v n="$name" '$1 == a && $2 == n { print $3, $4 }' "$lock")
END
  fi
  if [ -n "$version" ] && try_apt apt-get download "$name=$version"; then
    echo "$checksum  $(ls "${name}"_*.deb)" | sha256sum --check --status || {
      echo "Cannot assemble: $name $version ($architecture) is not the file whose checksum $lock names" >&2
      exit 1
    }
    return
  fi
  found=$(newest "$name")
  if [ "$mode" = pinned ]; then
    echo "Cannot assemble: $lock wants $name ${version:-in no version} ($architecture), the archive has ${found:-none};" \
      "\"npm run cluster -- images --fresh\" pins what it has" >&2
    exit 1
  fi
  [ "$mode" = newest ] || echo "Debian's archive has no $name ${version:-(not pinned)} ($architecture): taking ${found:-none}" >&2
  apt download "$name"
}

apt update
: > "$work/versions"
cd "$work/packages"
for name in libc6 mksh busybox-static catatonit ca-certificates; do
  fetch "$name"
  package=$(ls "${name}"_*.deb)
  dpkg-deb -x "$package" "$work/tree"
  checksum=$(sha256sum "$package")
  dpkg-deb -W --showformat="\${Package} \${Version} ${checksum%% *} \${Architecture} \${source:Package} \${source:Version}\n" "$package" >> "$work/versions"
done
cd /

# Older packages have /lib and /bin, newer ones /usr/lib and /usr/bin.
find_file() {
  for prefix in "" usr/; do
    if [ -e "$work/tree/$prefix$1" ]; then
      echo "$work/tree/$prefix$1"
      return
    fi
  done
  echo "Cannot assemble: no $1 in the packages" >&2
  exit 1
}

rootfs=$work/out/rootfs tools=$work/out/tools
mkdir -p "$rootfs/etc/ssl/certs" "$rootfs/lib/$triplet-gnu" "$rootfs/${loader%/*}" "$rootfs/home/nonroot" "$tools"
# What a compiled Bun program is linked to, and what the C library loads by itself to look up names.
for library in libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 libresolv.so.2 libnss_dns.so.2 libnss_files.so.2; do
  cp -L "$(find_file "lib/$triplet-gnu/$library")" "$rootfs/lib/$triplet-gnu/$library"
done
cp -L "$(find_file "lib/$triplet-gnu/${loader##*/}")" "$rootfs/$loader"
find "$work/tree/usr/share/ca-certificates" -name '*.crt' | LC_ALL=C sort | xargs cat > "$rootfs/etc/ssl/certs/ca-certificates.crt"
cat > "$rootfs/etc/passwd" << 'END'
root:x:0:0:root:/root:/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin
END
cat > "$rootfs/etc/group" << 'END'
root:x:0:
nonroot:x:65532:
END
echo 'hosts: files dns' > "$rootfs/etc/nsswitch.conf"
mkdir -m 0700 "$rootfs/root"
mkdir "$rootfs/tmp"
chmod 1777 "$rootfs/tmp"

cp -L "$(find_file "lib/$triplet-musl/bin/mksh")" "$tools/sh"
cp -L "$(find_file bin/busybox)" "$tools/busybox"
cp -L "$(find_file bin/catatonit)" "$tools/pause"
chmod 0755 "$tools"/*
for program in sh busybox pause; do
  # e_machine of the ELF header, then: a program that asks for a loader is not static.
  found=$(od -An -tu2 -j18 -N2 "$tools/$program" | tr -d ' ')
  if [ "$found" != "$machine" ] || grep -q -a -E '/ld-(linux|musl)[^/]*\.so' "$tools/$program"; then
    echo "Cannot assemble: $program is not a static program for $architecture" >&2
    exit 1
  fi
done
for package in libc6 mksh busybox-static ca-certificates; do
  mkdir -p "$rootfs/usr/share/doc/$package"
  cp -L "$work/tree/usr/share/doc/$package/copyright" "$rootfs/usr/share/doc/$package/"
done
LC_ALL=C sort "$work/versions" > "$work/out/packages"
sed -n 's/^VERSION_CODENAME=//p' /etc/os-release > "$work/out/release"

rm -rf "$folder"
mkdir -p "${folder%/*}"
cp -a "$work/out" "$folder"
