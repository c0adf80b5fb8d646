/** What a load balancer serves under /install. */
export interface ServedInstall {
  /** Id of what is served; undefined where nothing is. */
  published?: string;
  /** Of the last operation that served it. */
  epoch?: number;
  /** Every VM that installed itself may take it. */
  forAll: boolean;
}

/** And who installed from there. */
export interface PublishedInstall extends ServedInstall {
  enrolled: EnrolledVm[];
}

/** What the newest operation has published; undefined where none did, or none whose number is known. */
export function newestInstall<S extends ServedInstall>(served: S[]): S | undefined {
  const known = served.filter(({ published, epoch }) => published !== undefined && epoch !== undefined);
  return known.toSorted((a, b) => b.epoch! - a.epoch!)[0];
}

/** Those that serve another, or nothing: they were away when it was published, or are new. */
export function outdatedInstalls<S extends ServedInstall>(served: S[]): S[] {
  const newest = newestInstall(served);
  return newest ? served.filter(({ published }) => published !== newest.published) : [];
}

/** As the VM said itself: nothing of it is verified but, where logins are needed, that it is that VM. */
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
  /** Where logins are needed: it enrolled with a token, and comes with a credential of its own. */
  verified?: boolean;
  /** It was told to take its agent away, and has not said that it did. */
  leaving?: boolean;
}

export interface EnrolledPage {
  /** The address at which the page before ended. */
  after?: string;
  size: number;
}

/** Of a list in order; `next` is where it ends when there are more. */
export function pageOfEnrolled(
  vms: EnrolledVm[],
  { after, size }: EnrolledPage,
): { enrolled: EnrolledVm[]; next?: string } {
  const rest = after === undefined ? vms : vms.filter(({ address }) => byAddress(address, after) > 0);
  const enrolled = rest.slice(0, size);
  const last = enrolled.at(-1);
  return { enrolled, ...(last && rest.length > size && { next: last.address }) };
}

function byAddress(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
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
    .sort((a, b) => byAddress(a.address, b.address));
}
