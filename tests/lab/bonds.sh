# Bonds, and what the programs must print of them, written out from the database's values: whole
# answers, compared to the byte.

declare -A WIRE FAR_BOND SYSTEM KEY PORT_ID ACTIVITY LACP_TIME

# value TABLE RECORD COLUMN[:KEY]: one value, without quotes.
value() { ovs-vsctl --if-exists get "$1" "$2" "$3" | tr -d '"'; }

# lacp_text BOND MEMBER...: lacp/show of a bond of which every member carries traffic, except those
# that SILENT names: their link has been down for more than three seconds.  WIRE names the interface
# at a member's other end; `know` has told who the two bonds are.
lacp_text() {
  local bond=$1 member
  cat <<END
---- $bond ----
  status: ${ACTIVITY[$bond]} negotiated
  sys_id: ${SYSTEM[$bond]}
  sys_priority: 65534
  aggregation key: ${KEY[$bond]}
  lacp_time: ${LACP_TIME[$bond]}
END
  for member in "${@:2}"; do
    if [[ " ${SILENT:-} " == *" $member "* ]]; then
      silent_member_text "$bond" "$member"
    else
      current_member_text "$bond" "$member"
    fi
  done
}

current_member_text() {
  local bond=$1 member=$2 peer=${FAR_BOND[$1]}
  cat <<END

member: $member: current attached
  port_id: ${PORT_ID[$member]}
  port_priority: 65535
  may_enable: true

  actor sys_id: ${SYSTEM[$bond]}
  actor sys_priority: 65534
  actor port_id: ${PORT_ID[$member]}
  actor port_priority: 65535
  actor key: ${KEY[$bond]}
  actor state: $(state_words "$bond") synchronized collecting distributing

  partner sys_id: ${SYSTEM[$peer]}
  partner sys_priority: 65534
  partner port_id: ${PORT_ID[${WIRE[$member]}]}
  partner port_priority: 65535
  partner key: ${KEY[$peer]}
  partner state: $(state_words "$peer") synchronized collecting distributing
END
}

silent_member_text() {
  local bond=$1 member=$2
  cat <<END

member: $member: defaulted detached
  port_id: ${PORT_ID[$member]}
  port_priority: 65535
  may_enable: false

  actor sys_id: ${SYSTEM[$bond]}
  actor sys_priority: 65534
  actor port_id: ${PORT_ID[$member]}
  actor port_priority: 65535
  actor key: ${KEY[$bond]}
  actor state: $(state_words "$bond") defaulted

  partner sys_id: 00:00:00:00:00:00
  partner sys_priority: 0
  partner port_id: 0
  partner port_priority: 0
  partner key: 0
  partner state:
END
}

# What a bond's settings make of its members' state.
state_words() {
  [[ ${ACTIVITY[$1]} == passive ]] || printf 'activity '
  [[ ${LACP_TIME[$1]} == slow ]] || printf 'timeout '
  printf aggregation
}

# know BOND BRIDGE FAR_BOND ACTIVITY LACP_TIME: how this bond presents itself on the wire, from the
# database of the selected switch; but its key from lacp/show: the port id of one of its members, or
# of one that it had when it was last known.
know() {
  local bond=$1 bridge=$2 member may_be=("${KEY[$1]:-}")
  FAR_BOND[$bond]=$3 ACTIVITY[$bond]=$4 LACP_TIME[$bond]=$5
  SYSTEM[$bond]=$(value interface "$bridge" mac_in_use)
  for member in $(members "$bond"); do
    PORT_ID[$member]=$(value interface "$member" ofport)
    may_be+=("${PORT_ID[$member]}")
  done
  KEY[$bond]=$(ovs-appctl lacp/show "$bond" | sed -n 's/^  aggregation key: //p')
  COMMAND="ovs-appctl lacp/show $bond"
  [[ " ${may_be[*]} " == *" ${KEY[$bond]} "* ]] ||
    fail "an aggregation key among the port ids ${may_be[*]}" "key ${KEY[$bond]}"
}

members() {
  local uuid
  for uuid in $(ovs-vsctl get port "$1" interfaces | tr -d '[],'); do
    value interface "$uuid" name
  done | sort
}

# bond_text BOND MODE MEMBER...: bond/show of a bond whose members are all enabled and that has
# negotiated; fields that run are N, as in `steady`.
bond_text() {
  local bond=$1 mode=$2 active_mac member active=none recirculation="no, Recirc-ID : -1"
  active_mac=$(value port "$bond" bond_active_slave)
  for member in "${@:3}"; do
    [[ $(value interface "$member" mac_in_use) != "$active_mac" ]] || active=$member
  done
  [[ $mode != balance-tcp ]] || recirculation="yes, Recirc-ID : N"
  cat <<END
---- $bond ----
bond_mode: $mode
bond may use recirculation: $recirculation
bond-hash-basis: 0
lb_output action: disabled, bond-id: -1
END
  [[ $mode != balance-slb ]] || echo "all members active: false"
  cat <<END
updelay: 0 ms
downdelay: 0 ms
END
  [[ $mode == active-backup ]] || echo "next rebalance: N ms"
  cat <<END
lacp_status: negotiated
lacp_fallback_ab: false
active-backup primary: <none>
active member mac: $active_mac($active)

END
  for member in "${@:3}"; do
    echo "member $member: enabled"
    [[ $member != "$active" ]] || echo "  active member"
    printf '  may_enable: true\n\n'
  done
}

