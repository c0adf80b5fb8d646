import type { LogFormat } from '../log-line';

/** The worker as a service of a machine. Rendered here and nowhere else; pure, so that a test can hold every line. */
export interface WorkerUnit {
  /** Who it runs as: reads the SSH key and the codec key. */
  user: string;
  /** Full path of the Node.js program. */
  node: string;
  /** Full path of `bin/krakenctl`. */
  program: string;
  /** TEMPORAL_* and KRAKENCTL_*, mode 0600; systemd reads it as root. */
  environmentFile: string;
  stateFolder: string;
  /** Of the person whose worker it is, where that is shared with the service; else it has its own in its state folder. */
  secretsFolder?: string;
  logFormat?: LogFormat;
}

export const unitName = 'krakenctl-worker.service';

/** Each value is checked by {@link findBadValue} before it comes here: a unit has its own quoting, and `%` is a specifier. */
export function renderWorkerUnit(unit: WorkerUnit): string {
  const { user, node, program, environmentFile, stateFolder, secretsFolder, logFormat } = unit;
  const writable = [stateFolder, ...(secretsFolder ? [secretsFolder] : [])].join(' ');
  const options = logFormat === 'json' ? ' --log-format json' : '';
  return `# Written by krakenctl worker install; removed by krakenctl worker uninstall.
[Unit]
Description=krakenctl worker: runs the workflows that look after Kraken clusters
Documentation=https://docs.temporal.io/workers
Wants=network-online.target
After=network-online.target
# Temporal may be away for hours: trying again is never given up.
StartLimitIntervalSec=0

[Service]
Type=exec
User=${user}
EnvironmentFile=${environmentFile}
Environment=NODE_ENV=production
Environment=KRAKENCTL_STATE_DIR=${stateFolder}
ExecStart=${node} ${program} worker run${options}
Restart=always
RestartSec=5s
# SIGTERM lets what runs come to an end: the worker's own grace is 5 s, its connections' less.
KillMode=mixed
TimeoutStopSec=30s

# It needs the network, its keys and its state folder, and nothing else of the machine.
NoNewPrivileges=true
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ReadWritePaths=${writable}
# The SSH key is in a home; it is read, never written. Authorities of TLS are written where this person's commands leave secrets.
ProtectHome=read-only
PrivateTmp=true
PrivateDevices=true
ProtectClock=true
ProtectControlGroups=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
LockPersonality=true
RemoveIPC=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`;
}

/** The first value that systemd would read as something else, with why; undefined when all can stand in a unit. */
export function findBadValue(
  unit: WorkerUnit,
): { field: keyof WorkerUnit; value: string; expected: string } | undefined {
  const { user, logFormat: _, ...paths } = unit;
  if (!/^[a-z_][a-z0-9_-]{0,31}$/i.test(user)) return { field: 'user', value: user, expected: 'a name of a user' };
  for (const [field, value] of Object.entries(paths) as [keyof typeof paths, string | undefined][]) {
    if (value !== undefined && !/^\/[\w./@+:,-]*$/.test(value)) {
      return { field, value, expected: 'a full path of letters, digits and . _ - @ + : , alone' };
    }
  }
  return undefined;
}
