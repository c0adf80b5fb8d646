/** How kraken-pull reads the name of an image. Shell, joined in kraken-pull.ts. */
export const imageName = `# Splits the image as Docker does: [host/]repository[:tag][@digest].
read_image() {
  forms='expected NAME, NAME:TAG or NAME@sha256:DIGEST'
  case $image in
    '') refuse "the name of the image is empty, $forms" ;;
    *[[:space:]]*) refuse "$image: an image's name has no white space, $forms" ;;
    *[!A-Za-z0-9._/:@-]*) refuse "$image: this is not the name of an image, $forms" ;;
  esac
  name=\${image%%@*} tag=''
  case $image in *@*) digest=\${image#*@} ;; esac
  host='' repository=$name
  case \${name%%/*} in
    "$name") ;;
    *.* | *:* | localhost) host=\${name%%/*} repository=\${name#*/} ;;
  esac
  last=\${repository##*/}
  case $last in *:*) tag=\${last#*:} repository=\${repository%":\${last#*:}"} ;; esac
  case $image in
    *@) refuse "$image: the digest behind the @ is missing, $forms" ;;
    *: | *:@*) refuse "$image: the tag behind the colon is missing, $forms" ;;
  esac
  # Docker reads them as tag and as name.
  ! matches "$image" '(sha256:)?[0-9a-f]{64}' || refuse "$image: this is a digest or an id without a name, $forms"
  check_host
  case $host in
    '' | docker.io | index.docker.io) case $repository in */*) ;; *) repository=library/$repository ;; esac ;;
  esac
  check_grammar
  written_repository=\${name%":$tag"}
  [ -n "$tag$digest" ] || tag=latest
  written=''
  [ -z "$tag" ] || written=$written_repository:$tag
}

check_host() {
  hosts="$load_balancers $agent localhost:\${agent##*:} docker.io"
  case " $hosts $relays " in *" $name "*) refuse "$image: this is a registry without an image, $forms" ;; esac
  [ -n "$host" ] || return 0
  case " $hosts $relays index.docker.io " in *" $host "*) return 0 ;; esac
  refuse "$image: $host is no registry of the cluster $cluster" "expected no registry or one of: $hosts"
}

check_grammar() {
  part='[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*'
  matches "$repository" "$part(/$part)*" ||
    refuse "$image: $repository is not a repository" 'expected lower case letters and digits, in parts such as team/app, with . _ __ or - inside a part'
  # Docker counts the registry's name too.
  [ "\${#repository}" -le "$((254 - \${#agent}))" ] || refuse "$image: the repository is longer than $((254 - \${#agent})) characters"
  [ -z "$tag" ] || matches "$tag" '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}' ||
    refuse "$image: $tag is not a tag" 'expected up to 128 letters, digits, _ . and -, the first one not . or -'
  [ -z "$digest" ] || matches "$digest" 'sha256:[0-9a-f]{64}' ||
    refuse "$image: $digest is not a digest" 'expected sha256: and 64 digits of 0-9 a-f'
}`;
