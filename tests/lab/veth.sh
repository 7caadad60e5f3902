# Lab `veth`: two switches, each alone in its namespace, joined by two pairs of veth devices.
#
#     host h0                                                         host h1
#        |                                                               |
#       br0 ---- bond0 ---- l0 ========== veth ========== r0 ---- bond1 ---- br1
#                     `---- l1 ========== veth ========== r1 ----'
#            switch left                                       switch right

lab_veth() {
  two_switches
  a_bond_on_either_side
  hosts_talk
  a_carrier_is_lost
  the_carrier_is_back
  counts_agree
  both_stop
}

WIRE=([l0]=r0 [r0]=l0 [l1]=r1 [r1]=l1)

two_switches() {
  title "two switches, two cables between them"
  new_switch left
  new_switch right
  cable l0 r0
  cable l1 r1
}

# A veth pair from the left switch's namespace to the right one's.
cable() {
  run ip link add "$1" netns "$NS-left" type veth peer name "$2" netns "$NS-right"
  run ip -n "$NS-left" link set "$1" up
  run ip -n "$NS-right" link set "$2" up
}

a_bond_on_either_side() {
  title "a bond on either side, over packet sockets"
  configure left br0 bond0 l0 l1
  configure right br1 bond1 r0 r1
  all_is_well
}

configure() {
  on_switch "$1"
  run ovs-vsctl add-br "$2"
  silent
  run ovs-vsctl add-bond "$2" "$3" "$4" "$5" lacp=active other_config:lacp-time=fast
  silent
}

on_switch() {
  on "$1"
  printf '# on switch %s\n' "$1"
}

# Both bonds have negotiated with each other and use both cables.
all_is_well() {
  bond_is_well left bond0 l0 l1
  bond_is_well right bond1 r0 r1
  know_both
  shows_lacp left bond0 l0 l1
  shows_lacp right bond1 r0 r1
}

bond_is_well() {
  on_switch "$1"
  local member
  for member in "${@:3}"; do
    await 10 ovs-vsctl get interface "$member" link_state <<< up
    await 10 ovs-vsctl get interface "$member" lacp_current <<< true
  done
  bond_shows "$2" active-backup "${@:3}"
}

know_both() {
  on left
  know bond0 br0 bond1 active fast
  on right
  know bond1 br1 bond0 active fast
}

# shows_lacp SWITCH BOND MEMBER...
shows_lacp() {
  on_switch "$1"
  await 10 ovs-appctl lacp/show "$2" <<< "$(lacp_text "${@:2}")"
}

# Every LACPDU sent over a cable is received once: those of the last second may be under way.
counts_agree() {
  title "each LACPDU is received once"
  local sent received
  on_switch left
  run ovs-appctl lacp/show-stats bond0
  sent=$(counter l1 "TX PDUs")
  on_switch right
  run ovs-appctl lacp/show-stats bond1
  received=$(counter r1 "RX PDUs")
  holds "r1 received $received of the $sent that l1 sent" \
    test $((received - sent)) -ge -1 -a $((received - sent)) -le 1
}

# counter MEMBER NAME, from the answer to lacp/show-stats.
counter() {
  awk -v RS= -v member="member: $1:" 'index($0, member) == 1' "$LAB_DIR/answer" |
    sed -n "s/^  $2: //p"
}

hosts_talk() {
  title "hosts behind them talk"
  new_host h0 10.0.0.1
  new_host h1 10.0.0.2
  on_switch left
  plug h0 br0
  on_switch right
  plug h1 br1
  pings 10 h0 10.0.0.2
  measures h0 h1 10.0.0.2
}

a_carrier_is_lost() {
  title "one cable loses its carrier while a ping runs"
  on_switch left
  make_active bond0 l0
  on_switch right
  make_active bond1 r0
  ping_begins h0 10.0.0.2
  run ip -n "$NS-right" link set r0 down
  SILENT="l0 r0"
  gives_up left bond0 l0 l1
  gives_up right bond1 r0 r1
  shows_lacp left bond0 l0 l1
  shows_lacp right bond1 r0 r1
  ping_goes_on
}

# gives_up SWITCH BOND LOST KEPT: the bond moves to the other cable.
gives_up() {
  on_switch "$1"
  await 1 ovs-vsctl get interface "$3" link_state <<< down
  await 1 shell "ovs-appctl bond/show $2 | grep -A2 '^member'" <<END
member $3: disabled
  may_enable: false

member $4: enabled
  active member
  may_enable: true
END
}

the_carrier_is_back() {
  title "the carrier is back while the ping runs"
  run ip -n "$NS-right" link set r0 up
  SILENT=""
  all_is_well
  ping_goes_on
  ping_ends 1
}

both_stop() {
  [[ ${KEEP:-no} == no ]] || return 0
  title "both daemons stop"
  on_switch left
  stop_switch
  on_switch right
  stop_switch
}
