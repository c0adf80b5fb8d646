import {
  type LinkClass,
  linkClasses,
  originRequests,
  pieceRequestPolicy,
  type SizeClass,
  sizeClasses,
} from '../../agents/p2p';
import { mountedConfigFolder } from '../../names';
import type { ClusterSpec } from '../../spec';
import { cleanupOf, healthFilter, healthInterval, krakenText } from '../kraken';
import { yamlText } from '../notice';
import { trackerAddresses } from './gateway';

/** Texts of the folder that is mounted into the agent: the common one, and one for each class, which extends it. */
export function agentConfigurations(spec: ClusterSpec): Record<string, string> {
  const classes = sizeClasses.flatMap((size) =>
    linkClasses.map((link) => [`${size.name}-${link.name}.yaml`, classText(size, link)] as const),
  );
  return { 'agent.yaml': commonText(spec), ...Object.fromEntries(classes) };
}

function commonText(spec: ClusterSpec): string {
  const upstream = {
    hosts: { static: trackerAddresses(spec) },
    healthcheck: { filter: healthFilter, monitor: { interval: healthInterval } },
  };
  const own = {
    tracker: upstream,
    build_index: upstream,
    store: { cache_cleanup: cleanupOf(spec), download_cleanup: cleanupOf(spec) },
    // A file inside of the container that nothing rotates.
    scheduler: {
      torrentlog: { disable: true },
      dispatch: { origin_pipeline_limit: originRequests, piece_request_policy: pieceRequestPolicy },
    },
  };
  return krakenText('agent', own);
}

const bitsPerMbit = 1_000_000;

function classText(size: SizeClass, link: LinkClass): string {
  return yamlText({
    extends: `${mountedConfigFolder}/agent.yaml`,
    scheduler: {
      connstate: { max_open_conn: size.connections },
      conn: {
        bandwidth: {
          enable: true,
          egress_bits_per_sec: link.egressMbit * bitsPerMbit,
          ingress_bits_per_sec: link.ingressMbit * bitsPerMbit,
        },
      },
    },
  });
}
