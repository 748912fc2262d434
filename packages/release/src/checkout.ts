import { exec, OpsError, usageError } from '@drydock/kit';

/** What git says of the tree that is to be released. */
export interface Checkout {
  commit: string;
  subject: string;
  /** Changed or untracked files; they are not in the commit, so they are not in the artefact either. */
  dirty: string[];
  /** The commit contains the newest one of the base branch. */
  basedOn: { branch: string; contained: boolean } | undefined;
}

export async function readCheckout(root: string, baseBranch: string, signal?: AbortSignal): Promise<Checkout> {
  const git = async (args: string[], okCodes: number[] = []) =>
    exec('git', args, { cwd: root, okCodes, ...(signal ? { signal } : {}) });
  const head = await git(['log', '-1', '--format=%H%n%s'], [128]);
  const [commit, subject = ''] = head.stdout.trim().split('\n');
  if (head.code !== 0 || !commit) {
    throw usageError(
      'NOT_A_REPOSITORY',
      `${root} is no git repository with a commit.`,
      'Run it in a clone of the product.',
    );
  }
  const status = await git(['status', '--porcelain']);
  return {
    commit,
    subject,
    dirty: status.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => line.slice(3)),
    basedOn: await readBase(baseBranch, async (args, ok) => (await git(args, ok)).code),
  };
}

/** The remote's branch is what "rebased on master" means; a clone without a remote has only its own. */
async function readBase(
  branch: string,
  codeOf: (args: string[], okCodes: number[]) => Promise<number>,
): Promise<Checkout['basedOn']> {
  for (const ref of [`refs/remotes/origin/${branch}`, `refs/heads/${branch}`]) {
    if ((await codeOf(['rev-parse', '--verify', '--quiet', ref], [1])) !== 0) continue;
    const contained = (await codeOf(['merge-base', '--is-ancestor', ref, 'HEAD'], [1])) === 0;
    return { branch: ref.replace(/^refs\/(remotes|heads)\//, ''), contained };
  }
  return undefined;
}

/** Refuses a tree that would not be what people think is released. */
export function refuseUnfit(checkout: Checkout, baseBranch: string, allowDirty: boolean): void {
  if (checkout.dirty.length > 0 && !allowDirty) {
    const some = checkout.dirty.slice(0, 3).join(', ');
    const more = checkout.dirty.length > 3 ? ` and ${checkout.dirty.length - 3} more` : '';
    throw new OpsError({
      code: 'CHECKOUT_DIRTY',
      message: `The checkout has changes that are not in commit ${checkout.commit.slice(0, 10)}: ${some}${more}.`,
      hint: 'Commit or stash them, or add --allow-dirty to release the commit without them.',
    });
  }
  if (!checkout.basedOn) {
    throw usageError(
      'BASE_BRANCH_UNKNOWN',
      `There is no branch ${baseBranch} here or at origin.`,
      'Set release.baseBranch in drydock.config.ts, or git fetch origin.',
    );
  }
  if (!checkout.basedOn.contained) {
    throw new OpsError({
      code: 'NOT_REBASED',
      message: `Commit ${checkout.commit.slice(0, 10)} does not contain the newest commit of ${checkout.basedOn.branch}.`,
      hint: `git rebase ${checkout.basedOn.branch}`,
    });
  }
}
