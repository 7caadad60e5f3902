# Test `bad_input`: whatever people, peers and disks get wrong is answered in the reference's words,
# changes nothing and stops nothing.

lab_bad_input() {
  a_switch_with_a_bond
  names_that_exist_or_do_not
  tables_columns_values
  command_lines
  malformed_json
  lacpdus
  a_flood_on_one_member
  an_interface_without_a_device
  nothing_has_changed
  a_daemon_that_does_not_answer
  a_daemon_that_does_not_run
  database_files
}

a_switch_with_a_bond() {
  title "a switch with a bond"
  new_switch sw
  run ip -n "$NS-sw" link add p0 type veth peer name q0
  run ip -n "$NS-sw" link add p1 type veth peer name q1
  local device
  for device in p0 p1 q0 q1; do run ip -n "$NS-sw" link set "$device" up; done
  run ovs-vsctl add-br br0
  silent
  run ovs-vsctl add-bond br0 bond0 p0 p1 lacp=active
  silent
  configuration > "$LAB_DIR/before"
}

# refused TEXT COMMAND...: ovs-vsctl says TEXT and exits with 1.
refused() {
  run_failing 1 "${@:2}"
  answers <<< "ovs-vsctl: $1"
}

names_that_exist_or_do_not() {
  title "bridges and ports that exist or do not"
  refused "cannot create a bridge named br0 because a bridge named br0 already exists" \
    ovs-vsctl add-br br0
  refused "cannot create a bridge named bond0 because a port named bond0 already exists on bridge br0" \
    ovs-vsctl add-br bond0
  refused "no bridge named br9" ovs-vsctl del-br br9
  refused "no bridge named br9" ovs-vsctl add-port br9 p9
  refused "cannot create a port named bond0 because a port named bond0 already exists on bridge br0" \
    ovs-vsctl add-port br0 bond0
  refused "cannot create an interface named p0 because an interface named p0 already exists on bridge br0" \
    ovs-vsctl add-bond br0 bond1 p0 p8
  refused "no port named p9" ovs-vsctl del-port br0 p9
  refused "no port named p9" ovs-vsctl port-to-br p9
  refused "no interface named p9" ovs-vsctl iface-to-br p9
  run_failing 2 ovs-vsctl br-exists br9
  silent
  refused "add-bond requires at least 2 interfaces, but only 1 were specified" \
    ovs-vsctl add-bond br0 bond1 p8 lacp=active
  refused "'add-bond' command requires at least 4 arguments" ovs-vsctl add-bond br0 bond1 p8
}

tables_columns_values() {
  title "unknown tables, columns and keys; values out of range"
  refused 'unknown table "Prot"' ovs-vsctl list Prot
  refused 'no row "bond9" in table Port' ovs-vsctl list port bond9
  refused 'Port does not contain a column whose name matches "lcap"' ovs-vsctl set port bond0 lcap=active
  refused 'no key "lacp-time" in Port record "bond0" column other_config' \
    ovs-vsctl get port bond0 other_config:lacp-time
  refused 'constraint violation: fast is not one of the allowed values ([active, off, passive])' \
    ovs-vsctl set port bond0 lacp=fast
  refused 'constraint violation: balance is not one of the allowed values ([active-backup, balance-slb, balance-tcp])' \
    ovs-vsctl set port bond0 bond_mode=balance
  refused 'constraint violation: 4096 is not in the valid range 0 to 4095 (inclusive)' \
    ovs-vsctl set port bond0 tag=4096
  refused '"ten" is not a valid integer or range' ovs-vsctl set port bond0 bond_updelay=ten
  refused 'lacp: argument does not end in "=" followed by a value.' ovs-vsctl set port bond0 lacp
  refused 'Port does not contain a column whose name matches "_uuid"' \
    ovs-vsctl set port bond0 _uuid=x
}

