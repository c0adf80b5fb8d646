import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Release, showRelease } from '../releases/release';

export interface Version extends Release {
  /** Names the sources this was built from. */
  build: string;
  commit?: string;
}

/** Written by the build beside the code; without one (tests run on the sources) there is only the package's version. */
export function readVersion(): Version {
  try {
    return JSON.parse(readFileSync(join(__dirname, '..', 'build.json'), 'utf8')) as Version;
  } catch {
    const text = readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8');
    return { version: (JSON.parse(text) as { version: string }).version, build: 'source', worker: 'source' };
  }
}

/** `0.1.0+9c1233c2`: equal only for a worker of the same sources. */
export function workerVersion(version: Version = readVersion()): string {
  return showRelease(version);
}

export function readVersionFacts(): Version & { node: string; temporalSdk: string; platform: string } {
  const { version: temporalSdk } = require('@temporalio/common/package.json') as { version: string };
  const platform = `${process.platform}-${process.arch}`;
  return { ...readVersion(), node: process.versions.node, temporalSdk, platform };
}
