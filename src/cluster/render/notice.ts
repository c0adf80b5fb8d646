import { blockText } from './block-text';

/** First words of each rendered file, for whoever opens it on a host. */
export const notice = '# made by krakenctl; changes are seen as drift and are put back';

/** Kraken reads YAML 1.1, where a bare `on` or `no` is a boolean: written so that both versions read the same. */
export function yamlText(tree: Record<string, unknown>): string {
  return `${notice}\n${blockText(tree)}`;
}
