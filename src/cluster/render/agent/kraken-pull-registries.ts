/** Whom kraken-pull asks for a manifest, and what it makes of the answers. Shell, joined in kraken-pull.ts. */
export const registries = `# Without the manifest lists a registry answers a tag with one platform's manifest, and without the OCI types with 404.
accept='application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json'
accept="$accept, application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"

# ask ADDRESS TAG-OR-DIGEST SECONDS sets answer (an HTTP status, or none), found (the digest of the manifest's own bytes) and reason.
ask() {
  found='' reason=''
  : >"$scratch/manifest"
  # Neither ~/.curlrc nor a proxy of the environment has a say in what is asked of this machine.
  if run curl -q --silent --show-error --noproxy '*' --connect-timeout 5 --max-time "$3" --header "Accept: $accept" \\
    --output "$scratch/manifest" --write-out '%{http_code}' "http://$1/v2/$repository/manifests/$2" >"$scratch/status" 2>"$scratch/curl"; then
    answer=$(cat "$scratch/status")
  else
    answer=none reason=$(last_line "$scratch/curl")
    return
  fi
  case $answer in
    200)
      if grep -q '"schemaVersion"' "$scratch/manifest"; then
        found=sha256:$(sha256sum <"$scratch/manifest" | cut -d ' ' -f 1)
      else
        answer=none reason='an answer that is no manifest'
      fi ;;
    403) reason='HTTP 403 (is this machine in its allowed_cidrs?)' ;;
    *) reason="HTTP $answer" ;;
  esac
}

load_balancer_behind() {
  printf '%s\\n%s\\n' "$relays" "$load_balancers" |
    awk -v relay="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == relay) place = i } NR == 2 { print $place }'
}

# All of them stand before the same proxies, so the first clear answer is the answer.
ask_load_balancers() {
  silent=''
  for relay in $relays; do
    load_balancer=$(load_balancer_behind "$relay")
    ask "$relay" "$1" 20
    case $answer in 200 | 404) return 0 ;; esac
    silent="\${silent:+$silent; }$load_balancer: $reason"
  done
  return 1
}

differs() {
  fail 4 DIGEST_DIFFERS "$image: $1" 'nothing was tagged; ask who pushed it which digest is right, and pull NAME@sha256:DIGEST'
}

look='look at: systemctl status kraken-agent, /var/log/kraken/agent.log'

# A load balancer's 404 counts more than the agent's error: an agent answers 500 for a digest that nobody has, and for a tag when
# it does not reach a build-index.
# Settles what will be pulled (digest) and whether the agent can be asked for it (agent_serves, agent_reason).
resolve() {
  typed=$digest
  ask "$agent" "\${typed:-$tag}" 45
  agent_serves=no agent_reason=$reason agent_digest=$found
  if [ -n "$agent_digest" ]; then
    agent_serves=yes digest=$agent_digest
    if [ -n "$typed" ]; then
      digest=$typed
      [ "$agent_digest" = "$typed" ] || differs "the agent at $agent answers $typed with $agent_digest"
      return
    fi
  fi
  if ! ask_load_balancers "\${typed:-$tag}"; then
    [ "$agent_serves" = yes ] ||
      fail 5 NOT_SERVED "$image: neither the agent ($agent: $agent_reason) nor a load balancer could serve it ($silent)" "$look; and at the load balancers"
    warn "$digest was not compared with a load balancer, none answered ($silent)"
  elif [ "$answer" = 404 ]; then
    [ "$agent_serves" = yes ] ||
      fail 3 IMAGE_UNKNOWN "$image does not exist in the cluster $cluster (load balancer $load_balancer: HTTP 404; agent: $agent_reason)" 'is the name right, and was it pushed? docker push to a load balancer'
    warn "$digest was not compared with a load balancer, $load_balancer does not know $tag"
  elif [ -n "$typed" ]; then
    [ "$found" = "$typed" ] || differs "load balancer $load_balancer answers $typed with $found"
  elif [ "$agent_serves" = yes ]; then
    [ "$found" = "$digest" ] || differs "the agent at $agent has $digest, load balancer $load_balancer has $found"
  else
    digest=$found
  fi
}`;
