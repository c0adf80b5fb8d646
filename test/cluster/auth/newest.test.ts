import { type Held, newestHeld } from '../../../src/cluster/auth/newest';

/** `5a`: generation and sum, a word for each node that is seen; `-` where it has none. */
const of = (words: string, nodes: number) => {
  const held = words.split(' ').map((word): Held | undefined => {
    const [, generation, sum] = /^(\d+)(.+)$/.exec(word) ?? [];
    return sum ? { generation: Number(generation), sum } : undefined;
  });
  const { record, ...rest } = newestHeld(held, nodes);
  return { record: record && `${record.generation}${record.sum}`, ...rest };
};

describe('the record that counts', () => {
  test.each([
    ['all have it', '5a 5a 5a', 3, { record: '5a', state: 'kept', isLacking: false, hasRival: false }],
    ['nobody has one', '- - -', 3, { record: undefined, state: 'kept', isLacking: false }],
    ['a node was away', '5a 5a 4a', 3, { record: '5a', state: 'kept', isLacking: true }],
    ['who was away is back, and another is away', '5a 4a', 3, { record: '5a', state: 'open' }],
    ['a disk is new, and another node is away', '5a -', 3, { record: '5a', state: 'open' }],
    ['a change was cut', '5a 4a 4a', 3, { record: '5a', state: 'open' }],
    ['each node was left at another change', '5a 4a 3a', 3, { record: '5a', state: 'open' }],
    ['most of five have another one than those that are seen', '5a 4a 4a', 5, { record: '5a', state: 'open' }],
    ['two changed it at once, and one came through', '5b 5a 5b', 3, { record: '5b', state: 'kept', hasRival: true }],
    ['two changed it at once, and neither is done', '5b 5a 4a', 3, { record: '5a', state: 'open', hasRival: true }],
    ['two changed it at once, and only who is away knows', '5b 5a', 3, { record: '5a', state: 'doubtful' }],
    ['of two, only one may be on a majority', '5b 5a 5a 4a', 5, { record: '5a', state: 'open' }],
    ['three changed it at once', '5c 5b 5a', 3, { record: '5a', state: 'parted', hasRival: true }],
    ['two halves', '5b 5b 5a 5a', 4, { record: '5a', state: 'parted' }],
  ])('%s: %s of %i', (_what, words, nodes, expected) => {
    expect(of(words, nodes)).toMatchObject(expected);
  });
});
