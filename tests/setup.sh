#!/bin/sh
# Installs the npm packages that package-lock.json names, Bun among them. Says nothing if there is nothing to do.
set -eu
cd "$(dirname "$0")/.."

# npm writes the first file at the end of every install; the second, ours, tells by content when times mislead.
is_current() {
  [ -x node_modules/.bin/bun ] || return 1
  [ -f node_modules/.package-lock.json ] || return 1
  [ -z "$(find package-lock.json -newer node_modules/.package-lock.json)" ] ||
    cmp -s package-lock.json node_modules/.tespod-package-lock.json
}

is_current && exit 0

command -v npm > /dev/null || {
  echo "Cannot install packages: npm is not on PATH; install Node.js with npm (Debian: apt-get install nodejs npm)" >&2
  exit 1
}
# Two scripts started at once must not both replace node_modules.
if command -v flock > /dev/null; then
  exec 9< package-lock.json
  flock 9
  is_current && exit 0
fi
# Without a home npm would put its cache into the root folder.
[ -n "${HOME:-}" ] || export npm_config_cache="${TMPDIR:-/tmp}/tespod-npm-cache"
echo "Installing npm packages" >&2
npm ci --no-audit --no-fund --loglevel=error < /dev/null >&2 || {
  echo "Cannot install packages: npm ci failed, see above" >&2
  exit 1
}
cp package-lock.json node_modules/.tespod-package-lock.json
