import type { ClusterSpec, HostSpec, PartName } from '../spec';
import { buildIndexText } from './build-index';
import { envoyText } from './envoy';
import { nginxText } from './nginx';
import { originText } from './origin';
import { proxyText } from './proxy';
import { redisText } from './redis';
import { testfsScript } from './testfs';
import { trackerText } from './tracker';

/** Texts of one part on one node, by the name of the file in the part's mounted folder. */
export function renderFiles(spec: ClusterSpec, node: HostSpec, part: PartName): Record<string, string> {
  switch (part) {
    case 'redis':
    case 'redis-replica':
      return { 'redis.conf': redisText(spec, node, part) };
    case 'redis-router':
      return { 'envoy.yaml': envoyText(spec, node) };
    case 'testfs':
      return { 'start.sh': testfsScript(spec) };
    case 'origin':
      return { 'production.yaml': originText(spec) };
    case 'tracker':
      return { 'production.yaml': trackerText(spec) };
    case 'build-index':
      return { 'production.yaml': buildIndexText(spec) };
    case 'proxy':
      return { 'production.yaml': proxyText(spec) };
    case 'nginx':
      return { 'nginx.conf': nginxText(spec) };
  }
}
