import { spawnSync } from 'node:child_process';
import { nouns } from '../../src/cli/nouns';
import { Output } from '../../src/cli/output';
import { makeProgram } from '../../src/cli/program';
import { captureStreams, type } from './streams';

const output = new Output(captureStreams(), { format: 'text' });

test('every noun is registered under the name by which it is loaded', () => {
  const program = makeProgram({ argv: [], wire: () => async () => undefined, output });
  expect(program.commands.map((c) => c.name())).toEqual(Object.keys(nouns));
});

/** What the shell would offer at the end of these words. */
function complete(script: string, words: string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const program = `${script}\nCOMP_WORDS=(${quoted})\nCOMP_CWORD=${words.length - 1}\n_krakenctl\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', program], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.trim().split('\n').sort();
}

test.each([
  [
    ['krakenctl', 'de'],
    ['demo', 'deploy'],
  ],
  [['krakenctl', 'op', 'at'], ['attach']],
  [['krakenctl', 'deploy', '--p'], ['--plan']],
  [['krakenctl', 'logs', 'node-1', '--ta'], ['--tail']],
  [['krakenctl', '--json', 'temporal', ''], expect.arrayContaining(['down', 'status', 'up'])],
])('bash completes %j', async (words, expected) => {
  const { out } = await type(['completion', 'bash']);
  expect(complete(out, words)).toEqual(expected);
});

test.each(['zsh', 'fish'])('%s has every noun', async (shell) => {
  const { out } = await type(['completion', shell]);
  for (const noun of Object.keys(nouns)) expect(out).toContain(noun);
});
