import { hexOf } from './digest';
import { HttpFailure } from './http-router';

interface Descriptor {
  digest: string;
}

interface Manifest {
  schemaVersion?: number;
  mediaType?: string;
  manifests?: Descriptor[];
  config?: Descriptor;
  layers?: Descriptor[];
}

const imageTypes = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
];
const listTypes = [
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.index.v1+json',
];

/** @throws {HttpFailure} 500 for what is no manifest. */
function parse(text: string): Manifest {
  const manifest = JSON.parse(text) as Manifest;
  if (manifest.schemaVersion !== 2) throw new HttpFailure(500, `unsupported schema version: ${manifest.schemaVersion}`);
  return manifest;
}

/** An OCI manifest may leave its type out. */
export function mediaTypeOf(text: string): string {
  const { mediaType, manifests } = parse(text);
  const type = mediaType ?? (manifests ? listTypes[1]! : imageTypes[1]!);
  if (![...imageTypes, ...listTypes].includes(type)) throw new HttpFailure(500, `unknown manifest mediatype: ${type}`);
  return type;
}

/** Hex parts of all digests that the manifest needs. */
export function referencesOf(text: string): string[] {
  const { config, layers = [], manifests = [] } = parse(text);
  const digests = [...(config ? [config] : []), ...layers, ...manifests].map(({ digest }) => hexOf(digest));
  return digests.filter((hex) => hex !== undefined);
}
