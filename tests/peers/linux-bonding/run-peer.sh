#!/bin/bash
# A Linux bonding or team (LACP) peer in a small emulated machine.
# Usage and requirements: README.md beside this file, or "run-peer.sh help".

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${LINUX_BONDING_PEER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/linux-bonding-peer}

# Modules that go into the guest, with everything they depend on.
modules="virtio_pci virtio_net virtio_console bonding
         team team_mode_activebackup team_mode_broadcast team_mode_loadbalance
         team_mode_random team_mode_roundrobin
         8021q dummy veth bridge"

die() { echo "run-peer.sh: $*" >&2; exit 1; }

usage() {
    cat <<'USAGE'
usage: run-peer.sh start [OPTION]... TAP...       boot a peer; its port ethN is the Nth TAP
       run-peer.sh exec [-n NAME] [-t SECONDS] COMMAND...
                                                  run a shell command in the guest ("-": script on stdin)
       run-peer.sh link [-n NAME] TAP on|off      carrier that the guest sees on the port of TAP
       run-peer.sh pause|resume [-n NAME]         freeze the peer: silent, while the TAPs keep carrier
       run-peer.sh console [-n NAME]              print the serial console so far
       run-peer.sh stop [-n NAME]
       run-peer.sh build [-p PACKAGE]...          only fetch the kernel and build the guest image

start options:
  -n NAME            name of the peer, when more than one runs (default: peer)
      --netns NS     network namespace that holds the TAPs (default: the current one)
  -m, --mode MODE    a mode of the bonding driver (802.3ad, active-backup, balance-xor, ...),
                     team:RUNNER (lacp, activebackup, loadbalance, roundrobin, broadcast) for
                     teamd, or none for plain ports (default: 802.3ad)
  -r, --lacp-rate R  fast or slow (default: fast)
  -a, --address A    address/prefix of the bond, or of eth0 with mode none; repeatable
  -o, --opt K=V      bonding option, written to /sys/class/net/bond0/bonding/K; repeatable
      --team-config F  teamd configuration file, instead of the generated one
  -x, --run FILE     shell script to run in the guest once the bond is up; its output and
                     exit status become those of "start"
  -s, --speed MBPS   link speed the ports report (default: 10000)
      --mtu N        MTU of the ports and the bond
  -p, --package PKG  Debian package whose programs to put into the guest; repeatable
      --dump DIR        write every frame of each port to DIR/TAP.pcap
      --memory MIB   guest memory (default: 192)
      --boot-timeout S  seconds to wait for the guest (default: 120)
USAGE
}

# ---- building the guest image ------------------------------------------------

# fetch DIR PACKAGE...: download the packages' .debs into DIR.
fetch() {
    local dir=$1; shift
    mkdir -p "$dir"
    (cd "$dir" && apt-get -qq download "$@" 2>download.log) || {
        cat "$dir/download.log" >&2
        die "cannot download: $* (is the package index up to date?)"
    }
}

# with_dependencies PACKAGE...: the packages and all they depend on, as if nothing were installed.
with_dependencies() {
    : >"$work/empty"
    apt-get -s --no-install-recommends -o Dir::State::status="$work/empty" install "$@" |
        awk '$1 == "Inst" { print $2 }'
}

# add_programs PKGROOT GUESTROOT <LIST: copy the listed programs and the libraries they need.
add_programs() {
    local pkgroot=$1 guest=$2 libs=lib/x86_64-linux-gnu file target
    local ld=$pkgroot/lib64/ld-linux-x86-64.so.2
    mkdir -p "$guest/usr/bin" "$guest/$libs" "$guest/lib64"
    while read -r file; do
        if [[ -L $pkgroot/$file ]]; then
            target=$(basename "$(readlink "$pkgroot/$file")")
            [[ $target == "${file##*/}" ]] || ln -sf "$target" "$guest/usr/bin/${file##*/}"
            continue
        fi
        cp "$pkgroot/$file" "$guest/usr/bin/"
        "$ld" --library-path "$pkgroot/$libs:$pkgroot/usr/$libs" --list "$pkgroot/$file" \
            2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' || true
    done | sort -u | while read -r target; do
        cp -L "$target" "$guest/$libs/"
    done
    cp -L "$ld" "$guest/lib64/"
}

