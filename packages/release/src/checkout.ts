import { exec, type OpsError, requireTool, toOpsError, usageError } from '@drydock/kit';

/** What git says of the tree that is to be released. */
export interface Checkout {
  root: string;
  commit: string;
  subject: string;
  /** Undefined where HEAD is detached, as in most CI: what is released is the commit. */
  branch: string | undefined;
  /** Its history is cut off: what is further back cannot be asked. */
  shallow: boolean;
  /** Changed or untracked files; they are not in the commit, so they are not in the artefact either. Our own state is none of them. */
  dirty: string[];
}

/** The newest commit of the base branch, as far as it can be known here. */
export interface Base {
  /** `origin/main`, or `main` where there is no remote. */
  name: string;
  commit: string;
  contained: boolean;
  /** Why the remote was not asked, and what was fetched last counts; undefined where it was. */
  notAsked: string | undefined;
}

/** A remote that is slow is as one that is away. */
const REMOTE_WITHIN_MS = 15_000;
/** `.drydock/`, `.drydock-1000/`, wherever the product lies in its repository. */
const OWN_STATE = /(^|\/)\.drydock(-\d+)?(\/|$)/;

/** What is never meant to be committed. */
const IGNORABLE = /(^|\/)(\.env(\.(?!example$|sample$|template$|dist$)[^/]*)?|node_modules\/?)$/;

/** `of`: another commit of it than HEAD. */
export async function readCheckout(root: string, signal?: AbortSignal, of = 'HEAD'): Promise<Checkout> {
  requireTool('git');
  const git = gitIn(root, signal);
  const head = await git(['log', '-1', '--format=%H%n%s', '--end-of-options', of, '--']);
  const [commit, subject = ''] = head.stdout.trim().split('\n');
  if (head.code !== 0 || !commit) throw noCommit(root, head.stderr, of);
  const [branch, shallow, status] = await Promise.all([
    git(['symbolic-ref', '--quiet', '--short', 'HEAD']),
    git(['rev-parse', '--is-shallow-repository']),
    git(['status', '--porcelain', '-z']),
  ]);
  return {
    root,
    commit,
    subject,
    branch: branch.code === 0 ? branch.stdout.trim() : undefined,
    shallow: shallow.stdout.trim() === 'true',
    dirty: changedIn(status.stdout),
  };
}

