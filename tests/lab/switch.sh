# Switches under test, each a daemon in a network namespace and run directory of its own, and the
# hosts plugged into them.
#
#   new_switch NAME       makes namespace and directories, starts the daemon, selects the switch
#   on NAME               the commands that follow speak to this switch
#   start_switch, kill_switch, stop_switch
#                         the selected switch's daemon: start, kill -9, SIGTERM
#   new_host NAME ADDRESS a namespace that plays a host
#   plug HOST BRIDGE      gives the host an internal port of the bridge, named after the host
#   in_host HOST COMMAND  runs a command there
#
# DAEMON says which daemon runs, CLIENTS which ovs-vsctl and ovs-appctl speak to it: `bondway` (the
# programs in BONDWAY_BIN) or `reference` (Debian's Open vSwitch 3.1.0, its daemon on the userspace
# datapath with the database in a server of its own).  DAEMON=follower is our daemon on the
# reference's database server.  DATABASE says whose ovsdb-server the reference's daemon is on: the
# `reference`'s own, or ours, `bondway`.

DAEMON=${DAEMON:-bondway}
CLIENTS=${CLIENTS:-${DAEMON/follower/bondway}}
DATABASE=${DATABASE:-reference}
LAB_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
declare -A ADDRESS

use_programs() {
  local clients=/usr/bin
  [[ $CLIENTS == reference ]] || clients=$BONDWAY_BIN
  PATH=$clients:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  if [[ $DAEMON == reference ]]; then
    VSWITCHD=/usr/sbin/ovs-vswitchd
    export LAB_VSCTL=$clients/ovs-vsctl
    PATH=$LAB_HOME/reference:$PATH
  else
    VSWITCHD=$BONDWAY_BIN/ovs-vswitchd
  fi
  export OVS_CTL_TIMEOUT=10
  # Nobody reads the stderr of a detached daemon.
  export ASAN_OPTIONS=log_path=$LAB_DIR/sanitizer UBSAN_OPTIONS=log_path=$LAB_DIR/sanitizer
}

# ---- switches -----------------------------------------------------------------------------------

new_switch() {
  mkdir -p "$LAB_DIR/$1"/{run,log,db}
  new_namespace "$1"
  on "$1"
  start_switch
}

on() {
  SWITCH=$1
  export OVS_RUNDIR=$LAB_DIR/$1/run OVS_LOGDIR=$LAB_DIR/$1/log OVS_DBDIR=$LAB_DIR/$1/db
}

start_switch() {
  local database=()
  [[ $DAEMON == bondway ]] || start_database_server
  [[ $DAEMON != follower ]] || database=("unix:$OVS_RUNDIR/db.sock")
  quietly in_switch "$VSWITCHD" --detach --no-chdir --pidfile --log-file "${database[@]}"
}

start_database_server() {
  local tool=/usr/bin/ovsdb-tool server=/usr/sbin/ovsdb-server
  if [[ $DATABASE == bondway ]]; then
    tool=$BONDWAY_BIN/ovsdb-tool server=$BONDWAY_BIN/ovsdb-server
  fi
  [[ -e $OVS_DBDIR/conf.db ]] ||
    quietly "$tool" create "$OVS_DBDIR/conf.db" /usr/share/openvswitch/vswitch.ovsschema
  quietly in_switch "$server" --detach --no-chdir --pidfile --log-file \
    --remote="punix:$OVS_RUNDIR/db.sock" "$OVS_DBDIR/conf.db"
  quietly ovs-vsctl --no-wait init
}

