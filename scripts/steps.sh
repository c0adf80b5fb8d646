# Sourced: steps that say what they do, never stay silent for 10 s, and show the end of their output when they fail.

seconds_since() {
  echo "$(($(date +%s) - $1))s"
}

# step NAME COMMAND...
step() {
  local name=$1 started log pid waited=0
  shift
  started=$(date +%s)
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  # The step goes with the script: Ctrl-C must not leave half an installation running.
  trap 'kill "$pid" 2>/dev/null; rm -f "$log"; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    waited=$((waited + 1))
    if [ $((waited % 40)) -eq 0 ]; then
      printf ' ▸ %-12s %6s  %s\n' "$name" "$(seconds_since "$started")" "$(tail -n 1 "$log" | cut -c 1-80)"
    fi
  done
  trap - INT TERM
  if ! wait "$pid"; then
    printf ' ✘ %-12s %6s\n' "$name" "$(seconds_since "$started")"
    tail -n 30 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
  printf ' ✔ %-12s %6s\n' "$name" "$(seconds_since "$started")"
}
