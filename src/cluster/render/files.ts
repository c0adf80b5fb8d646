import type { ClusterSpec, HostSpec, PartName } from '../spec';
import { languagesOf } from '../tls/languages';
import { buildIndexText } from './build-index';
import { envoyText } from './envoy';
import { bothLanguages } from './inner-nginx';
import { innerNginxTemplate } from './kraken';
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
      return withInnerNginx(spec, part, originText(spec));
    case 'tracker':
      return withInnerNginx(spec, part, trackerText(spec));
    case 'build-index':
      return withInnerNginx(spec, part, buildIndexText(spec));
    case 'proxy':
      return withInnerNginx(spec, part, proxyText(spec));
    case 'nginx':
      return { 'nginx.conf': nginxText(spec) };
  }
}

function withInnerNginx(spec: ClusterSpec, part: Parameters<typeof bothLanguages>[0], text: string) {
  const speaksBoth = languagesOf(spec).serves === 'both';
  return { 'production.yaml': text, ...(speaksBoth && { [innerNginxTemplate]: bothLanguages(part) }) };
}
