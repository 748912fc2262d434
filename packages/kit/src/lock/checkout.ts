import { acquireFileLock } from './file.ts';
import type { LockRequest, OperationsLock } from './types.ts';

/** For tasks that change this checkout's own state (the sandbox), not an environment. */
export async function acquireCheckoutLock(root: string, request: LockRequest): Promise<OperationsLock> {
  return acquireFileLock(root, 'checkout', request, 'rm .drydock/locks/checkout.json');
}
