import { hexOf } from './digest';
import { type HostList, shuffle } from './host-list';
import { fetchText, NetworkFailure, StatusFailure, send } from './http-client';

/** The build-indexes as one: three of them are tried, the next one only when the one before does not answer at all. */
export class TagClient {
  constructor(private readonly buildIndexes: HostList) {}

  /** Digest's hex; undefined when the tag is unknown. @throws {Error} */
  async find(tag: string): Promise<string | undefined> {
    try {
      const path = `/tags/${encodeURIComponent(tag)}`;
      const text = await this.ask((address) => fetchText(`http://${address}${path}`, { timeoutMs: 10_000 }));
      return hexOf(text);
    } catch (error) {
      if (error instanceof StatusFailure && error.status === 404) return undefined;
      throw error;
    }
  }

  async put(tag: string, hex: string): Promise<void> {
    const path = `/tags/${encodeURIComponent(tag)}/digest/sha256:${hex}?replicate=true`;
    await this.ask(async (address) => (await send(`http://${address}${path}`, { method: 'PUT' })).resume());
  }

  /** All tags whose name starts so, as `repository:tag`. */
  async list(prefix: string): Promise<string[]> {
    const text = await this.ask((address) => fetchText(`http://${address}/list/${prefix}`));
    return (JSON.parse(text) as { result: string[] | null }).result ?? [];
  }

  async checkReadiness(): Promise<void> {
    const [address = ''] = shuffle(this.buildIndexes.resolve());
    await fetchText(`http://${address}/readiness`, { timeoutMs: 5_000 }).catch((error: Error) => {
      if (error instanceof NetworkFailure) this.buildIndexes.failed(address);
      throw new Error(`build index not ready: ${error.message}`);
    });
  }

  private async ask<T>(request: (address: string) => Promise<T>): Promise<T> {
    let last: unknown = new NetworkFailure('no hosts could be resolved');
    for (const address of shuffle(this.buildIndexes.resolve()).slice(0, 3)) {
      try {
        return await request(address);
      } catch (error) {
        last = error;
        if (!(error instanceof NetworkFailure)) throw error;
        this.buildIndexes.failed(address);
      }
    }
    throw last;
  }
}
