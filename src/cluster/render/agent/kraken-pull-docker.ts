/** What kraken-pull has Docker do. Shell, joined in kraken-pull.ts. */
export const programs = `last_line() {
  grep -v '^[[:space:]]*$' "$1" | tail -n 1
}

# Docker's own troubles are not those of whoever was to serve the image.
blame_docker() {
  said=$(last_line "$scratch/docker")
  case $said in
    *'permission denied'*docker.sock* | *'permission denied while trying to connect'*)
      fail 6 DOCKER_DENIED "this user may not use Docker: $said" 'try again with sudo, or as a member of the group docker (sudo usermod -aG docker USER, then log in again)' ;;
    *'Cannot connect to the Docker daemon'* | *'failed to connect to the docker API'* | *'Is the docker daemon running'*)
      fail 6 DOCKER_DOWN "Docker does not answer: $said" 'look at: systemctl status docker' ;;
    *'no space left on device'*)
      fail 6 DISK_FULL "Docker has no space left: $said" 'look at: docker system df' ;;
  esac
}

check_programs() {
  command -v docker >/dev/null || fail 6 DOCKER_MISSING 'docker is not installed' 'install Docker; its command line is needed too'
  for program in curl sha256sum mktemp; do
    command -v "$program" >/dev/null || fail 6 PROGRAM_MISSING "$program is not installed" "install $program"
  done
  scratch=$(mktemp -d "\${TMPDIR:-/tmp}/kraken-pull.XXXXXX") || fail 6 DISK_FULL "no folder can be made in \${TMPDIR:-/tmp}" 'TMPDIR names another place'
  run docker version --format '{{.Server.Version}}' >/dev/null 2>"$scratch/docker" && return
  blame_docker
  fail 6 DOCKER_DOWN "Docker cannot be used: $said" 'look at: docker version'
}`;

export const pulling = `inspect() {
  run docker image inspect --format '{{.Id}} {{json .RepoDigests}}' "$transport" >"$scratch/image" 2>"$scratch/docker"
}

# By digest and never by tag: Docker checks all bytes against it, and whatever ends this program leaves no tag of a half pull.
pull_through() {
  transport=$1/$repository@$digest drop=no
  # A name that was there before stays: somebody uses it.
  inspect || drop=yes
  for turn in 1 2; do
    if ! run docker pull "$transport" >&3 2>"$scratch/docker"; then
      blame_docker
      case $said in
        *'no matching manifest'*) fail 3 PLATFORM_UNKNOWN "$image is not there for this machine's platform: $said" 'push it for this platform too' ;;
      esac
      reason=$said
      return 1
    fi
    # Another kraken-pull of this image takes the name away when it is done; what it was for is still there.
    inspect && break
    [ "$turn" = 1 ] || { blame_docker; fail 6 DOCKER_FAILED "Docker pulled $transport and does not have it: $said" 'look at: systemctl status docker'; }
  done
  shown=$(cat "$scratch/image")
  id=\${shown%% *}
  case $shown in *"\\"$transport\\""*) ;; *) differs "Docker has $shown, expected $digest" ;; esac
}

fall_back() {
  [ "$fallback" = yes ] || fail 5 NOT_SERVED "$image: the agent at $agent did not serve it ($agent_reason), and --no-fallback was given" "$look"
  warn "the agent at $agent did not serve $image ($agent_reason), so it is pulled through a load balancer; $look"
  leave_out
  silent=''
  for relay in $relays; do
    load_balancer=$(load_balancer_behind "$relay")
    ask "$relay" "$digest" 20
    if [ "$found" = "$digest" ]; then
      pull_through "$relay" && return
      leave_out
    fi
    silent="\${silent:+$silent; }$load_balancer: \${reason:-other bytes}"
  done
  fail 5 NOT_SERVED "$image: neither the agent ($agent: $agent_reason) nor a load balancer could serve it ($silent)" "$look; and at the load balancers"
}

leave_out() {
  [ "$drop" = no ] || run docker rmi "$transport" >/dev/null 2>&1
  drop=no
}

# Checked before it is named. Docker forgets the digest of a repository with its last name, so the image's own name has none.
name_it() {
  if [ -z "$written" ]; then
    drop=no reference=$transport
    [ "$json$quiet" != nono ] || printf 'kraken-pull: a digest cannot be tagged; the image is there as %s\\n' "$transport" >&2
    return
  fi
  [ "\${transport%@*}" != "$written_repository" ] || drop=no
  if ! run docker tag "$id" "$written" >/dev/null 2>"$scratch/docker"; then
    blame_docker
    fail 6 DOCKER_FAILED "Docker did not take the name $written: $said" 'look at: docker images'
  fi
  reference=$written
}`;
