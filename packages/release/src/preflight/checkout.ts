import { baseBranchOf, type Checkout, readBase, refuseDirty, refuseOutdated } from '../checkout.ts';
import type { Question } from '../question.ts';

export interface AboutCheckout {
  /** Undefined: found out. */
  baseBranch: string | undefined;
  allowDirty: boolean;
  /** Neither origin nor GitHub is asked: what was fetched last counts. */
  offline: boolean;
  warn(text: string): void;
}

/** Section 2, step 1: "ensure branch is rebased on master". `read`: what git says, or why it says nothing. */
export function checkoutQuestions(read: () => Promise<Checkout>, about: AboutCheckout): Question[] {
  return [
    {
      about: 'commit',
      ask: async () => {
        const { commit, branch } = await read();
        return `${commit.slice(0, 10)} ${branch ? `on ${branch}` : '(detached HEAD)'}`;
      },
    },
    {
      about: 'checkout',
      ask: async () => {
        const checkout = await read();
        if (!about.allowDirty) refuseDirty(checkout);
        const { length } = checkout.dirty;
        return length === 0 ? 'clean' : `${length} changed ${length === 1 ? 'file' : 'files'}, not released`;
      },
    },
    {
      about: 'base branch',
      async ask(signal) {
        const checkout = await read();
        const branch = about.baseBranch ?? (await baseBranchOf(checkout.root, signal));
        const found = await readBase(checkout, branch, { asked: !about.offline, signal });
        const { name, commit, notAsked } = refuseOutdated(checkout, branch, found);
        const since = notAsked ? `, as it was fetched last (${notAsked})` : '';
        if (notAsked && !about.offline) about.warn(`origin could not be asked for its newest commit: ${notAsked}.`);
        return `contains ${name} (${commit.slice(0, 10)})${since}`;
      },
    },
  ];
}
