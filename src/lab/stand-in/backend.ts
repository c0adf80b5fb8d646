import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Settings } from './configuration';
import { fetchText, open, readAll, StatusFailure, send } from './http-client';
import { fatal } from './log';

/** Storage behind origins and build-indexes, chosen by namespace. Only testfs is spoken here. */
export class Backends {
  private readonly rows: Backend[];

  constructor(settings: Settings) {
    this.rows = settings.parts('backends').map((row) => new Backend(row));
  }

  /** @throws {Error} when no backend is configured for the namespace. */
  find(namespace: string): Backend {
    const row = this.rows.find((it) => it.namespace.test(namespace));
    if (!row) throw new Error('no matches for namespace');
    return row;
  }

  /** @throws {Error} naming the first backend that must be there and is not. */
  async checkReadiness(): Promise<void> {
    for (const row of this.rows.filter((it) => it.mustReady)) {
      await row.checkReadiness().catch((error: Error) => {
        throw new Error(`backend for namespace '${row.namespace.source}' not ready: ${error.message}`);
      });
    }
  }
}

/** Blobs and tags as files on one testfs. */
export class Backend {
  readonly namespace: RegExp;
  readonly mustReady: boolean;
  private readonly address: string;
  private readonly root: string;
  private readonly naming: string;

  constructor(row: Settings) {
    this.namespace = new RegExp(row.text('namespace'));
    this.mustReady = row.flag('must_ready');
    this.address = row.text('backend.testfs.addr');
    this.root = row.text('backend.testfs.root').replace(/^\/+|\/+$/g, '');
    this.naming = row.text('backend.testfs.name_path');
    if (this.address === '')
      fatal(
        'Error creating backend manager: create backend client: no addr configured (the stand-in speaks testfs only)',
      );
    if (!/^(identity|docker_tag|sharded_docker_blob)$/.test(this.naming)) {
      fatal(
        `Error creating backend manager: create backend client: namepath: unknown pather identifier: ${this.naming}`,
      );
    }
  }

  /** Length, or undefined when it is not there. @throws {Error} when the backend does not answer. */
  async size(name: string): Promise<number | undefined> {
    const answer = await open(this.url(name), { method: 'HEAD', timeoutMs: 15_000, plain: true });
    answer.resume();
    if (answer.statusCode === 404) return undefined;
    if (answer.statusCode !== 200) throw new Error(`HEAD ${this.url(name)} ${answer.statusCode}`);
    return Number(answer.headers.size);
  }

  async upload(name: string, path: string): Promise<void> {
    await readAll(await send(this.url(name), { method: 'POST', body: createReadStream(path), plain: true }));
  }

  /** Undefined when it is not there. */
  async download(name: string): Promise<Readable | undefined> {
    return send(this.url(name), { plain: true }).catch((error: Error) => {
      if (error instanceof StatusFailure && error.status === 404) return undefined;
      throw error;
    });
  }

  /** Names below a prefix. @throws {Error} when nothing has that prefix, as testfs answers then. */
  async list(prefix: string): Promise<string[]> {
    const base = this.naming === 'docker_tag' ? join(this.root, 'docker/registry/v2/repositories') : this.root;
    const text = await fetchText(`http://${this.address}/list/${join(base, prefix)}`, { plain: true });
    const paths = (JSON.parse(text) as string[] | null) ?? [];
    return paths.map((path) => this.nameOf(path, base));
  }

  /** Asks for a name that is no `repository:tag`: a backend of tags that must be ready never is. */
  async checkReadiness(): Promise<void> {
    await this.size('0'.repeat(64));
  }

  private url(name: string): string {
    return `http://${this.address}/files/${this.pathOf(name)}`;
  }

  private pathOf(name: string): string {
    if (this.naming === 'identity') return join(this.root, name);
    if (this.naming === 'sharded_docker_blob') {
      return join(this.root, 'docker/registry/v2/blobs/sha256', name.slice(0, 2), name, 'data');
    }
    const [repo, tag] = name.split(':');
    if (!repo || !tag) throw new Error("pather: name must be in format 'repo:tag'");
    return join(this.root, 'docker/registry/v2/repositories', repo, '_manifests/tags', tag, 'current/link');
  }

  private nameOf(path: string, base: string): string {
    const below = base === '' ? path : path.slice(base.length + 1);
    const [, repo, tag] = /^(.+)\/_manifests\/tags\/(.+)\/current\/link$/.exec(below) ?? [];
    return repo && tag ? `${repo}:${tag}` : below;
  }
}

function join(...parts: string[]): string {
  return parts.filter((part) => part !== '').join('/');
}
