import { specSchema } from '../../src/cluster/spec';
import { exampleSpec } from '../support/cluster';

/** What a spec is taken for, whoever wrote it: a `.env` is checked before, a record or a workflow's input is not. */
describe('the address of a node', () => {
  const withAddress = (address: string) => {
    const spec = exampleSpec();
    return specSchema.safeParse({ ...spec, nodes: [{ ...spec.nodes[0]!, address }, ...spec.nodes.slice(1)] });
  };

  test.each(['10.0.1.10', 'node-1', 'node-1.example.com'])('%s is taken', (address) => {
    expect(withAddress(address).success).toBe(true);
  });

  test.each(['', '-oProxyCommand=x', '10.0.1.10;', 'a b', 'a\nb', '$(id)', "a'b", 'a/b', `a${'b'.repeat(253)}`])(
    '%j is refused, and the error names the field',
    (address) => {
      const { success, error } = withAddress(address);
      expect([success, error?.issues[0]?.path.join('.')]).toEqual([false, 'nodes.0.address']);
    },
  );
});
