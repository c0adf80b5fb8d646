import { closeLab } from './lab';

export default async function teardown(): Promise<void> {
  await closeLab();
}
