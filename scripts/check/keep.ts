import { OpsError } from '@drydock/kit';
import { keepTested, readCheckout } from '@drydock/release';

/** The commit that is tested, if that is all there is in the checkout. */
export async function testedCommit(root: string): Promise<string | undefined> {
  try {
    const { commit, dirty } = await readCheckout(root);
    return dirty.length === 0 ? commit : undefined;
  } catch (error) {
    // An export of it, without its history.
    if (error instanceof OpsError && error.code === 'NOT_A_REPOSITORY') return undefined;
    throw error;
  }
}

/** A release asks whether the tests of its very commit passed: one that changed meanwhile has no answer. */
export async function keepResult(
  root: string,
  commit: string | undefined,
  { ok, says, by }: { ok: boolean; says: string; by: string },
): Promise<void> {
  if (commit === undefined || (await testedCommit(root)) !== commit) return;
  keepTested(root, { commit, ok, says, by, at: new Date().toISOString() });
}
