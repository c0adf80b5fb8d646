/** How a machine that nobody logs in to goes by what is served. Shell, joined in install.ts. */
export const newest = `# This text may come from one that was away; what is wanted now is another's to say.
hand_over() {
  [ "$verb" != uninstall ] && [ -z "\${KRAKENCTL_HANDED_OVER:-}" ] || return 0
  wanted=$(curl -fsS -m 5 "http://$balancer/install/desired" 2> /dev/null | sed -n 's/^release //p')
  [ -n "$wanted" ] && [ "$wanted" != "$release" ] || return 0
  curl -fsS -m 30 -o "$tmp/install" "http://$balancer/install" || fail "http://$balancer/install cannot be fetched"
  say "a newer one is served by $balancer"
  verb=over
  KRAKENCTL_HANDED_OVER=yes sh "$tmp/install" "$@"
  exit
}

# Of the operation whose release this machine has.
own_epoch() {
  mark=$(cat "$base/epoch" 2> /dev/null || :)
  echo "\${mark:-0}"
}

is_older() { [ "$epoch" -lt "$(own_epoch)" ]; }

keep_epoch() {
  is_older || { echo "$epoch" > "$base/epoch.new" && mv -f "$base/epoch.new" "$base/epoch"; }
}
`;

export const following = `runs() {
  basename "$(readlink "$current" 2> /dev/null || echo none)"
}

turn=
sentinel=

# By the timer of a machine that nobody logs in to: it goes when it was told to, takes what is served when it has its turn, and says how it is.
follow() {
  if is_dismissed; then
    verb=leave
    # What ends this unit must not run in it.
    mkdir -p /run/krakenctl
    cp "$0" /run/krakenctl/leave
    systemd-run --quiet --collect --unit kraken-agent-leave sh -c 'sh /run/krakenctl/leave --uninstall; rm -f /run/krakenctl/leave'
    return
  fi
  if is_older; then
    say "what is served is older than what this machine has"
    return
  fi
  if [ "$(runs)" != "$release" ] || [ "$(cat "$base/proven" 2> /dev/null)" != "$release" ]; then read_turns; fi
  [ "$(cat "$base/failed" 2> /dev/null)" = "$release-$epoch" ] || rm -f "$base/failed"
  if [ "$(runs)" != "$release" ]; then
    if [ -e "$base/failed" ]; then say "release $release did not get ready here"
    elif [ -n "$turn" ]; then look; install_agent
    else say "release $release is not for this machine yet"
    fi
  fi
  if [ "$(runs)" = "$release" ]; then keep_epoch; fi
  prove
}

# One that was away for a moment may have missed a turn that another knows of.
read_turns() {
  for each in $serving; do
    curl -fsS -m 10 -o "$tmp/turns" "http://$each/install/turns" 2> /dev/null || continue
    [ -n "$sentinel" ] || sentinel=$(sed -n 's/^sentinel //p' "$tmp/turns")
    address=$(cat "$tmp/whoami-$each" 2> /dev/null || :)
    if grep -qx all "$tmp/turns" || { [ -n "$address" ] && grep -qxF "$address" "$tmp/turns"; }; then turn=yes; fi
  done
}

# A kilobyte through the agent and no other way, once for each release.
prove() {
  [ -n "$sentinel" ] && [ "$(runs)" = "$release" ] && [ "$(cat "$base/proven" 2> /dev/null)" != "$release" ] || return 0
  answer=$(kraken-pull --json --no-fallback "$sentinel" 2> /dev/null || :)
  case $answer in
    *'"ok":true'*'"via":"agent"'*) echo "$release" > "$base/proven" ;;
    *) say "no image came through the agent: $answer" ;;
  esac
  docker image rm "$(printf '%s' "$answer" | sed -n 's/.*"reference":"\\([^"]*\\)".*/\\1/p')" > /dev/null 2>&1 || :
}
`;
