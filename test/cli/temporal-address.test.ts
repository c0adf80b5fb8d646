import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { toCliFailure } from '../../src/cli/failure';
import { readConnectConfig } from '../../src/config/connect-config';
import { stateFolder } from '../../src/config/state-folder';

describe('where Temporal is', () => {
  test('a mistake in its configuration file is told without the lines around it, which may hold an API key', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'krakenctl-toml-')), 'temporal.toml');
    writeFileSync(
      path,
      '[profile.default]\naddress = "127.0.0.1:1"\napi_key = "sk-CANARY-0123456789"\nnamespace = = "x"\n',
    );
    let said: unknown;
    try {
      readConnectConfig({ TEMPORAL_CONFIG_FILE: path });
    } catch (error) {
      said = error;
    }
    expect(toCliFailure(said)).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('cannot be read'),
    });
    expect(inspect(said)).not.toContain('sk-CANARY');
  });
});

test('an empty KRAKENCTL_STATE_DIR is none: keys never go into the folder a command is typed in', () => {
  expect(stateFolder({ KRAKENCTL_STATE_DIR: '' })).toMatch(/krakenctl$/);
});