command_lines() {
  title "malformed command lines"
  refused "missing command name (use --help for help)" ovs-vsctl
  refused "unknown command 'add-bridge'; use --help for help" ovs-vsctl add-bridge br1
  refused "'add-port' command requires at least 2 arguments" ovs-vsctl add-port br0
  refused "'list-br' command takes at most 0 arguments" ovs-vsctl list-br br0
  refused "'list-br' command has no '--may-exist' option" ovs-vsctl -- --may-exist list-br
  refused "value 0 on -t or --timeout is invalid" ovs-vsctl --timeout=0 show
  run_failing 1 ovs-vsctl --bogus
  answers <<< "ovs-vsctl: unrecognized option '--bogus'"
  refused "no bridge named br9" ovs-vsctl add-br br1 -- add-port br9 p9
  run_failing 1 ovs-vswitchd --enable-dummy=some
  answers <<< "ovs-vswitchd: some: unknown dummy level"
  run_failing 1 ovs-vswitchd --dpdk
  answers <<< "ovs-vswitchd: Using --dpdk to configure DPDK is not supported."
  run_failing 2 ovs-appctl bond/show bond9
  answers <<< $'no such bond\novs-appctl: ovs-vswitchd: server returned an error'
  run_failing 2 ovs-appctl bond/shaw
  answers <<END
"bond/shaw" is not a valid command (use "list-commands" to see a list of valid commands)
ovs-appctl: ovs-vswitchd: server returned an error
END
  run_failing 2 ovs-appctl lacp/show bond0 bond1
  answers <<END
"lacp/show" command takes at most 1 arguments
ovs-appctl: ovs-vswitchd: server returned an error
END
}

malformed_json() {
  title "malformed JSON on db.sock and on the control socket"
  local case socket
  for socket in "$OVS_RUNDIR/db.sock" "$OVS_RUNDIR/ovs-vswitchd.$(daemon_pid).ctl"; do
    for case in "cut short" "a million deep" "not JSON" "not a request" "params missing"; do
      run python3 "$LAB_HOME/wire.py" stream "$socket" "$case"
      answers <<< "closed without an answer"
    done
  done
  run ovs-vsctl list-br
  answers <<< br0
}

lacpdus() {
  title "LACPDUs of every wrong length, type and TLV length"
  sleep_until_defaulted
  local before sent
  before=$(counted "RX Bad PDUs")
  run in_switch python3 "$LAB_HOME/wire.py" lacpdus q0
  sent=$(cat "$LAB_DIR/answer")
  COMMAND="ovs-appctl lacp/show-stats bond0"
  wait_until 5 bad_pdus_are $((before + sent)) ||
    fail "all $sent counted as bad" "$(($(counted "RX Bad PDUs") - before))"
  run ovs-appctl lacp/show bond0
  holds "and no partner is believed" no_partner
}

counted() { ovs-appctl lacp/show-stats bond0 | awk -v RS= "/member: p0:/" | sed -n "s/^  $1: //p"; }

bad_pdus_are() { [[ $(counted "RX Bad PDUs") == "$1" ]]; }

no_partner() { [[ $(grep -c 'partner sys_id: 00:00:00:00:00:00' "$LAB_DIR/answer") == 2 ]]; }

sleep_until_defaulted() {
  wait_until 10 both_defaulted || fail "members to be defaulted after 3 s" "other states"
}

both_defaulted() { [[ $(ovs-appctl lacp/show bond0 | grep -c '^member: .*: defaulted') == 2 ]]; }

a_flood_on_one_member() {
  [[ $DAEMON == bondway ]] || return 0  # the reference looks at every frame
  title "a flood of LACPDUs on one member: the other carries on, and the processor has time for more"
  run ovs-vsctl add-br br1 -- add-bond br1 bond1 q0 q1 lacp=active
  silent
  wait_until 20 both_carry || fail "two members that carry traffic" "another state"
  local received ticks
  received=$(counted "RX PDUs")
  run in_switch python3 "$LAB_HOME/wire.py" tagged q0
  silent
  ticks=$(control_ticks)
  run in_switch python3 "$LAB_HOME/wire.py" flood q0
  ticks=$(($(control_ticks) - ticks))
  local sent
  sent=$(cat "$LAB_DIR/answer")
  holds "the other member never stopped" other_member_carries
  received=$(($(counted "RX PDUs") - received))
  holds "of $sent frames no more than $received were looked at" test "$received" -le 3000
  holds "by $ticks hundredths of a second of the thread that decides" test "$ticks" -le 100
  wait_until 120 both_carry || fail "the stranger to be forgotten" "another state"
  run ovs-vsctl del-br br1
  silent
}

both_carry() {
  [[ $(ovs-appctl lacp/show bond0 | grep -c 'may_enable: true') == 2 ]]
}

other_member_carries() {
  local other
  other=$(ovs-appctl lacp/show bond0 | awk -v RS= '/member: p1:/')
  [[ $other == *"p1: current attached"* && $other == *"may_enable: true"* ]]
}

