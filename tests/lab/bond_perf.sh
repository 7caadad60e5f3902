# Lab `bond_perf`: a bond under load, in each mode, and what it costs to pull a cable.
#
#     host h0                                                         host h1
#        |                                                               |
#       br0 ---- bond0 ---- l0 ========== veth ========== r0 ---- bond1 ---- br1
#                     `---- l1 ========== veth ========== r1 ----'
#            switch left                                       switch right

lab_bond_perf() {
  two_switches_and_hosts
  local mode
  for mode in active-backup balance-slb balance-tcp; do
    under_load "$mode"
    a_cable_is_pulled "$mode"
  done
  nobody_expired
  the_figures
}

declare -A THERE BACK SILENCE LOST

two_switches_and_hosts() {
  title "two switches, two cables between them, a host behind each"
  new_switch left
  new_switch right
  cable l0 r0
  cable l1 r1
  new_host h0 10.0.0.1
  new_host h1 10.0.0.2
  one_side left br0 bond0 l0 l1 h0
  one_side right br1 bond1 r0 r1 h1
}

cable() {
  run ip link add "$1" netns "$NS-left" type veth peer name "$2" netns "$NS-right"
  run ip -n "$NS-left" link set "$1" up
  run ip -n "$NS-right" link set "$2" up
}

# one_side SWITCH BRIDGE BOND MEMBER MEMBER HOST
one_side() {
  on "$1"
  printf '# on switch %s\n' "$1"
  run ovs-vsctl add-br "$2" -- add-bond "$2" "$3" "$4" "$5" lacp=active other_config:lacp-time=fast
  silent
  plug "$6" "$2"
}

# under_load MODE: both bonds take it, then TCP there and back.
under_load() {
  title "TCP over a bond in mode $1"
  in_mode "$1" left bond0 l0 l1
  in_mode "$1" right bond1 r0 r1
  pings 5 h0 10.0.0.2
  THERE[$1]=$(tcp)
  BACK[$1]=$(tcp -R)
  holds "${THERE[$1]} Mbit/s there" test "${THERE[$1]}" -gt 0
  holds "${BACK[$1]} Mbit/s back" test "${BACK[$1]}" -gt 0
}

in_mode() {
  on "$2"
  run ovs-vsctl set port "$3" "bond_mode=$1"
  silent
  local member
  for member in "${@:4}"; do
    await 10 ovs-vsctl get interface "$member" lacp_current <<< true
  done
  wait_until 10 shell "! ovs-appctl bond/show $3 | grep -q 'may_enable: false'"
}

# Megabits a second that the receiver saw, with the offloads that a new host has.
tcp() {
  in_host h1 iperf3 -s -1 -D > /dev/null
  wait_until 5 in_host h1 sh -c "ss -ltn | grep -q :5201" || { echo 0; return; }
  in_host h0 iperf3 -c 10.0.0.2 -t 2 -f m "$@" | awk '/receiver/ { print int($7) }'
}

# Five hundred pings a second pass while the cable in use loses its carrier.
a_cable_is_pulled() {
  title "the cable in use is pulled, in mode $1"
  local used at
  on left
  used=$(ovs-appctl bond/show bond0 | awk '/^member/ { m = $2 } /active member/ { print m; exit }' |
    tr -d :)
  [[ -n $used ]] || used=l0
  in_host h0 ping -D -i 0.002 -c 1000 -W 1 10.0.0.2 > "$LAB_DIR/pings" 2>&1 &
  local pinging=$!
  sleep 0.7
  run ip -n "$NS-right" link set "${used/l/r}" down
  wait "$pinging"
  run ip -n "$NS-right" link set "${used/l/r}" up
  read -r "SILENCE[$1]" "LOST[$1]" <<< "$(awk '
    /bytes from/ { gsub(/[][]/, "", $1); if (t && $1 - t > gap) gap = $1 - t; t = $1 }
    / received/ { lost = $1 - $4 }
    END { printf "%d %d", gap * 1000 + 0.5, lost }' "$LAB_DIR/pings")"
  holds "$used was pulled: ${LOST[$1]} of 1000 pings lost, ${SILENCE[$1]} ms of silence, at most 1000" \
    test "${SILENCE[$1]}" -le 1000
}

# What the switches say of each other's LACPDUs: no load delayed one for three seconds.
nobody_expired() {
  title "no LACPDU came too late"
  local switch
  for switch in left:bond0 right:bond1; do
    on "${switch%:*}"
    run ovs-appctl lacp/show-stats "${switch#*:}"
    holds "no partner expired on ${switch%:*}" \
      test -z "$(awk '/Link Expired/ && $NF > 0' "$LAB_DIR/answer")"
  done
}

the_figures() {
  title "the figures"
  local mode most=1
  for mode in "${!THERE[@]}"; do
    ((THERE[$mode] <= most)) || most=${THERE[$mode]}
    ((BACK[$mode] <= most)) || most=${BACK[$mode]}
  done
  printf '%-14s %-5s %13s\n' mode "" Mbit/s
  for mode in active-backup balance-slb balance-tcp; do
    printf '%-14s %-5s %13s  %s\n' "$mode" there "${THERE[$mode]}" "$(bar "${THERE[$mode]}" "$most")" \
      "" back "${BACK[$mode]}" "$(bar "${BACK[$mode]}" "$most")"
  done
  printf '\n%-14s %-5s %13s  (ms without an answer when the cable in use is pulled)\n' mode "" silence
  most=1
  for mode in "${!SILENCE[@]}"; do ((SILENCE[$mode] <= most)) || most=${SILENCE[$mode]}; done
  for mode in active-backup balance-slb balance-tcp; do
    printf '%-14s %-5s %13s  %s\n' "$mode" "" "${SILENCE[$mode]}" "$(bar "${SILENCE[$mode]}" "$most")"
  done
  CHECKS=$((CHECKS + 1))
}

# bar NUMBER MOST: as long as the number is great, forty signs at most.
bar() { printf '%*s' $(($1 * 40 / $2)) "" | tr ' ' '#'; }
