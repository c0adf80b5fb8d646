import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { type CodecKey, parseKeyRing } from '../../src/codec/key-ring';
import { createPayloadCodec, isEncrypted, refusingCodec } from '../../src/codec/payload-codec';

const makeKey = (): CodecKey => parseKeyRing(randomBytes(32).toString('base64'), 'test')[0]!;
const canary = 'canary-7f3a91';
const payload = () => defaultPayloadConverter.toPayload({ actor: canary, list: [1, 2, 3] });

async function encoded(keys: CodecKey[]): Promise<Payload> {
  return (await createPayloadCodec(keys).encode([payload()]))[0]!;
}

function bytesOf({ metadata, data }: Payload): Buffer {
  return Buffer.concat([...Object.values(metadata ?? {}), data ?? Buffer.alloc(0)].map((b) => Buffer.from(b)));
}

test('what was written reads back the same, and nothing of it can be seen', async () => {
  const key = makeKey();
  const hidden = await encoded([key]);
  expect(isEncrypted(hidden)).toBe(true);
  expect(bytesOf(payload()).includes(canary)).toBe(true);
  for (const seen of [canary, 'actor', 'json/plain']) expect(bytesOf(hidden).includes(seen)).toBe(false);
  expect(bytesOf(hidden).includes(key.secret)).toBe(false);
  const [back] = await createPayloadCodec([key]).decode([hidden]);
  expect(defaultPayloadConverter.fromPayload(back!)).toEqual({ actor: canary, list: [1, 2, 3] });
});

test('the same value is never the same bytes twice', async () => {
  const key = makeKey();
  expect((await encoded([key])).data).not.toEqual((await encoded([key])).data);
});

test('a rotated ring reads what the older key wrote, and writes with the newest', async () => {
  const [older, newer] = [makeKey(), makeKey()];
  const before = await encoded([older]);
  const ring = createPayloadCodec([older, newer]);
  expect(defaultPayloadConverter.fromPayload((await ring.decode([before]))[0]!)).toMatchObject({ actor: canary });
  const after = (await ring.encode([payload()]))[0]!;
  expect(Buffer.from(after.metadata!['encryption-key-id']!).toString()).toBe(newer.id);
});

test('a key that is not here is named, with what to do', async () => {
  const key = makeKey();
  const hidden = await encoded([key]);
  const error = { code: 'CODEC_KEY_UNKNOWN', message: expect.stringContaining(key.id), hint: expect.any(String) };
  await expect(createPayloadCodec([makeKey()]).decode([hidden])).rejects.toMatchObject(error);
  await expect(refusingCodec.decode([hidden])).rejects.toMatchObject(error);
});

test('another key under the same id does not open it', async () => {
  const key = makeKey();
  const forged = { id: key.id, secret: randomBytes(32) };
  await expect(createPayloadCodec([forged]).decode([await encoded([key])])).rejects.toMatchObject({
    code: 'CODEC_PAYLOAD_INVALID',
  });
});

test('a payload with any one bit changed, or cut short, is refused', async () => {
  const key = makeKey();
  const codec = createPayloadCodec([key]);
  const hidden = await encoded([key]);
  const data = Buffer.from(hidden.data!);
  for (let at = 0; at < data.length; at++) {
    const changed = Buffer.from(data);
    changed[at]! ^= 1;
    await expect(codec.decode([{ ...hidden, data: changed }])).rejects.toMatchObject({ code: 'CODEC_PAYLOAD_INVALID' });
  }
  for (const length of [0, 12, 27, 28, data.length - 1]) {
    const cut = { ...hidden, data: data.subarray(0, length) };
    await expect(codec.decode([cut])).rejects.toMatchObject({ code: 'CODEC_PAYLOAD_INVALID' });
  }
});

test('what was never encrypted passes both ways where there is no key, and is read where there is one', async () => {
  const plain = payload();
  expect(await refusingCodec.encode([plain])).toEqual([plain]);
  expect(await refusingCodec.decode([plain])).toEqual([plain]);
  expect(await createPayloadCodec([makeKey()]).decode([plain])).toEqual([plain]);
});