daemon_pids() { cat "$OVS_RUNDIR"/*.pid 2> /dev/null; }

# As a power failure would: no warning, nothing flushed, sockets left behind.
kill_switch() {
  local pids
  pids=$(daemon_pids)
  COMMAND=$(spell kill -9 $pids)
  printf '$ %s\n' "$COMMAND"
  kill -9 $pids || fail "a running daemon" "none"
  wait_until 5 gone $pids || fail "the daemon to be gone" "it still runs"
}

# The one way a daemon should go: SIGTERM, and no socket or pidfile left.
stop_switch() {
  local pids
  pids=$(daemon_pids)
  COMMAND=$(spell kill $pids)
  printf '$ %s\n' "$COMMAND"
  kill $pids || fail "a running daemon" "none"
  holds "it stops within 5 s" wait_until 5 gone $pids
  holds "it takes its sockets and its pidfile along" nothing_left $pids
  holds "no sanitizer has complained" no_sanitizer_reports
}

# A killed process may wait for its parent to take note of it; it is gone once its threads are.
gone() {
  local pid
  for pid; do
    [[ ! -e /proc/$pid ]] && continue
    [[ $(cat "/proc/$pid/stat" 2> /dev/null) == *") Z "* ]] || return 1
    [[ $(ls "/proc/$pid/task" 2> /dev/null | wc -l) -le 1 ]] || return 1
  done
}

# (A daemon that was killed before left a control socket that nobody else may remove.)
nothing_left() {
  local pid left
  left=$(cd "$OVS_RUNDIR" && ls)
  [[ $left != *.pid* && $left != *db.sock* ]] || return 1
  for pid; do [[ $left != *".$pid.ctl"* ]] || return 1; done
}

no_sanitizer_reports() { ! compgen -G "$LAB_DIR/sanitizer*" > /dev/null; }

# The last words of every daemon, for whoever reads a failure.
show_logs() {
  local log
  for log in "$LAB_DIR"/*/log/*.log "$LAB_DIR"/sanitizer*; do
    [[ -s $log ]] || continue
    printf '%s ends:\n' "${log#"$LAB_DIR"/}"
    tail -n 15 "$log" | sed 's/^/    /'
  done
}

print_exports() {
  printf '\nThe lab stays up.  To go on in this shell:\n'
  printf 'export PATH=%q:$PATH\n' "${PATH%%:*}"
  printf 'export OVS_RUNDIR=%q OVS_LOGDIR=%q OVS_DBDIR=%q\n' \
    "$OVS_RUNDIR" "$OVS_LOGDIR" "$OVS_DBDIR"
  local other
  for other in "$LAB_DIR"/*/run; do
    [[ $other == "$OVS_RUNDIR" ]] || printf '# the other switch: OVS_RUNDIR=%q\n' "$other"
  done
  local host
  for host in "${!ADDRESS[@]}"; do
    printf '# host %s is %s: ip netns exec %s ping ...\n' "$host" "${ADDRESS[$host]}" "$NS-$host"
  done
  printf '# to take it down: sh %q\n' "$LAB_UNDO"
}

# ---- namespaces ---------------------------------------------------------------------------------

new_namespace() {
  quietly ip netns add "$NS-$1"
  at_end sh -c "ip netns pids $NS-$1 | xargs -r kill -9; ip netns del $NS-$1"
  quietly ip -n "$NS-$1" link set lo up
}

in_switch() { timeout 60 ip netns exec "$NS-$SWITCH" "$@"; }

in_host() { timeout 60 ip netns exec "$NS-$1" "${@:2}"; }

new_host() {
  new_namespace "$1"
  ADDRESS[$1]=$2
}

plug() {
  local host=$1 bridge=$2
  run ovs-vsctl add-port "$bridge" "$host" -- set interface "$host" type=internal
  silent
  hand_over "$host"
}

# Moves the host's internal port from the switch's namespace into its own.  A daemon that starts
# anew makes the device anew, so this is done again; the old one may have outlived its daemon.
hand_over() {
  in_host "$1" ip link del "$1" > /dev/null 2>&1
  wait_until 5 device_exists "$1" || fail "a device $1" "none"
  run ip -n "$NS-$SWITCH" link set "$1" netns "$NS-$1"
  run ip -n "$NS-$1" addr add "${ADDRESS[$1]}/24" dev "$1"
  run ip -n "$NS-$1" link set "$1" up
}

device_exists() { in_switch ip link show dev "$1" > /dev/null 2>&1; }
