/** What a load balancer serves under /install, and who installed from there. */
export interface PublishedInstall {
  /** Id of what is served; undefined where nothing is. */
  published?: string;
  /** Of the last operation that served it. */
  epoch?: number;
  /** Every VM that installed itself may take it. */
  forAll: boolean;
  enrolled: EnrolledVm[];
}

/** As the VM said itself: nothing of it is verified until agents are authenticated. */
export interface EnrolledVm {
  /** From which it was told, as NGINX saw it. */
  address: string;
  /** Since it spoke last. */
  ageSeconds: number;
  host?: string;
  /** What it runs; `none` after an uninstallation. */
  release?: string;
  /** The release with which an image came through its agent. */
  proven?: string;
  /** What it tried and put back, and the operation that it tried it for. */
  failed?: { release: string; epoch: number };
  /** It was told to take its agent away, and has not said that it did. */
  leaving?: boolean;
}

/** Newest word of each VM over all load balancers; those that said that they are gone are left out. */
export function joinEnrolled(all: EnrolledVm[][]): EnrolledVm[] {
  const newest = new Map<string, EnrolledVm>();
  for (const vm of all.flat()) {
    const known = newest.get(vm.address);
    if (!known || vm.ageSeconds < known.ageSeconds) newest.set(vm.address, vm);
  }
  return [...newest.values()]
    .filter(({ release }) => release !== 'none')
    .sort((a, b) => a.address.localeCompare(b.address, 'en', { numeric: true }));
}