/** The branch that releases come from where the config names none. */
export async function baseBranchOf(root: string, signal?: AbortSignal): Promise<string> {
  const git = gitIn(root, signal);
  const has = async (branch: string) =>
    (await git(['for-each-ref', `refs/heads/${branch}`, `refs/remotes/origin/${branch}`])).stdout !== '';
  if (await has('master')) return 'master';
  const { stdout, code } = await git(['symbolic-ref', '--quiet', '--short', 'refs/remotes/origin/HEAD']);
  if (code === 0) return stdout.trim().replace(/^origin\//, '');
  return 'main';
}

/** Undefined where neither origin nor the clone has such a branch. `asked`: the remote is asked as well, for it may have moved on. */
export async function readBase(
  { root }: Pick<Checkout, 'root'>,
  branch: string,
  { asked, signal }: { asked: boolean; signal?: AbortSignal },
): Promise<Base | undefined> {
  const git = gitIn(root, signal);
  const has = async (ref: string) => (await git(['rev-parse', '--verify', '--quiet', `${ref}^{commit}`])).stdout.trim();
  const isOn = async (commit: string) => (await git(['merge-base', '--is-ancestor', commit, 'HEAD'])).code === 0;
  const remotes = (await git(['remote'])).stdout.split('\n');
  if (!remotes.includes('origin')) {
    const commit = await has(`refs/heads/${branch}`);
    return commit ? { name: branch, commit, contained: await isOn(commit), notAsked: undefined } : undefined;
  }
  const newest = asked ? await askRemote(root, branch, signal) : { reason: 'it was not to be asked' };
  const name = `origin/${branch}`;
  if ('commit' in newest) return { name, ...newest, contained: await isOn(newest.commit), notAsked: undefined };
  const commit = (await has(`refs/remotes/origin/${branch}`)) || (await has(`refs/heads/${branch}`));
  return commit ? { name, commit, contained: await isOn(commit), notAsked: newest.reason } : undefined;
}

async function askRemote(
  root: string,
  branch: string,
  signal?: AbortSignal,
): Promise<{ commit: string } | { reason: string }> {
  const late = AbortSignal.timeout(REMOTE_WITHIN_MS);
  try {
    const ref = `refs/heads/${branch}`;
    const { stdout, code, stderr } = await gitIn(
      root,
      signal ? AbortSignal.any([signal, late]) : late,
    )(['ls-remote', 'origin', ref]);
    const commit = /^([0-9a-f]{40,64})\s/.exec(stdout)?.[1];
    if (commit) return { commit };
    return {
      reason: code === 0 ? `it has no branch ${branch}` : (stderr.trim().split('\n')[0] ?? 'it does not answer'),
    };
  } catch (thrown) {
    signal?.throwIfAborted();
    return { reason: late.aborted ? `no answer within ${REMOTE_WITHIN_MS / 1_000} s` : toOpsError(thrown).message };
  }
}

/** Refuses a tree that would not be what people think is released. */
export function refuseDirty({ commit, dirty }: Checkout): void {
  if (dirty.length === 0) return;
  const some = dirty.slice(0, 3).join(', ');
  const more = dirty.length > 3 ? ` and ${dirty.length - 3} more` : '';
  // What opens something is not to be committed, whoever says so.
  const ignorable = dirty.filter((path) => IGNORABLE.test(path));
  throw usageError(
    'CHECKOUT_DIRTY',
    `The checkout has changes that are not in commit ${commit.slice(0, 10)}: ${some}${more}.`,
    ignorable.length > 0
      ? `Name ${ignorable.slice(0, 3).join(', ')} in .gitignore${ignorable.length < dirty.length ? ', and commit or stash the rest' : ''}.`
      : 'Commit or stash them, or add --allow-dirty to release the commit without them.',
  );
}

/** Refuses a commit that would take back what others have put on the base branch. */
export function refuseOutdated({ commit, shallow }: Checkout, branch: string, base: Base | undefined): Base {
  const short = commit.slice(0, 10);
  if (base?.contained) return base;
  if (shallow)
    throw usageError(
      'SHALLOW_CLONE',
      `This clone is shallow: whether commit ${short} contains the newest commit of ${base?.name ?? branch} cannot be told.`,
      'Fetch the rest: git fetch --unshallow origin   (GitHub Actions: fetch-depth: 0)',
    );
  if (!base)
    throw usageError(
      'BASE_BRANCH_UNKNOWN',
      `There is no branch ${branch} here or at origin.`,
      'Set release.baseBranch in drydock.config.ts, or git fetch origin.',
    );
  const remote = base.name.startsWith('origin/');
  throw usageError(
    'NOT_REBASED',
    `Commit ${short} does not contain the newest commit of ${base.name} (${base.commit.slice(0, 10)}).`,
    remote ? `git pull --rebase origin ${branch}` : `git rebase ${base.name}`,
  );
}

function gitIn(root: string, signal: AbortSignal | undefined) {
  return (args: string[]) => exec('git', args, { cwd: root, okCodes: [1, 2, 128, 129], ...(signal ? { signal } : {}) });
}

function noCommit(root: string, said: string, of: string): OpsError {
  if (of !== 'HEAD')
    return usageError('COMMIT_UNKNOWN', `${of} is no commit of this clone.`, 'Fetch it: git fetch origin');
  if (said.includes('dubious ownership'))
    return usageError(
      'REPOSITORY_NOT_TRUSTED',
      `git does not read ${root}: it belongs to another user.`,
      `If that is as it should be: git config --global --add safe.directory ${root}`,
    );
  return usageError(
    'NOT_A_REPOSITORY',
    `${root} is no git repository with a commit.`,
    'Run it in a clone of the product.',
  );
}

/** Of `git status --porcelain -z`: of a renamed file the old name follows as an entry of its own. */
function changedIn(status: string): string[] {
  const entries = status.split('\0').filter(Boolean);
  const changed: string[] = [];
  for (let at = 0; at < entries.length; at++) {
    const entry = entries[at] ?? '';
    changed.push(entry.slice(3));
    if (/^[RC]|^.[RC]/.test(entry)) at += 1;
  }
  return changed.filter((path) => !OWN_STATE.test(path));
}
