# Lab `patch`: two bridges of one switch, joined by two patch cables under a pair of LACP bonds.
#
#      host h0                                              host h1
#         |                                                    |
#       br0 ---- bond0 ---- e0 ===== patch ===== e2 ---- bond1 ---- br1
#                      `--- e1 ===== patch ===== e3 ---'

lab_patch() {
  the_commands_of_the_lab
  the_other_way_to_the_same_state
  hosts_talk_in_every_mode
  a_cable_is_pulled
  the_daemon_is_killed
  the_database_is_readable
  the_daemon_stops
}

WIRE=([e0]=e2 [e2]=e0 [e1]=e3 [e3]=e1)

# ---- the lab as people type it ------------------------------------------------------------------

the_commands_of_the_lab() {
  title "two bridges, two bonds with active LACP, two patch cables"
  new_switch sw
  run ovs-vsctl add-br br1
  silent
  run ovs-vsctl add-br br0
  silent
  run ovs-vsctl add-bond br0 bond0 e0 e1 lacp=active
  warned_of_missing_devices e0 e1
  run ovs-vsctl add-bond br1 bond1 e2 e3 lacp=active
  warned_of_missing_devices e2 e3
  lay_cables

  title "the links are up and the bonds negotiate"
  links_are_up
  bonds_are_up active-backup slow
  title "what the database shows of it"
  run ovs-vsctl list port bond0
  answers <<< "$(port_text bond0 [] active {})"
  run ovs-vsctl list port bond1
  answers <<< "$(port_text bond1 [] active {})"
  run ovs-vsctl show
  answers <<< "$(show_text)"
}

# Until their type is set, the members are taken for devices of the system.
warned_of_missing_devices() {
  {
    local name
    for name; do
      printf "ovs-vsctl: Error detected while setting up '%s': %s.  See ovs-vswitchd log for details.\n" \
        "$name" "could not open network device $name (No such device)"
    done
    printf 'ovs-vsctl: The default log directory is "%s".\n' "$OVS_LOGDIR"
  } | answers
}

lay_cables() {
  run ovs-vsctl set interface e0 type=patch options:peer=e2
  silent
  run ovs-vsctl set interface e2 type=patch options:peer=e0
  silent
  run ovs-vsctl set interface e3 type=patch options:peer=e1
  silent
  run ovs-vsctl set interface e1 type=patch options:peer=e3
  silent
}

links_are_up() {
  local member
  for member in e0 e1 e2 e3; do
    await 5 ovs-vsctl get interface "$member" link_state <<< up
  done
}

# bonds_are_up MODE LACP_TIME: both bonds show that they have negotiated with each other.
bonds_are_up() {
  local bond member
  for bond in bond0 bond1; do
    await 5 ovs-vsctl get port "$bond" lacp <<< active
  done
  for member in e0 e1 e2 e3; do
    await 5 ovs-vsctl get interface "$member" lacp_current <<< true
  done
  wait_until 5 all_enabled || true
  know bond0 br0 bond1 active "$2"
  know bond1 br1 bond0 active "$2"
  await 5 ovs-appctl lacp/show bond0 <<< "$(lacp_text bond0 e0 e1)"
  await 5 ovs-appctl lacp/show bond1 <<< "$(lacp_text bond1 e2 e3)"
  bond_shows bond0 "$1" e0 e1
  bond_shows bond1 "$1" e2 e3
}

all_enabled() {
  [[ $(ovs-appctl bond/show 2>&1 | grep -c '^member .*: enabled') == 4 ]]
}

# ---- add-bond first, LACP later -----------------------------------------------------------------

