# Sourced: npm packages as package-lock.json says, when they are not there yet.

packages_are_stale() {
  # npm writes this file first; install_packages touches it when the installation came to its end.
  [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]
}

install_packages() {
  # `npm ci` refuses a lock file in which another platform's optional binaries are missing, and a lock file can only have
  # those that its registry had. `npm install` takes the same versions and passes over what is not for this machine.
  npm ci --no-audit --no-fund --loglevel=error 2>/dev/null ||
    npm install --no-save --no-audit --no-fund --loglevel=error || return 1
  touch node_modules/.package-lock.json
}
