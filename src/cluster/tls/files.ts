import { createHash } from 'node:crypto';
import type { DesiredFile } from '../desired';
import { configFolder } from '../names';
import { innerNginxTemplate } from '../render/kraken';
import type { ClusterSpec, HostSpec, PartName } from '../spec';
import { stateOf, tlsParts } from './languages';
import { identityOf, type Signers, tlsFileNames, trustedBy } from './material';

/** Redis and Envoy change to users of their own before they read their key, and nobody knows these users' numbers: the folder above keeps others away. */
const readsAsSomebodyElse: PartName[] = ['redis', 'redis-replica', 'redis-router'];

const ofKraken: PartName[] = ['origin', 'tracker', 'build-index', 'proxy'];

/** What a part shows, its key, and whom it believes. @throws {SignerMissingError} */
export function tlsFiles(input: {
  spec: ClusterSpec;
  node: HostSpec;
  part: PartName;
  signers: Signers;
}): DesiredFile[] {
  const { spec, node, part, signers } = input;
  const state = stateOf(spec);
  if (!state || !tlsParts.includes(part)) return [];
  const { certificate, key } = identityOf(state, { cluster: spec.name, node, part }, signers);
  const keyMode = readsAsSomebodyElse.includes(part) ? 0o644 : 0o600;
  const file = (name: string, contents: string, mode: number): DesiredFile => ({
    host: node.id,
    part,
    path: `${configFolder(spec.name, part)}/${name}`,
    mode,
    contents,
    sha256: createHash('sha256').update(contents).digest('hex'),
    ...(name === tlsFileNames.key && { isPrivate: true }),
  });
  return [
    file(tlsFileNames.trusted, trustedBy(state, signers), 0o644),
    file(tlsFileNames.certificate, certificate, 0o644),
    file(tlsFileNames.key, key, keyMode),
    // Kraken wants to be told a file with the words that open its key, and there are none.
    ...(ofKraken.includes(part) ? [file(tlsFileNames.passphrase, '', 0o644)] : []),
  ];
}

const names: string[] = [...Object.values(tlsFileNames), innerNginxTemplate];

/** A file of a part that TLS alone asks for: where it is not wanted any more, it goes. */
export function partOfTlsFile(cluster: string, path: string): PartName | undefined {
  return tlsParts.find((part) => names.some((name) => path === `${configFolder(cluster, part)}/${name}`));
}
