import { changedPaths } from './because';
import type { ClusterRecord, LastGood } from './observed';
import type { ClusterSpec } from './spec';

/** Whether what an operation has brought can be taken back, and to what. */
export type UndoVerdict =
  | { state: 'possible'; spec: ClusterSpec; to: LastGood }
  | { state: 'refused'; why: string; hint: string };

/**
 * | the operation                              | its undo                                                       |
 * |--------------------------------------------|----------------------------------------------------------------|
 * | is what was applied last                   | goes back to the state before it, with that state's digests    |
 * | has another after it                       | refused: that one comes first                                  |
 * | only mended what was there                 | goes back to the state before what was mended                  |
 * | brought the cluster into being             | refused: there is nothing before it                            |
 * | switched ENABLE_AUTH off                    | refused: agents come first again                                |
 * | made other certificates and nothing else   | refused: what is believed by now stays so                      |
 * | changed which nodes there are, the storage | refused: data would be left where nobody asks for it           |
 */
export function judgeUndo(record: ClusterRecord | undefined, wanted: string | undefined): UndoVerdict {
  if (!record || record.destroyed) return refused('nothing is recorded on the nodes', 'krakenctl status');
  const { before, spec } = record;
  // One that only mended what runs has brought nothing that could be taken back.
  const operation = record.broughtBy ?? record.operation;
  const names = [operation, record.operation].flatMap(({ id, name }) => [id, name]);
  if (wanted !== undefined && !names.includes(wanted)) {
    const why = `${wanted} is not what was applied last, that is ${operation.name}: only the last change can be taken back`;
    return refused(why, `krakenctl op undo ${operation.name}, or deploy the settings of before`);
  }
  if (!before)
    return refused(
      `before ${operation.name} there was nothing to go back to`,
      'krakenctl cluster destroy takes it away',
    );
  // Agents have lost their credentials since then, and would be refused.
  if (before.spec.auth && !spec.auth)
    return refused(
      `${operation.name} has ENABLE_AUTH=false, and agents are to be let in first again`,
      'ENABLE_AUTH=true, then krakenctl deploy',
    );
  const verdict = judgeWayBack(spec, before, operation.name);
  return verdict.state === 'possible' && isOfCertificatesAlone(record, verdict)
    ? certificatesStay(spec, operation.name)
    : verdict;
}

/** Who signs is decided by what is there, not by what was: such an undo would change nothing, or bring a rotation that ended half way to its end. */
function isOfCertificatesAlone(
  { spec, images }: ClusterRecord,
  { spec: earlier, to }: Extract<UndoVerdict, { state: 'possible' }>,
): boolean {
  const changed = [...changedPaths(earlier, spec), ...changedPaths(to.images, images)];
  return changed.length > 0 && changed.every((path) => /^tls\.state\.(?:signer|trusts|series)\b/.test(path));
}

function certificatesStay(spec: ClusterSpec, name: string): UndoVerdict {
  return refused(
    `${name} brought other certificates and nothing else, and those of before are not gone back to`,
    spec.tls?.given
      ? 'put the former files where CERT_PATH, KEY_PATH and CA_PATH say, then: krakenctl deploy'
      : 'krakenctl tls rotate makes others, tls rotate --ca another authority too',
  );
}

/** From what was wanted to a state of before: an undo and a rollback go the same way. Agents follow a deploy when it has ended, so a rollback finds them as they were. */
export function judgeWayBack(from: ClusterSpec, to: LastGood, name: string): UndoVerdict {
  const nodes = (s: ClusterSpec) => s.nodes.map(({ id, address }) => `${id} ${address}`).join(', ');
  if (nodes(to.spec) !== nodes(from))
    return refused(
      `${name} changed which nodes there are; moving data between them is not built yet`,
      'krakenctl plan',
    );
  if (to.spec.storage.backend !== from.storage.backend)
    return refused(
      `${name} changed the storage; what was pushed since then is not in the former one`,
      'krakenctl plan',
    );
  // How to log in is not what is taken back: the way of today works today.
  return { state: 'possible', spec: { ...to.spec, ssh: from.ssh, nodes: from.nodes }, to };
}

function refused(why: string, hint: string): UndoVerdict {
  return { state: 'refused', why, hint };
}