# build PACKAGE...: set $image to a directory with vmlinuz and initrd; build it if not cached.
build() {
    local key kernel release mods deb pkg lock
    key=$( (cat "$here"/{run-peer.sh,guest-init,guest-setup}; echo "$@") | sha256sum)
    image=$cache/image-${key:0:16}
    mkdir -p "$cache"
    exec {lock}>"$cache/lock"
    flock "$lock"
    if [[ -e $image/initrd ]]; then exec {lock}>&-; return; fi

    command -v apt-get >/dev/null || die "needs apt-get, to download Debian packages"
    work=$(mktemp -d "$cache/build.XXXXXX")
    trap 'rm -rf "$work"' EXIT

    kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
             awk '$1 == "Depends:" { print $2; exit }')
    [[ -n $kernel ]] || die "no linux-image-cloud-amd64 in the package index"
    release=${kernel#linux-image-}

    fetch "$work/deb" "$kernel" busybox-static
    mkdir "$work/kernel" "$work/busybox" "$work/guest"
    dpkg-deb -x "$work"/deb/linux-image-*.deb "$work/kernel"
    dpkg-deb -x "$work"/deb/busybox-static_*.deb "$work/busybox"
    local busybox=$work/busybox/bin/busybox guest=$work/guest

    mkdir -p "$guest"/{bin,sbin,usr/bin,usr/sbin,proc,sys,dev,run,tmp,etc,root}
    mkdir "$guest/var"
    ln -s ../run "$guest/var/run"
    cp "$busybox" "$guest/bin/busybox"
    echo root:x:0:0:root:/root:/bin/sh >"$guest/etc/passwd"
    install -m755 "$here/guest-init" "$guest/init"
    install -m755 "$here/guest-setup" "$guest/sbin/guest-setup"

    mods=lib/modules/$release
    "$busybox" depmod -b "$work/kernel" "$release"
    mkdir -p "$guest/$mods"
    cp "$work/kernel/$mods"/modules.{builtin,order} "$guest/$mods/"
    awk -F: -v wanted="${modules//$'\n'/ }" '
        BEGIN { n = split(wanted, w, " "); for (i = 1; i <= n; i++) want[w[i]] = 1 }
        { name = $1; sub(/.*\//, "", name); sub(/\.ko.*/, "", name) }
        name in want { print $1; n = split($2, d, " "); for (i = 1; i <= n; i++) print d[i] }
    ' "$work/kernel/$mods/modules.dep" | sort -u |
        (cd "$work/kernel/$mods" && xargs cp --parents -t "$guest/$mods")
    "$busybox" depmod -b "$guest" "$release"

    if (($#)); then
        local all
        mapfile -t all < <(with_dependencies "$@")
        ((${#all[@]})) || die "cannot resolve the dependencies of: $*"
        fetch "$work/programs" "${all[@]}"
        mkdir "$work/pkgroot"
        for deb in "$work"/programs/*.deb; do dpkg-deb -x "$deb" "$work/pkgroot"; done
        for pkg; do
            dpkg-deb --fsys-tarfile "$work/programs/$pkg"_*.deb | tar -t |
                sed -n 's|^\./||; /^\(usr\/\)\?s\?bin\/[^/]\+$/p'
        done | add_programs "$work/pkgroot" "$guest"
    fi

    mkdir "$work/image"
    cp "$work/kernel/boot/vmlinuz-$release" "$work/image/vmlinuz"
    (cd "$guest" && find . | "$busybox" cpio -o -H newc >"$work/image/initrd" 2>/dev/null)
    rm -rf "$image"
    mv "$work/image" "$image"
    rm -rf "$work"
    trap - EXIT
    exec {lock}>&-
}

# ---- a running peer ----------------------------------------------------------

running() {
    pid=$(cat "$run/pid" 2>/dev/null) || return 1
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -e "$run/pid"
}

# guest SECONDS SCRIPT: run the script in the guest; its output and status become ours.
guest() {
    local limit=$1 id=$$.$RANDOM line begun="" status=""
    running || die "peer '$name' is not running"
    exec {lock}>"$run/lock" {to}<>"$run/control.in" {from}<>"$run/control.out"
    flock "$lock"
    printf '%s %s %s\n' "$id" "$limit" "$(printf %s "$2" | base64 -w0)" >&"$to"
    while IFS= read -r -t $((limit + 10)) line <&"$from"; do
        case $line in
        "begin $id") begun=1 ;;
        "out "*) [[ -z $begun ]] || base64 -d <<<"${line#out }" ;;
        "err "*) [[ -z $begun ]] || base64 -d <<<"${line#err }" >&2 ;;
        "end $id "*) status=${line##* }; break ;;
        esac
    done
    exec {lock}>&- {to}>&- {from}>&-
    [[ -n $status ]] || die "peer '$name' did not answer (see: run-peer.sh console)"
    return "$status"
}

# qmp COMMAND: send one command to the emulator and wait for its reply.
qmp() {
    local line
    exec {to}<>"$run/qmp.in" {from}<>"$run/qmp.out"
    printf '%s\n' "$1" >&"$to"
    while IFS= read -r -t 10 line <&"$from"; do
        case $line in
        *'"return"'*) exec {to}>&- {from}>&-; return 0 ;;
        *'"error"'*) die "emulator: $line" ;;
        esac
    done
    die "the emulator does not answer"
}

stop_peer() {
    local i
    if running; then
        kill "$pid"
        for ((i = 0; i < 100; i++)); do
            running || break
            sleep 0.05
        done
        ! running || kill -9 "$pid"
    fi
    rm -rf "$run"
}

cmd_start() {
    local mode=802.3ad rate=fast speed=10000 memory=192 boot_timeout=120
    local mtu="" script="" team_config="" netns="" dump="" in_ns=() addresses=() opts=() packages=() taps=()
    while (($#)); do
        case $1 in
        -n) name=$2; shift 2 ;;
        --netns) netns=$2; shift 2 ;;
        -m|--mode) mode=$2; shift 2 ;;
        -r|--lacp-rate) rate=$2; shift 2 ;;
        -a|--address) addresses+=("$2"); shift 2 ;;
        -o|--opt) opts+=("$2"); shift 2 ;;
        --team-config) team_config=$2; shift 2 ;;
        -x|--run) script=$2; shift 2 ;;
        -s|--speed) speed=$2; shift 2 ;;
        --mtu) mtu=$2; shift 2 ;;
        -p|--package) packages+=("$2"); shift 2 ;;
        --dump) dump=$2; shift 2 ;;
        --memory) memory=$2; shift 2 ;;
        --boot-timeout) boot_timeout=$2; shift 2 ;;
        -*) die "unknown option $1" ;;
        *) taps+=("$1"); shift ;;
        esac
    done
    set_name
    ((${#taps[@]})) || die "start: no TAP given"
    [[ $rate == fast || $rate == slow ]] || die "--lacp-rate is fast or slow"
    [[ -z $script || -r $script ]] || die "cannot read $script"
    [[ -z $team_config || -r $team_config ]] || die "cannot read $team_config"
    command -v qemu-system-x86_64 >/dev/null || die "needs qemu-system-x86_64 (package qemu-system-x86)"
    [[ -z $netns ]] || in_ns=(ip netns exec "$netns")
    local tap
    for tap in "${taps[@]}"; do
        ip ${netns:+-n "$netns"} -d link show dev "$tap" 2>/dev/null | grep -q 'type tap' ||
            die "no TAP interface $tap${netns:+ in $netns}"
    done
    if running; then die "peer '$name' is already running"; fi
    [[ $mode != team:* ]] || packages+=(libteam-utils)

    build ${packages[@]+"${packages[@]}"}

    rm -rf "$run"; mkdir -p "$run"
    mkfifo "$run"/{control,qmp}.{in,out}
    printf '%s\n' "${taps[@]}" >"$run/taps"

    local nics=() i=0 sum mac
    sum=$(printf '%04x' $(($(cksum <<<"$name" | cut -d' ' -f1) & 0xffff)))
    for tap in "${taps[@]}"; do
        mac=52:54:00:${sum:0:2}:${sum:2:2}:$(printf %02x $((i + 1)))
        # vnet_hdr=off: without it the guest hands over frames whose checksum is still to be filled in.
        nics+=(-netdev "tap,id=net$i,ifname=$tap,script=no,downscript=no,vnet_hdr=off"
               -device "virtio-net-pci,id=nic$i,netdev=net$i,mac=$mac,speed=$speed,duplex=full,romfile=,addr=$(printf %x $((i + 8)))")
        [[ -z $dump ]] || nics+=(-object "filter-dump,id=dump$i,netdev=net$i,file=$dump/$tap.pcap")
        i=$((i + 1))
    done
    ${in_ns[@]+"${in_ns[@]}"} qemu-system-x86_64 -name "$name" -M pc -accel tcg -m "$memory" -nodefaults -no-user-config \
        -display none -no-reboot -daemonize -pidfile "$run/pid" \
        -kernel "$image/vmlinuz" -initrd "$image/initrd" \
        -append "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off hostname=$name" \
        -serial "file:$run/console" \
        -device virtio-serial-pci,addr=4 -chardev "pipe,id=control,path=$run/control" \
        -device virtserialport,chardev=control,name=control \
        -chardev "pipe,id=qmp,path=$run/qmp" -mon chardev=qmp,mode=control \
        "${nics[@]}"
    qmp '{"execute": "qmp_capabilities"}'

    local setup
    setup=$(printf 'export MODE=%q RATE=%q MTU=%q ADDRESSES=%q OPTS=%q TEAM_CONFIG=%q\nexec guest-setup' \
        "$mode" "$rate" "$mtu" "${addresses[*]-}" "${opts[*]-}" \
        "$([[ -z $team_config ]] || base64 -w0 "$team_config")")
    (guest "$boot_timeout" "$setup") || {
        cat "$run/console" >&2; stop_peer; die "the guest could not be set up"
    }
    [[ -z $script ]] || guest 3600 "$(cat "$script")"
}

cmd_exec() {
    local limit=60
    while (($#)); do
        case $1 in
        -n) name=$2; shift 2 ;;
        -t) limit=$2; shift 2 ;;
        --) shift; break ;;
        *) break ;;
        esac
    done
    set_name
    (($#)) || die "exec: no command given"
    if [[ $# == 1 && $1 == - ]]; then guest "$limit" "$(cat)"; else guest "$limit" "$*"; fi
}

cmd_link() {
    local index
    if [[ ${1-} == -n ]]; then name=$2; shift 2; fi
    set_name
    [[ $# == 2 && $2 =~ ^(on|off)$ ]] || die "usage: link [-n NAME] TAP on|off"
    running || die "peer '$name' is not running"
    index=$(grep -nxF -e "$1" "$run/taps" | cut -d: -f1) || die "$1 is not a port of peer '$name'"
    qmp '{"execute": "set_link", "arguments": {"name": "nic'$((index - 1))'", "up": '"$([[ $2 == on ]] && echo true || echo false)"'}}'
}

set_name() {
    [[ $name =~ ^[A-Za-z0-9._-]+$ ]] || die "bad peer name '$name'"
    run=$cache/run/$name
}

name=peer
command=${1-help}
(($# == 0)) || shift
case $command in
start|exec|link) "cmd_$command" "$@" ;;
pause|resume|console|stop)
    if [[ ${1-} == -n ]]; then name=${2-}; fi
    set_name
    [[ $command == stop ]] || running || die "peer '$name' is not running"
    case $command in
    pause) qmp '{"execute": "stop"}' ;;
    resume) qmp '{"execute": "cont"}' ;;
    console) cat "$run/console" ;;
    stop) stop_peer ;;
    esac ;;
build)
    packages=()
    while [[ ${1-} == -p ]]; do packages+=("$2"); shift 2; done
    build ${packages[@]+"${packages[@]}"}
    echo "$image" ;;
help|-h|--help) usage ;;
*) usage >&2; exit 2 ;;
esac
