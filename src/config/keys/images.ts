import { defineKey } from '../key';
import { imageReference, imageTag, registry } from '../values/images';
import { path } from '../values/places';
import { oneOf } from '../values/text';

export const imageKeys = {
  KRAKEN_IMAGE_REGISTRY: defineKey({
    section: 'images',
    why: 'Where the images kraken-origin, kraken-tracker and so on are; there is no public default that can be pulled.',
    example: 'registry.example.com/kraken',
    required: true,
    range: 'host[:port][/path] without scheme and tag',
    schema: registry,
    status: 'built',
  }),
  KRAKEN_VERSION: defineKey({
    section: 'images',
    why: 'Tag of the Kraken images; it is resolved to digests once for each deploy.',
    default: 'v0.1.27',
    range: 'an image tag of at most 128 characters',
    schema: imageTag,
    status: 'built',
  }),
  REDIS_IMAGE: defineKey({
    section: 'images',
    why: 'Image of Redis; 7.0 is what was tested.',
    default: 'redis:7.0',
    range: '[registry/]name:tag or [registry/]name@sha256:digest',
    schema: imageReference,
    status: 'built',
  }),
  NGINX_IMAGE: defineKey({
    section: 'images',
    why: 'Image of the load balancer; 1.22 is what was tested.',
    default: 'nginx:1.22',
    range: '[registry/]name:tag or [registry/]name@sha256:digest',
    schema: imageReference,
    status: 'built',
  }),
  ENVOY_IMAGE: defineKey({
    section: 'images',
    why: 'Image of the Redis router; 1.40.0 is what was tested.',
    default: 'envoyproxy/envoy:v1.40.0',
    range: '[registry/]name:tag or [registry/]name@sha256:digest',
    schema: imageReference,
    status: 'built',
  }),
  IMAGE_SOURCE: defineKey({
    section: 'images',
    why: 'pull: each node pulls; load: images are streamed over SSH, for nodes without a registry.',
    default: 'pull',
    range: 'pull or load',
    schema: oneOf('pull', 'load'),
    status: 'built',
  }),
  IMAGE_ARCHIVE_DIR: defineKey({
    section: 'images',
    why: 'Folder on the machine of the worker with archives of docker save, looked into first with IMAGE_SOURCE=load.',
    absent: "only the engine on the worker's machine is asked",
    example: '/srv/kraken-images',
    range: 'an absolute path or one that begins with ~/, and IMAGE_SOURCE=load',
    schema: path,
    status: 'built',
  }),
  STORAGE_BACKEND: defineKey({
    section: 'storage',
    why: 'Where blobs and tags live: testfs on each node itself; S3 is what production should have.',
    default: 'testfs',
    range: 'testfs (s3 is not built yet)',
    schema: oneOf('testfs', 's3'),
    status: 'built',
    notYetValues: { s3: 'S3 as storage backend is not built yet' },
  }),
};
