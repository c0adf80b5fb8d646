/** Queues of activities have one name: files that run at once have them in namespaces of their own, as `temporal-setup.ts` makes them. */
export const benchNamespaces = ['1', '2', '3', '4'].map((worker) => `tests-${worker}`);
