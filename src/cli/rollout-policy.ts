import type { Command } from 'commander';
import type { ClusterSpec } from '../cluster/spec';
import type { RolloutSettings } from '../config/load';
import { defaultRollout, type MaintenanceWindow, type RolloutPolicy } from '../contracts/operation';
import { CliFailure } from './failure';
import { parseWholeNumber } from './numbers';
import { parseDuration } from './time-text';

/** How a change goes over the nodes, from typed words; each is judged before anything is done. */
export interface RolloutOptions {
  batch?: string;
  approveEachNode?: boolean;
  bake?: string;
  maintenanceWindow?: string;
  /** false: --no-rollback */
  rollback?: boolean;
}

/** Takes the window of `.env` away for once. */
const noWindow = 'none';
const longestBakeMs = 24 * 3_600_000;

export function addRolloutOptions(command: Command): Command {
  return command
    .option('--batch <n>', 'nodes at once, where their parts allow it (default: 1)')
    .option('--approve-each-node', 'wait before each node for krakenctl op approve')
    .option('--bake <duration>', 'watch each node so long before the next, up to 24h (ROLLOUT_BAKE)')
    .option(
      '--maintenance-window <window>',
      `change nodes only then: "22:00-04:00 Europe/Berlin"; ${noWindow}: at any time`,
    )
    .option('--no-rollback', 'leave a node that fails as it is, to look at it');
}

/** What needs no configuration. @throws {CliFailure} USAGE */
export function checkRolloutOptions({ bake, maintenanceWindow }: RolloutOptions): void {
  if (bake !== undefined) parseBake(bake);
  if (maintenanceWindow !== undefined) parseWindow(maintenanceWindow);
}

/** An option wins over `.env`. @throws {CliFailure} USAGE */
export function readRolloutPolicy(
  options: RolloutOptions,
  { spec, rollout }: { spec: ClusterSpec; rollout: RolloutSettings },
): RolloutPolicy {
  const { bake, maintenanceWindow } = options;
  const bakeMs = bake === undefined ? rollout.bakeMs : parseBake(bake);
  const window = maintenanceWindow === undefined ? rollout.window : parseWindow(maintenanceWindow);
  return {
    ...defaultRollout,
    batch: parseBatch(options.batch, spec.nodes.length),
    approveEachNode: options.approveEachNode ?? defaultRollout.approveEachNode,
    rollback: options.rollback ?? defaultRollout.rollback,
    ...(bakeMs !== undefined && { bakeMs }),
    ...(window && { window }),
  };
}

function parseBatch(text: string | undefined, nodes: number): number {
  if (text === undefined) return defaultRollout.batch;
  const expected = `a whole number of nodes, 1 to ${nodes}`;
  return parseWholeNumber(text, { option: '--batch', min: 1, max: nodes, expected });
}

function parseBake(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= longestBakeMs) return Math.round(ms);
  throw new CliFailure('USAGE', `--bake ${text}: expected a time such as 90s, 30m or 2h, at most 24h`);
}

function parseWindow(text: string): MaintenanceWindow | undefined {
  if (text === noWindow) return undefined;
  const { maintenanceWindow } = require('../config/values/windows') as typeof import('../config/values/windows');
  const read = maintenanceWindow.safeParse(text);
  if (read.success) return read.data;
  const why = read.error.issues[0]?.message;
  const expected = `HH:MM-HH:MM and a time zone, such as "22:00-04:00 Europe/Berlin", or ${noWindow}`;
  throw new CliFailure('USAGE', `--maintenance-window ${text}: expected ${expected}${why ? ` (${why})` : ''}`);
}
