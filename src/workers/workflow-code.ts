import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/** All workflows as one text, as a worker runs them. */
export interface WorkflowCode {
  /** The same for the same code, wherever and by whomever it was built. */
  buildId: string;
  code: string;
}

/** The source map is left out: it names folders of the machine that built it, and decides nothing. */
export function buildIdOf(code: string): string {
  const map = code.lastIndexOf('\n//# sourceMappingURL=');
  return createHash('sha256')
    .update(map === -1 ? code : code.slice(0, map))
    .digest('hex')
    .slice(0, 12);
}

/** The bundle made at build time saves two seconds of every start. How failures are written is part of it, so there are two. */
export async function loadWorkflowCode(encrypts: boolean, path = bundlePath(encrypts)): Promise<WorkflowCode> {
  const code = existsSync(path) ? readFileSync(path, 'utf8') : await bundleSources(encrypts);
  return { code, buildId: buildIdOf(code) };
}

function bundlePath(encrypts: boolean): string {
  return join(__dirname, '..', encrypts ? 'workflow-bundle-encrypting.js' : 'workflow-bundle.js');
}

async function bundleSources(encrypts: boolean): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: require.resolve('../workflows'),
    failureConverterPath: encrypts ? require.resolve('../codec/failure-converter') : undefined,
    logger: new DefaultLogger('WARN'),
  });
  return code;
}
