# need PACKAGE...: installs those Debian packages that are missing, and does nothing else.

BUILD_PACKAGES=(g++ cmake ninja-build pkg-config ccache libboost-dev libboost-program-options-dev
  libexpected-dev libfmt-dev libmnl-dev libspdlog-dev libsqlite3-dev libssl-dev nlohmann-json3-dev)
LAB_PACKAGES=(iperf3 iproute2 iputils-ping procps sqlite3)
TEST_PACKAGES=(clang ethtool libclang-rt-dev libgmock-dev libgtest-dev lld mininet nftables openvswitch-switch
  python3 python3-openvswitch python3-ovsdbapp qemu-system-x86 tshark)

need() {
  local package missing=()
  for package; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null) == installed ]] ||
      missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  printf 'installing %s\n' "${missing[*]}"
  as_root apt-get -q update
  without_starting_services as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -qy install --no-install-recommends "${missing[@]}"
}

# The reference is here to be compared with; its own daemons stay off.
without_starting_services() {
  local policy=/usr/sbin/policy-rc.d status=0
  if [[ -e $policy ]]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" > /dev/null
  as_root chmod +x "$policy"
  "$@" || status=$?
  as_root rm -f "$policy"
  return "$status"
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}
