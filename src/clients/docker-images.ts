import type Docker from 'dockerode';
import type { EngineClient } from './docker-client';
import type { Engine, ImageInfo, TransferProgress } from './host';

type ImageVerbs = Pick<Engine, 'images' | 'image' | 'resolve' | 'pull' | 'load'>;

interface ProgressLine {
  id?: string;
  status?: string;
  error?: string;
  progressDetail?: { current?: number; total?: number };
}

export function imageVerbs({ docker, ask }: EngineClient): ImageVerbs {
  return {
    images: () =>
      ask('images', async () =>
        (await docker.listImages()).map((i): ImageInfo => ({ id: i.Id, references: referencesOf(i), platform: '' })),
      ),
    image: (reference) =>
      ask(`inspect ${reference}`, async () => {
        try {
          const i = await docker.getImage(reference).inspect();
          return { id: i.Id, references: referencesOf(i), platform: `${i.Os}/${i.Architecture}` };
        } catch (error) {
          if ((error as { statusCode?: number }).statusCode === 404) return undefined;
          throw error;
        }
      }),
    resolve: (reference) =>
      ask(`manifest ${reference}`, async () => {
        const distribution = (await docker.getImage(reference).distribution()) as {
          Descriptor: { digest: string };
          Platforms?: { os?: string; architecture?: string }[] | null;
        };
        const platforms = (distribution.Platforms ?? []).flatMap(({ os, architecture }) =>
          os && architecture ? [`${os}/${architecture}`] : [],
        );
        return { digest: distribution.Descriptor.digest, platforms };
      }),
    pull: (reference, onProgress, signal) =>
      ask(`pull ${reference}`, async () =>
        follow(docker, (await docker.pull(reference)) as NodeJS.ReadableStream, { onProgress, signal }),
      ),
    load: (archive, onProgress, signal) =>
      ask('load', async () => {
        let doneBytes = 0;
        archive.on('data', (chunk: Buffer) => {
          doneBytes += chunk.length;
          onProgress({ doneBytes, totalBytes: 0 });
        });
        // An archive that breaks off ends no request by itself.
        const broken = new AbortController();
        archive.once('error', (error) => broken.abort(error));
        const end = signal ? AbortSignal.any([signal, broken.signal]) : broken.signal;
        // Whoever cancels while bytes are sent has no answer yet that could be followed.
        const answer = await docker.loadImage(archive, { abortSignal: end }).catch((error) => {
          throw end.aborted ? end.reason : error;
        });
        await follow(docker, answer, { onProgress: () => undefined, signal: end });
      }),
  };
}

function referencesOf(image: { RepoTags?: string[] | null; RepoDigests?: string[] | null }): string[] {
  return [...(image.RepoTags ?? []), ...(image.RepoDigests ?? [])];
}

interface Following {
  onProgress: (p: TransferProgress) => void;
  signal?: AbortSignal;
}

/** The answer is a stream of JSON lines with status 200; an error comes as one of the lines. */
function follow(docker: Docker, stream: NodeJS.ReadableStream, { onProgress, signal }: Following): Promise<void> {
  const layers = new Map<string, { current: number; total: number }>();
  return new Promise((resolve, reject) => {
    const abort = () => {
      (stream as unknown as { destroy(): void }).destroy();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    const finish = (error: Error | null, lines: ProgressLine[] = []) => {
      signal?.removeEventListener('abort', abort);
      const failed = lines.find((line) => line?.error !== undefined);
      if (error) reject(error);
      else if (failed) reject(new Error(failed.error));
      else resolve();
    };
    docker.modem.followProgress(stream, finish, (line: ProgressLine) => {
      if (!line.id || line.status !== 'Downloading') return;
      layers.set(line.id, { current: line.progressDetail?.current ?? 0, total: line.progressDetail?.total ?? 0 });
      const all = [...layers.values()];
      const sum = (of: 'current' | 'total') => all.reduce((n, layer) => n + layer[of], 0);
      onProgress({ doneBytes: sum('current'), totalBytes: sum('total') });
    });
  });
}
