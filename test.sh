#!/bin/bash
# Installs what is missing, builds, and runs everything: the labs on the Release build, as people run
# them, then every test under the address and undefined-behaviour sanitizers, the labs among them.
# CTest's summary comes last.
set -euo pipefail
cd "$(dirname "$0")"
. tests/packages.sh

need "${BUILD_PACKAGES[@]}" "${LAB_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
cmake --preset asan
cmake --build --preset asan

failed=()
for lab in patch veth; do
  ./lab.sh "$lab" || failed+=("$lab")
done
as_root ctest --preset asan -j2 --output-on-failure || failed+=(ctest)

[[ ${#failed[@]} == 0 ]] || printf 'failed: %s\n' "${failed[*]}" >&2
exit "${#failed[@]}"
