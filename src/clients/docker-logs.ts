import { PassThrough } from 'node:stream';
import type { EngineClient } from './docker-client';
import type { Engine } from './host';

/** A frame of the multiplexed log stream: kind (1 byte), three zeros, length (4 bytes, big endian), text. */
const frameHeader = 8;

export function logVerbs({ docker, ask }: EngineClient): Pick<Engine, 'logs' | 'followLogs'> {
  return {
    logs: (id, { tail, sinceSeconds, timestamps }) =>
      ask(`logs ${id}`, async () => {
        const options = { stdout: true, stderr: true, tail, since: sinceSeconds ?? 0, timestamps: timestamps ?? false };
        return textOf(await docker.getContainer(id).logs({ ...options, follow: false }));
      }),
    followLogs: (id, { tail, signal, onLine }) =>
      ask(`logs -f ${id}`, async () => {
        const stream = await docker.getContainer(id).logs({ stdout: true, stderr: true, tail, follow: true });
        const merged = new PassThrough();
        docker.modem.demuxStream(stream, merged, merged);
        signal.addEventListener('abort', () => (stream as unknown as { destroy(): void }).destroy(), { once: true });
        let rest = '';
        merged.on('data', (chunk: Buffer) => {
          const lines = (rest + chunk.toString()).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) onLine(line);
        });
        await new Promise<void>((resolve) => {
          stream.on('end', resolve);
          stream.on('close', resolve);
        });
      }),
  };
}

function textOf(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at + frameHeader <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 4);
    text += bytes.subarray(at + frameHeader, at + frameHeader + length).toString();
    at += frameHeader + length;
  }
  return text;
}