# bond/show without what differs from one moment to the next: the timer, the number of the
# recirculation, the load of the buckets.
steady() {
  ovs-appctl bond/show "$1" > "$LAB_DIR/shown" 2>&1 || return
  sed -E -e 's/^(next rebalance: )-?[0-9]+ ms$/\1N ms/' -e 's/(yes, Recirc-ID : )[0-9]+$/\1N/' \
    -e '/^  hash [0-9]+: [0-9]+ kB load$/d' "$LAB_DIR/shown"
}

# port_text PORT MODE LACP OTHER_CONFIG: all of `list port`.
port_text() {
  local port=$1
  cat <<END
_uuid               : $(value port "$port" _uuid)
bond_active_slave   : "$(value port "$port" bond_active_slave)"
bond_downdelay      : 0
bond_fake_iface     : false
bond_mode           : $2
bond_updelay        : 0
cvlans              : []
external_ids        : {}
fake_bridge         : false
interfaces          : [$(for m in $(members "$port"); do value interface "$m" _uuid; done | sort |
    paste -sd, | sed 's/,/, /g')]
lacp                : $3
mac                 : []
name                : $port
other_config        : $4
protected           : false
qos                 : []
rstp_statistics     : {}
rstp_status         : {}
statistics          : {}
status              : {}
tag                 : []
trunks              : []
vlan_mode           : []
END
}

# show_text: all of `show`, siblings by ascending UUID.
show_text() {
  local bridge port interface
  ovs-vsctl get open_vswitch . _uuid
  for bridge in $(uuids open_vswitch . bridges); do
    echo "    Bridge $(value bridge "$bridge" name)"
    show_column 8 bridge "$bridge" datapath_type
    for port in $(uuids bridge "$bridge" ports); do
      echo "        Port $(value port "$port" name)"
      for interface in $(uuids port "$port" interfaces); do
        echo "            Interface $(value interface "$interface" name)"
        show_column 16 interface "$interface" type
        show_column 16 interface "$interface" options
        show_column 16 interface "$interface" error
      done
    done
  done
  show_column 4 open_vswitch . ovs_version
}

uuids() { ovs-vsctl get "$1" "$2" "$3" | tr -d '[],' | tr ' ' '\n' | sort; }

show_column() {
  local text
  text=$(ovs-vsctl get "$2" "$3" "$4")
  [[ $text == '""' || $text == '{}' || $text == '[]' ]] || printf '%*s%s: %s\n' "$1" '' "$4" "$text"
}

# bond_shows BOND MODE MEMBER...: bond/show is what bond_text says.
bond_shows() {
  COMMAND=$(spell ovs-appctl bond/show "$1")
  printf '$ %s\n' "$COMMAND"
  CHECKS=$((CHECKS + 1))
  wait_until 5 bond_is_as_wanted "$@" || fail_answer " within 5 s"
  cat "$LAB_DIR/shown"
}

bond_is_as_wanted() {
  bond_text "$@" > "$LAB_DIR/wanted"
  steady "$1" > "$LAB_DIR/answer"
  cmp -s "$LAB_DIR/wanted" "$LAB_DIR/answer"
}

# make_active BOND MEMBER, whichever is active now.
make_active() {
  COMMAND=$(spell ovs-appctl bond/set-active-member "$1" "$2")
  printf '$ %s\n' "$COMMAND"
  ovs-appctl bond/set-active-member "$1" "$2" > "$LAB_DIR/answer" 2>&1
  cat "$LAB_DIR/answer"
  grep -qxE 'done|no change' "$LAB_DIR/answer" || fail '"done" or "no change"' "the above"
  CHECKS=$((CHECKS + 1))
}

# Every column that belongs to the user.
configuration() {
  ovs-vsctl --columns=_uuid,name,ports,other_config,datapath_type list bridge | sorted_rows
  ovs-vsctl --columns=_uuid,name,interfaces,bond_mode,lacp,other_config,external_ids list port |
    sorted_rows
  ovs-vsctl --columns=_uuid,name,type,options list interface | sorted_rows
}

# Rows come in no particular order: one row a line, sorted.
sorted_rows() { awk -v RS= '{ gsub("\n", " | "); print }' | sort; }
