#!/bin/bash
# Builds Bondway and runs a lab: the commands a person would type, one by one, every answer checked.
# What a lab does is in tests/lab/NAME.sh; what is said about it here is the way in.
set -euo pipefail
cd "$(dirname "$0")"
. tests/packages.sh

usage() {
  cat <<'END'
usage: ./lab.sh [OPTION]... [NAME]
Installs what is missing, builds into build/release and runs the lab NAME (default: patch) in network
namespaces of its own.  Ends with 0 if every answer was as it must be.

  --list        list the labs
  --keep        leave the lab up and print how to go on in a shell
  --build-only  stop after installing and building
  --reference   run the same lab on Debian's Open vSwitch instead of Bondway
  --help        this text
END
}

list() { sed -n 's/^# Lab `\(.*\)`: \(.*\)/\1  \2/p' tests/lab/*.sh; }

lab=patch keep=no reference=no build_only=no
for argument; do
  case $argument in
    --help | -h) usage && exit ;;
    --list) list && exit ;;
    --keep) keep=yes ;;
    --build-only) build_only=yes ;;
    --reference) reference=yes ;;
    -*) printf 'lab.sh: no option %s (see --help)\n' "$argument" >&2 && exit 1 ;;
    *) lab=$argument ;;
  esac
done
if ! list | grep -q "^$lab  "; then
  printf 'lab.sh: no lab %s; there are:\n%s\n' "$lab" "$(list)" >&2
  exit 1
fi

if [[ $reference == yes ]]; then
  need "${LAB_PACKAGES[@]}" openvswitch-switch
else
  need "${BUILD_PACKAGES[@]}" "${LAB_PACKAGES[@]}"
  cmake --preset release
  cmake --build --preset release
fi
[[ $build_only == no ]] || exit 0

daemon=bondway
[[ $reference == no ]] || daemon=reference
[[ $(id -u) == 0 ]] || sudo=sudo
exec ${sudo:-} env KEEP="$keep" DAEMON="$daemon" BONDWAY_BIN="$PWD/build/release/bin" tests/lab/run "$lab"
