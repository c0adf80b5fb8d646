import { createHash } from 'node:crypto';
import { repositoryOf } from '../image';
import { balancerAddresses } from '../render/agent/balancer-addresses';
import { agentConfigurations } from '../render/agent/configuration';
import { gatewayProgram, gatewayText, hasGateway, speaksTls, trustedFile } from '../render/agent/gateway';
import { krakenPullScript } from '../render/agent/kraken-pull';
import {
  type AgentImage,
  activateProgram,
  deactivateProgram,
  rotateProgram,
  runProgram,
  updateProgram,
} from '../render/agent/programs';
import { agentReadme, agentUnits, relayAddresses } from '../render/agent/units';
import type { ClusterSpec } from '../spec';
import { agentBase } from './names';

/**
 * Everything that a VM needs besides the image: the same bytes for each VM, in one folder whose name is their sum. A release is
 * written beside the one that runs; making it the one that runs is a rename.
 */
export interface AgentRelease {
  /** First 16 hex digits of the SHA-256 over {@link AgentRelease.sums}. */
  id: string;
  /** Absolute path on the VM. */
  folder: string;
  files: ReleaseFile[];
  /** As `sha256sum` writes and checks it. */
  sums: string;
  image: AgentImage;
}

export interface ReleaseFile {
  /** Below the release's folder: `systemd/kraken-agent.service`. */
  path: string;
  mode: number;
  contents: string;
}

export function agentImageReference({ images }: ClusterSpec): string {
  return `${images.registry}/kraken-agent:${images.version}`;
}

export function agentImage(spec: ClusterSpec, digest: string): AgentImage {
  const reference = agentImageReference(spec);
  const runnable = spec.images.source === 'load' ? digest : `${repositoryOf(reference)}@${digest}`;
  return { reference, digest, runnable };
}

/** Whose release it is. */
export interface ReleaseMaker {
  /** Id of the krakenctl that works on these VMs (decisions 1). */
  owner: string;
  /** Certificates in PEM of those whom VMs believe, where they speak TLS. */
  trusted?: string;
}

/** @throws {Error} where VMs speak TLS and nobody is to be believed. */
export function agentRelease(spec: ClusterSpec, digest: string, { owner, trusted }: ReleaseMaker): AgentRelease {
  if (speaksTls(spec) && !trusted) throw new Error('VMs speak TLS, and nobody said whom they believe');
  const image = agentImage(spec, digest);
  const text = (path: string, contents: string): ReleaseFile => ({ path, mode: 0o644, contents });
  const program = (path: string, contents: string): ReleaseFile => ({ path, mode: 0o755, contents });
  const files = [
    ...Object.entries(agentConfigurations(spec)).map(([name, contents]) => text(`config/${name}`, contents)),
    ...Object.entries(agentUnits(spec, owner)).map(([name, contents]) => text(`systemd/${name}`, contents)),
    program('run', runProgram(spec, image)),
    program('activate', activateProgram(spec, image)),
    program('deactivate', deactivateProgram(spec)),
    program('rotate-log', rotateProgram(spec)),
    program('update', updateProgram(spec)),
    program('kraken-pull', krakenPullScript),
    text('kraken-pull.conf', pullSettings(spec)),
    text('README', agentReadme(spec)),
    ...(speaksTls(spec) ? [text(`gateway/${trustedFile}`, trusted!)] : []),
    ...(hasGateway(spec)
      ? [text('gateway/nginx.conf', gatewayText(spec)), program('gateway-run', gatewayProgram(spec, image))]
      : []),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
  const sums = files.map(({ path, contents }) => `${sha256(contents)}  ${path}\n`).join('');
  const modes = files.map(({ mode }) => mode.toString(8)).join(' ');
  const id = sha256(`${sums}${modes}`).slice(0, 16);
  return { id, folder: `${agentBase(spec.name)}/releases/${id}`, files, sums, image };
}

function pullSettings(spec: ClusterSpec): string {
  return [
    `CLUSTER=${spec.name}`,
    `VERSION=${spec.images.version}`,
    `AGENT=127.0.0.1:${spec.agents.ports.registry}`,
    `LOAD_BALANCERS=${balancerAddresses(spec, spec.ports.lbProxy).join(' ')}`,
    `RELAYS=${relayAddresses(spec).join(' ')}`,
    '',
  ].join('\n');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
