import type { ImageRecipe } from './images';

/**
 * A host as a container: systemd, sshd and a Docker engine of its own, reached over SSH and nothing else. Its engine's
 * containers lie below the host's own cgroup, so that freezing or killing the host takes them along, as on a real one.
 */
const packages = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'openssh-server',
  'docker.io',
  'iproute2',
  'iptables',
  'nftables',
  'ca-certificates',
  'curl',
  'procps',
  'sudo',
];

/** Units of a machine that a container does not have, or that only make its start slower. */
const masked = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'getty.target',
  'console-getty.service',
  'systemd-firstboot.service',
  'systemd-logind.service',
  'systemd-update-utmp.service',
  'systemd-update-utmp-runlevel.service',
  'systemd-tmpfiles-clean.timer',
  'systemd-remount-fs.service',
  'systemd-modules-load.service',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'dev-hugepages.mount',
  'dev-mqueue.mount',
];

/** First process of the container; becomes systemd. */
const init = `#!/bin/sh
set -e
# cgroup v2 with a namespace of its own is mounted read-only; systemd needs to write there.
if [ -f /sys/fs/cgroup/cgroup.controllers ] && [ ! -w /sys/fs/cgroup/cgroup.procs ]; then
  mount -o remount,rw /sys/fs/cgroup
fi
# One kind of key starts faster than three, and made here no two hosts share one.
[ -f /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
[ -z "$LAB_AUTHORIZED_KEY" ] || printf '%s\\n' "$LAB_AUTHORIZED_KEY" > /etc/ssh/lab_authorized_keys
# On cgroup v1 the host's namespace is shared: without this, containers of the host would lie beside it, not in it.
own=$(awk -F: '$2 == "freezer" { print $3 }' /proc/1/cgroup)
parent=
[ -z "$own" ] || [ "$own" = / ] || parent="\\"cgroup-parent\\": \\"$own/containers\\", "
printf '{ %s"insecure-registries": ["%s"], "storage-driver": "overlay2", "log-level": "warn" }\\n' \\
  "$parent" "$LAB_SUBNET" > /etc/docker/daemon.json
unset LAB_AUTHORIZED_KEY LAB_SUBNET
exec /sbin/init
`;

/** Waits for sshd and the engine; its output is the host's public key. */
const ready = `#!/bin/sh
for i in $(seq 1 600); do
  if [ "$(ss -ltnH 'sport = :22')" ] &&
    [ "$(curl -s --max-time 5 --unix-socket /run/docker.sock http://engine/_ping)" = OK ]; then
    exec cat /etc/ssh/ssh_host_ed25519_key.pub
  fi
  sleep 0.1
done
systemctl --no-pager --failed >&2
exit 1
`;

/** Makes the host as new, but for its images: what krakenctl and Kraken put there is removed. */
const reset = `#!/bin/sh
systemctl stop 'krakenctl-firewall-*.timer' 2> /dev/null
for unit in /etc/systemd/system/kraken-* /etc/systemd/system/krakenctl-*; do
  [ -e "$unit" ] || continue
  systemctl disable --now --quiet "$(basename "$unit")" 2> /dev/null
  rm -f "$unit"
  changed=yes
done
[ -z "$changed" ] || systemctl daemon-reload
for table in $(nft list tables inet 2> /dev/null | sed -n 's/^table inet \\(krakenctl_.*\\)/\\1/p'); do nft delete table inet "$table"; done
ids=$(docker ps -aq)
[ -z "$ids" ] || docker rm -f -v $ids > /dev/null || exit 1
rm -rf /etc/kraken /var/lib/kraken /var/log/kraken /var/lib/krakenctl /run/krakenctl*
rm -f /usr/local/bin/kraken-pull
docker volume prune -f > /dev/null
`;

const sshd = `PermitRootLogin prohibit-password
PasswordAuthentication no
HostKey /etc/ssh/ssh_host_ed25519_key
AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/lab_authorized_keys
`;

export const hostFiles: Record<string, { text: string; mode: number; target: string }> = {
  'lab-init': { text: init, mode: 0o755, target: '/usr/local/sbin/lab-init' },
  'lab-ready': { text: ready, mode: 0o755, target: '/usr/local/sbin/lab-ready' },
  'lab-reset': { text: reset, mode: 0o755, target: '/usr/local/sbin/lab-reset' },
  'sshd.conf': { text: sshd, mode: 0o644, target: '/etc/ssh/sshd_config.d/lab.conf' },
  sudoers: { text: 'ops ALL=(ALL) NOPASSWD: ALL\n', mode: 0o440, target: '/etc/sudoers.d/ops' },
  'journald.conf': {
    text: '[Journal]\nStorage=volatile\nRuntimeMaxUse=32M\n',
    mode: 0o644,
    target: '/etc/systemd/journald.conf.d/lab.conf',
  },
};

/** `ops` has sudo and no docker group: the login of a careful site. */
export const hostImage: ImageRecipe = {
  name: 'host',
  files: Object.fromEntries(Object.entries(hostFiles).map(([name, { text, mode }]) => [name, { text, mode }])),
  steps: [
    `RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${packages.join(' ')} && rm -rf /var/lib/apt/lists/* /var/cache/apt`,
    `RUN rm -f /etc/ssh/ssh_host_* && truncate -s 0 /etc/machine-id && systemctl mask ${masked.join(' ')} && useradd -m -s /bin/bash ops && usermod -p '*' ops && mkdir -p /etc/docker`,
    ...Object.entries(hostFiles).map(([name, { target }]) => `COPY ${name} ${target}`),
    'ENV container=docker',
    'STOPSIGNAL SIGRTMIN+3',
    'CMD ["/usr/local/sbin/lab-init"]',
  ],
};
