# The words labs are written in: show a command, run it, check every answer.
#
#   title TEXT            begins a step; the summary and every failure name it
#   run COMMAND...        shows the command, runs it, shows its answer; it must exit 0
#   run_failing STATUS COMMAND...
#                         ... it must exit with STATUS
#   answers <<<TEXT       what the last `run` printed must be TEXT, to the byte
#   silent                ... must be nothing
#   await SECONDS COMMAND... <<<TEXT
#                         repeats the command until it answers TEXT, then shows it once
#   wait_until SECONDS COMMAND...
#                         the same for a condition that is not worth showing
#   holds "CLAIM" COMMAND...
#                         a check of another kind: COMMAND must exit 0
#   quietly COMMAND...    scaffolding: nothing shown, must succeed
#   at_end COMMAND...     undone when the lab ends, however it ends; latest first
#
# Source this file, then call lab_begin NAME; lab_end closes the lab.  Everything a lab creates is
# named after its process (bwPID-...) and lies below LAB_DIR.

set -u

lab_begin() {
  LAB=$1
  LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/bondway-lab.XXXXXX")
  LAB_UNDO=$LAB_DIR/down
  NS=bw$$
  STEP="setting up"
  COMMAND=""
  CHECKS=0
  HELD=()
  printf 'rm -rf %q\n' "$LAB_DIR" > "$LAB_UNDO"
  trap 'lab_cleanup $?' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

lab_end() {
  note_step
  printf '\n== lab %s: all of this held ==\n' "$LAB"
  printf '  %s\n' "${HELD[@]}"
  LAB_DONE=yes
}

# The undo list is a script, kept latest line first, so that --keep can leave it to the user.
at_end() {
  local line
  printf -v line '%q ' "$@"
  printf '%s\n%s\n' "$line" "$(cat "$LAB_UNDO")" > "$LAB_UNDO.new"
  mv "$LAB_UNDO.new" "$LAB_UNDO"
}

lab_cleanup() {
  local status=$1
  trap - EXIT
  trap '' INT TERM HUP
  if [[ ${KEEP:-no} == yes && $status == 0 ]]; then
    print_exports
  else
    [[ $status == 0 || -n ${FAILED:-} ]] ||
      printf '\nlab %s: stopped in step "%s"\n' "$LAB" "$STEP" >&2
    sh "$LAB_UNDO" > /dev/null 2>&1
  fi
  exit "$status"
}

# ---- showing and checking -----------------------------------------------------------------------

title() {
  note_step
  STEP=$1
  STEP_CHECKS=$CHECKS
  printf '\n== %s ==\n' "$STEP"
}

note_step() {
  [[ $STEP == "setting up" ]] || HELD+=("$STEP ($((CHECKS - STEP_CHECKS)) checks)")
}

run() { run_failing 0 "$@"; }

# What must fail, and how: run_failing STATUS COMMAND...
run_failing() {
  local wanted=$1 status=0
  shift
  COMMAND=$(spell "$@")
  printf '$ %s\n' "$COMMAND"
  patiently "$@" > "$LAB_DIR/answer" 2>&1 || status=$?
  cat "$LAB_DIR/answer"
  CHECKS=$((CHECKS + 1))
  [[ $status == "$wanted" ]] || fail "exit status $wanted" "exit status $status"
}

answers() {
  cat > "$LAB_DIR/wanted"
  CHECKS=$((CHECKS + 1))
  cmp -s "$LAB_DIR/wanted" "$LAB_DIR/answer" || fail_answer
}

silent() { answers < /dev/null; }

await() {
  local seconds=$1
  shift
  COMMAND=$(spell "$@")
  cat > "$LAB_DIR/wanted"
  printf '$ %s\n' "$COMMAND"
  CHECKS=$((CHECKS + 1))
  if wait_until "$seconds" answer_is_wanted "$@"; then
    cat "$LAB_DIR/answer"
  else
    cat "$LAB_DIR/answer"
    fail_answer " within $seconds s"
  fi
}

answer_is_wanted() {
  patiently "$@" > "$LAB_DIR/answer" 2>&1
  cmp -s "$LAB_DIR/wanted" "$LAB_DIR/answer"
}

wait_until() {
  local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
  shift
  until "$@"; do
    ((${EPOCHREALTIME/./} < deadline)) || return 1
    sleep 0.05
  done
}

holds() {
  local claim=$1
  shift
  CHECKS=$((CHECKS + 1))
  "$@" || fail "$claim" "the contrary"
  printf '# %s\n' "$claim"
}

quietly() {
  COMMAND=$(spell "$@")
  patiently "$@" > "$LAB_DIR/answer" 2>&1 ||
    fail "success" "exit status $?: $(cat "$LAB_DIR/answer")"
}

# A misspelt check must not pass for one that held.
command_not_found_handle() {
  printf 'lab: no such command: %s\n' "$*" >&2
  kill -TERM $$
}

# No command of a lab may hang: exit status 124 after a minute.
patiently() {
  case $(type -t "$1") in
    function) "$@" ;;
    *) timeout 60 "$@" ;;
  esac
}

# A line with pipes.
shell() { timeout 60 bash -c "$1"; }

# The command as a person would type it, run in whatever namespace it needs.
spell() {
  local word words=()
  case ${1:-} in
    shell) printf '%s' "$2" && return ;;
    in_host) set -- ip netns exec "$NS-$2" "${@:3}" ;;
    in_switch) set -- ip netns exec "$NS-$SWITCH" "${@:2}" ;;
  esac
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_./:=,@%+{}-]+$ ]] || word="'${word//"'"/"'\''"}'"
    words+=("$word")
  done
  printf '%s' "${words[*]}"
}

# ---- failing ------------------------------------------------------------------------------------

fail_answer() {
  local how=${1:-}
  fail "this answer$how" "this one" "$LAB_DIR/wanted" "$LAB_DIR/answer"
}

# fail EXPECTED CAME [FILE_EXPECTED FILE_THAT_CAME]
fail() {
  FAILED=yes
  {
    printf '\nlab %s FAILED in step "%s"\n' "$LAB" "$STEP"
    [[ -z $COMMAND ]] || printf 'command:  %s\n' "$COMMAND"
    printf 'expected: %s\n' "$1"
    [[ $# -lt 3 ]] || sed 's/^/    |/' "$3"
    printf 'came:     %s\n' "$2"
    if [[ $# -ge 4 ]]; then
      sed 's/^/    |/' "$4"
      printf 'difference (- expected, + came):\n'
      diff -u "$3" "$4" | tail -n +4 | sed 's/^/    /'
    fi
    show_logs
  } >&2
  exit 1
}
