import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseVms, readVmFile } from '../../src/config/vm-names';

const addresses = (words: string[]) => parseVms(words).map(({ address }) => address);

test.each([
  [['10.0.2.{9..11}'], ['10.0.2.9', '10.0.2.10', '10.0.2.11']],
  [['vm-{08..10}.example'], ['vm-08.example', 'vm-09.example', 'vm-10.example']],
  [['10.0.{2..3}.{1..2}'], ['10.0.2.1', '10.0.2.2', '10.0.3.1', '10.0.3.2']],
  [
    ['a.example', '10.0.2.1'],
    ['a.example', '10.0.2.1'],
  ],
])('%j', (words, expected) => {
  expect(addresses(words)).toEqual(expected);
});

test('user and SSH port stay with each of a run', () => {
  expect(parseVms(['ops@10.0.2.{1..2}:2222'])).toMatchObject([
    { address: '10.0.2.1', user: 'ops', port: 2222 },
    { address: '10.0.2.2', user: 'ops', port: 2222 },
  ]);
});

test.each([
  ['10.0.2.{9..', /expected runs/],
  ['10.0.2.{11..9}', /smaller number first/],
  ['10.0.2.{1..300}', /10\.0\.2\.\{1\.\.300\}.*0 to 255/],
  ['10.0.2.{1..999999}', /at most/],
  ['127.0.0.1', /loopback/],
  ['root;id@10.0.2.1', /user/],
  ['$(id)', /host name/],
  ['', /host name|address/],
  ['10.0.2.1:0', /port/],
  ['::1', /IPv6/],
])('%j is refused, and the word is named', (word, why) => {
  expect(() => parseVms([word])).toThrow(why);
});

test('a file has one VM a line; a mistake is told with its line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-vms-'));
  try {
    const path = join(folder, 'vms.txt');
    writeFileSync(path, '# rack 4\n10.0.2.1\n\nops@10.0.2.{2..3} # two\r\n');
    expect(readVmFile(path).map(({ address }) => address)).toEqual(['10.0.2.1', '10.0.2.2', '10.0.2.3']);
    writeFileSync(path, '10.0.2.1\nnot a name\n');
    expect(() => readVmFile(path)).toThrow(/vms\.txt:2: not a name/);
    expect(() => readVmFile(join(folder, 'none'))).toThrow(/cannot be read/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
