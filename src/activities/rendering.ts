import { balancerFile, balancerSum } from '../cluster/balancers';
import type { DesiredContainer, DesiredFile, DesiredState, ResolvedImages } from '../cluster/desired';
import { desiredState } from '../cluster/desired-state';
import { limitValues, liveSum } from '../cluster/live-values';
import type { StepKind } from '../cluster/plan';
import type { ClusterSpec } from '../cluster/spec';
import { SignerMissingError, type Signers } from '../cluster/tls/material';
import type { StepInput } from '../contracts/activities';
import type { ActivityDependencies } from './dependencies';
import { ActivityError } from './failures';
import { keysMissing } from './tongue';

const remembered = new Map<string, DesiredState>();

/** Rendering is pure, so the last few results are kept: a hundred steps of one deploy render once. */
export function render(spec: ClusterSpec, images: ResolvedImages, { vault }: Vaulted): DesiredState {
  const key = JSON.stringify([spec, images]);
  const known = remembered.get(key);
  if (known) return known;
  const state = renderAnew(spec, images, (id) => vault?.signer(id));
  if (remembered.size >= 8) remembered.delete(remembered.keys().next().value!);
  remembered.set(key, state);
  return state;
}

type Vaulted = Pick<ActivityDependencies, 'vault'>;

function renderAnew(spec: ClusterSpec, images: ResolvedImages, signers: Signers): DesiredState {
  try {
    return desiredState(spec, images, signers);
  } catch (error) {
    throw error instanceof SignerMissingError ? keysMissing(error) : error;
  }
}

export function wantedContainer(input: StepInput, deps: Vaulted): DesiredContainer {
  const { step } = input;
  const host = render(input.spec, input.images, deps).hosts.find((h) => h.host === step.host);
  const container = host?.containers.find((c) => c.name === step.target);
  if (step.kind !== 'reload' || !container)
    return fresh(container, container && sumOf(container, step.kind), step.expect);
  const reloadSum = balancerSum(input.spec, step.balancer ?? { out: [] });
  return fresh({ ...container, reloadSum }, reloadSum, step.expect);
}

/** Of what a step of that kind brings about. */
function sumOf(container: DesiredContainer, kind: StepKind): string | undefined {
  switch (kind) {
    case 'setting':
      return container.live && liveSum(container.live);
    case 'limits':
      return liveSum(limitValues(container));
    default:
      return container.fingerprint;
  }
}

export function wantedFile(input: StepInput, deps: Vaulted): DesiredFile {
  const { step } = input;
  if (step.balancer) {
    const left = balancerFile(input.spec, step.host, step.balancer);
    return fresh(left, left.sha256, step.expect);
  }
  const host = render(input.spec, input.images, deps).hosts.find((h) => h.host === step.host);
  const file = host?.files.find((f) => f.path === step.target);
  return fresh(file, file?.sha256, step.expect);
}

/** A worker of another version may render otherwise; then the plan is not its plan, and nothing is done. */
function fresh<T>(found: T | undefined, sum: string | undefined, expected: string | undefined): T {
  if (found === undefined || sum !== expected) {
    throw new ActivityError('PLAN_STALE', 'this worker renders another state than the plan was made for', {
      final: true,
      hint: 'plan and deploy again with this version: krakenctl plan',
    });
  }
  return found;
}
