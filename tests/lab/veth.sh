# Lab `veth`: two switches, each alone in its namespace, joined by two pairs of veth devices.
#
#    host hl                                                          host hr
#      |                                                                 |
#     br0 --- bond0 --- l0 ============ veth ============ r0 --- bond0 --- br0
#                `----- l1 ============ veth ============ r1 -----'
#           switch left                                  switch right

lab_veth() {
  two_switches
  hosts_talk
  a_carrier_is_lost
  the_carrier_is_back
  both_stop
}

# The bonds have the same name on both sides; here they go by BOND/SWITCH.
WIRE=([l0]=r0 [r0]=l0 [l1]=r1 [r1]=l1)

two_switches() {
  title "two switches, two cables between them"
  new_switch left
  new_switch right
  join l0 r0
  join l1 r1

  title "a bond on either side, over packet sockets"
  configure left l0 l1
  configure right r0 r1
  local member
  for member in l0 l1; do on_left_await "$member"; done
}
