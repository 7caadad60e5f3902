# Traffic between hosts, and what it must survive.

# With fast timing a partner that fell silent is given up after three seconds (and the reference,
# which detaches the other member of a bond that lost its key member, needs three more).
TAKEOVER_SECONDS=4
[[ $DAEMON != reference ]] || TAKEOVER_SECONDS=8

# pings COUNT FROM TO_ADDRESS: after one that may be lost to learning, each is answered.
pings() {
  wait_until 5 in_host "$2" ping -q -c 1 -W 1 "$3" > "$LAB_DIR/answer" 2>&1 ||
    fail "$3 to answer within 5 s" "$(cat "$LAB_DIR/answer")"
  run in_host "$2" ping -c "$1" -i 0.1 -W 1 "$3"
  grep -q "^$1 packets transmitted, $1 received, 0% packet loss" "$LAB_DIR/answer" ||
    fail "$1 answers to $1 pings" "loss"
}

# measures CLIENT SERVER SERVER_ADDRESS: TCP through iperf3, four streams for a second.
measures() {
  quietly in_host "$2" iperf3 -s -1 -D -I "$LAB_DIR/iperf3.pid"
  wait_until 5 in_host "$2" sh -c "ss -ltn | grep -q :5201" || fail "iperf3 to listen" "it does not"
  run in_host "$1" iperf3 -c "$3" -t 1 -P 4 -f m
  grep -qE '^\[SUM\].* [1-9][0-9.]* Mbits/sec +receiver$' "$LAB_DIR/answer" ||
    fail "a rate above zero at the receiver" "none"
}

# A ping in the background, ten a second, with the time of every answer.
ping_begins() {
  COMMAND=$(spell in_host "$1" ping -D -i 0.1 "$2")
  printf '$ %s &\n' "$COMMAND"
  ip netns exec "$NS-$1" ping -D -i 0.1 "$2" > "$LAB_DIR/ping" 2>&1 &
  PING_PID=$!
  PING_ANSWERS=0
  ping_goes_on
}

ping_goes_on() {
  PING_ANSWERS=$(grep -c 'bytes from' "$LAB_DIR/ping")
  COMMAND="ping in the background"
  holds "the ping goes on" wait_until 3 five_more_answers
}

five_more_answers() { (($(grep -c 'bytes from' "$LAB_DIR/ping") >= PING_ANSWERS + 5)); }

# ping_ends SECONDS: stops it; no gap between two answers was longer than that.
ping_ends() {
  kill -INT "$PING_PID" && wait "$PING_PID" 2> /dev/null
  local gap
  gap=$(awk '/bytes from/ { gsub(/[][]/, "", $1); if (t && $1 - t > g) g = $1 - t; t = $1 }
             END { printf "%.1f", g }' "$LAB_DIR/ping")
  tail -n 3 "$LAB_DIR/ping" | head -n 1
  holds "the longest silence was $gap s, at most $1 s" awk "BEGIN { exit !($gap <= $1) }"
}
