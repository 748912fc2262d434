import { acquireFileLock } from './file.ts';
import type { LockRequest, OperationsLock } from './types.ts';

/** For tasks that change this checkout's own state (the sandbox), not an environment. `name`: for what must not run twice besides. */
export async function acquireCheckoutLock(
  root: string,
  request: LockRequest,
  name: 'checkout' | 'start' = 'checkout',
): Promise<OperationsLock> {
  return acquireFileLock(root, name, request, `rm .drydock/locks/${name}.json`);
}