# Hundredths of a second that the daemon's first thread has worked.
control_ticks() {
  local fields
  read -ra fields < "/proc/$(daemon_pid)/task/$(daemon_pid)/stat"
  echo $((fields[13] + fields[14]))
}

an_interface_without_a_device() {
  title "an interface without a device is kept, and picked up when the device appears"
  run ovs-vsctl add-port br0 late
  answers <<END
ovs-vsctl: Error detected while setting up 'late': could not open network device late (No such device).  See ovs-vswitchd log for details.
ovs-vsctl: The default log directory is "$OVS_LOGDIR".
END
  run ovs-vsctl get interface late error
  answers <<< '"could not open network device late (No such device)"'
  run ovs-vsctl get interface late ofport
  answers <<< -1
  run ip -n "$NS-sw" link add late type veth peer name early
  await 5 ovs-vsctl get interface late error <<< "[]"
  holds "it has a port number" shell "test \$(ovs-vsctl get interface late ofport) -gt 0"
  run ovs-vsctl del-port late
  silent
}

nothing_has_changed() {
  title "nothing of this has changed the configuration, or the daemon's life"
  configuration > "$LAB_DIR/after"
  COMMAND="ovs-vsctl list"
  cmp -s "$LAB_DIR/before" "$LAB_DIR/after" ||
    fail "the configuration as it was" "another" "$LAB_DIR/before" "$LAB_DIR/after"
  CHECKS=$((CHECKS + 1))
  [[ $DAEMON == reference ]] || holds "one start in the log" one_start
}

one_start() { [[ $(grep -c 'opened log file' "$OVS_LOGDIR/ovs-vswitchd.log") == 1 ]]; }

daemon_pid() { cat "$OVS_RUNDIR/ovs-vswitchd.pid"; }

a_daemon_that_does_not_answer() {
  title "a daemon that does not answer: --timeout is honoured"
  kill -STOP $(daemon_pids)
  run_failing 142 ends_by_signal ovs-vsctl --timeout=1 show
  holds "it names the signal" \
    grep -qE '^[-0-9TZ:]+\|0000[0-9]\|fatal_signal\|WARN\|terminating with signal 14 \(Alarm clock\)$' \
    "$LAB_DIR/answer"
  run_failing 142 ends_by_signal ovs-appctl --timeout=1 bond/show
  kill -CONT $(daemon_pids)
  run ovs-vsctl --timeout=10 list-br
  answers <<< br0
}

# bash says itself what signal ended a command; only the exit status matters here.
ends_by_signal() {
  "$@"
  return $?
}

a_daemon_that_does_not_run() {
  title "a daemon that does not run"
  stop_switch
  refused "unix:$OVS_RUNDIR/db.sock: database connection failed (No such file or directory)" \
    ovs-vsctl --timeout=5 show
  run_failing 1 ovs-appctl bond/show
  tail -n 1 "$LAB_DIR/answer" > "$LAB_DIR/last" && mv "$LAB_DIR/last" "$LAB_DIR/answer"
  answers <<< "ovs-appctl: cannot read pidfile \"$OVS_RUNDIR/ovs-vswitchd.pid\" (No such file or directory)"
}

# ---- database files -----------------------------------------------------------------------------

database_files() {
  [[ $DAEMON == bondway ]] || return 0  # the reference keeps another kind of file
  title "database files that are damaged, of another kind or in use: a message, and not a byte changed"
  local good=$OVS_DBDIR/conf.db bad=$OVS_DBDIR/bad
  mkdir -p "$bad"
  head -c 5000 "$good" > "$bad/conf.db"
  start_is_refused "$bad"
  head -c 20000 /dev/urandom > "$bad/conf.db"
  start_is_refused "$bad"
  printf 'OVSDB JSON 42 %040d\n{"name":"Open_vSwitch","version":"8.3.1"}\n' 0 > "$bad/conf.db"
  start_is_refused "$bad"
  start_switch
  OVS_RUNDIR=$LAB_DIR/second start_is_refused "$OVS_DBDIR"
  run ovs-vsctl list-br
  answers <<< br0
  stop_switch
}

start_is_refused() {
  local sum
  sum=$(sha256sum "$1/conf.db")
  mkdir -p "$OVS_RUNDIR"
  run_failing 1 env OVS_DBDIR="$1" ip netns exec "$NS-sw" "$VSWITCHD" --detach --no-chdir --pidfile
  holds "it names the file" grep -q "conf.db" "$LAB_DIR/answer"
  [[ $(sha256sum "$1/conf.db") == "$sum" ]] || fail "the file as it was" "another"
}
