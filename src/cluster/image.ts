/** Image references and what a host has of them. */

/** `host:5000/kraken-origin:v1` → `host:5000/kraken-origin`. */
export function repositoryOf(reference: string): string {
  const untagged = reference.split('@')[0]!;
  const colon = untagged.lastIndexOf(':');
  return colon > untagged.lastIndexOf('/') ? untagged.slice(0, colon) : untagged;
}

/**
 * A digest is either a repository digest (`pull`: the host has `repository@digest`) or an image id (`load`). The tag must
 * name the very image too, since containers are made by the readable reference and then checked.
 */
export function isImagePresent(
  images: { id: string; references: string[] }[],
  reference: string,
  digest: string,
): boolean {
  return images.some(
    (image) =>
      matchesReference(image.references, reference) &&
      (image.id === digest || image.references.some((r) => sameRepository(r, reference) && r.endsWith(`@${digest}`))),
  );
}

function matchesReference(references: string[], reference: string): boolean {
  return references.some((r) => normalise(r) === normalise(reference));
}

function sameRepository(a: string, b: string): boolean {
  return normalise(repositoryOf(a)) === normalise(repositoryOf(b));
}

/** Docker shortens the names of its default registry; both ways of writing are one image. */
function normalise(reference: string): string {
  return reference.replace(/^docker\.io\//, '').replace(/^library\//, '');
}

/** None said means that the registry does not tell. A variant (arm64/v8) is a kind of its platform. */
export function runsOn(platforms: string[], host: string): boolean {
  const kind = (platform: string) => platform.split('/').slice(0, 2).join('/');
  return platforms.length === 0 || platforms.some((platform) => kind(platform) === kind(host));
}
