import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';

/** How a blob is cut into pieces; its hash is the name under which peers are known. */
export interface MetaInfo {
  Info: { PieceLength: number; PieceSums: number[] | null; Name: string; Length: number };
}

const pieceLength = 4 * 1024 * 1024;

export async function describeBlob(hex: string, content: Readable): Promise<MetaInfo> {
  const sums: number[] = [];
  let length = 0;
  let sum = 0;
  for await (const chunk of content) {
    for (let rest = chunk as Buffer; rest.length > 0; ) {
      const part = rest.subarray(0, pieceLength - (length % pieceLength));
      sum = crc32(part, sum);
      length += part.length;
      rest = rest.subarray(part.length);
      if (length % pieceLength === 0) sums.push(sum);
      if (length % pieceLength === 0) sum = 0;
    }
  }
  if (length % pieceLength !== 0) sums.push(sum);
  return { Info: { PieceLength: pieceLength, PieceSums: sums.length > 0 ? sums : null, Name: hex, Length: length } };
}

/** SHA-1 of the bencoded description. */
export function infoHash({ Info }: MetaInfo): string {
  const sums = (Info.PieceSums ?? []).map((sum) => `i${sum}e`).join('');
  const name = `${Info.Name.length}:${Info.Name}`;
  const text = `d6:Lengthi${Info.Length}e4:Name${name}11:PieceLengthi${Info.PieceLength}e9:PieceSumsl${sums}ee`;
  return createHash('sha1').update(text).digest('hex');
}