the_other_way_to_the_same_state() {
  title "the other way: bonds without LACP, which is turned on later, with fast timing"
  run ovs-vsctl del-br br0 -- del-br br1
  silent
  run ovs-vsctl add-br br1
  silent
  run ovs-vsctl add-br br0
  silent
  run ovs-vsctl add-bond br0 bond0 e0 e1 -- add-bond br1 bond1 e2 e3
  warned_of_missing_devices e0 e1 e2 e3
  lay_cables
  links_are_up
  run ovs-vsctl get port bond0 lacp
  answers <<< "[]"
  run_failing 2 ovs-appctl lacp/show bond0
  answers <<< $'no such lacp object\novs-appctl: ovs-vswitchd: server returned an error'
  local bond
  for bond in bond0 bond1; do
    run ovs-vsctl set port "$bond" lacp=active
    silent
    run ovs-vsctl set port "$bond" other_config:lacp-time=fast
    silent
  done
  bonds_are_up active-backup fast
  run ovs-vsctl list port bond0
  answers <<< "$(port_text bond0 [] active {lacp-time=fast})"
  run ovs-vsctl show
  answers <<< "$(show_text)"
}

# ---- traffic ------------------------------------------------------------------------------------

hosts_talk_in_every_mode() {
  title "two hosts, one on each bridge"
  new_host h0 10.0.0.1
  new_host h1 10.0.0.2
  plug h0 br0
  plug h1 br1
  hosts_ping 10

  local mode
  for mode in balance-slb balance-tcp active-backup; do
    title "hosts talk across the bond: $mode"
    run ovs-vsctl set port bond0 bond_mode="$mode" -- set port bond1 bond_mode="$mode"
    silent
    bonds_are_up "$mode" fast
    hosts_ping 10
    hosts_measure
  done
}

hosts_ping() { pings "$1" h0 10.0.0.2; }

hosts_measure() { measures h0 h1 10.0.0.2; }

# ---- a cable is pulled in the middle of a ping --------------------------------------------------

a_cable_is_pulled() {
  title "a cable is pulled while a ping runs: LACP gives it up, the other one carries on"
  make_active bond0 e0
  make_active bond1 e2
  ping_begins h0 10.0.0.2
  run ovs-vsctl remove interface e2 options peer
  silent
  await 4 shell "ovs-appctl bond/show bond0 | grep -c '^member e0: disabled'" <<< 1
  await "$TAKEOVER_SECONDS" shell "ovs-appctl bond/show bond0 | grep -A1 '^member e1'" <<END
member e1: enabled
  active member
END
  run ovs-vsctl get interface e2 error
  answers <<< "\"e2: patch type requires valid 'peer' argument\""
  ping_goes_on

  title "the cable is put back: both members carry traffic again"
  run ovs-vsctl set interface e2 options:peer=e0
  silent
  links_are_up
  bonds_are_up active-backup fast
  ping_goes_on
  ping_ends "$((TAKEOVER_SECONDS + 1))"
}

# ---- kill -9 ------------------------------------------------------------------------------------

the_daemon_is_killed() {
  local round
  for round in 1 2 3; do
    title "kill -9 right after an answer, number $round: nothing acknowledged is lost"
    run ovs-vsctl set port bond0 external_ids:round="$round" -- \
      set bridge br0 other_config:mac-aging-time="$((300 + round))"
    silent
    configuration > "$LAB_DIR/configuration"
    kill_switch
    start_switch
    COMMAND="ovs-vsctl list"
    configuration > "$LAB_DIR/configuration.restarted"
    CHECKS=$((CHECKS + 1))
    cmp -s "$LAB_DIR/configuration" "$LAB_DIR/configuration.restarted" ||
      fail "the configuration as it was" "another" "$LAB_DIR/configuration"{,.restarted}
    run ovs-vsctl get port bond0 external_ids
    answers <<< "{round=\"$round\"}"
    links_are_up
    bonds_are_up active-backup fast
    hand_over h0
    hand_over h1
    hosts_ping 5
  done
}

# ---- the file -----------------------------------------------------------------------------------

the_database_is_readable() {
  [[ $DAEMON == bondway ]] || return 0  # the reference keeps another kind of file
  title "the database is a table a person can query"
  run sqlite3 "$OVS_DBDIR/conf.db" \
    "select name, bond_mode, lacp from Port where name like 'bond%' order by name"
  answers <<< $'bond0|active-backup|active\nbond1|active-backup|active'
  run sqlite3 "$OVS_DBDIR/conf.db" "select name, bond_mode, lacp from Port"
}

the_daemon_stops() {
  [[ ${KEEP:-no} == no ]] || return 0
  title "the daemon stops"
  stop_switch
}
