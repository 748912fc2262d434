#!/usr/bin/env node
import { counted, defineChangeTask, defineStep, EXIT, flag, type Json, main, OpsError } from '@drydock/kit';
import { backupsSection } from '../src/config/backups.ts';
import { type Pruned, pruneStore } from '../src/prune/delete.ts';
import { judgeBackups } from '../src/prune/judge.ts';
import { type Decision, deletesMost, planPrune } from '../src/prune/plan.ts';
import { openStores } from '../src/store/open.ts';
import type { Store } from '../src/store/types.ts';
import { type Note, signersOf } from '../src/trust.ts';

type Plan = { stores: { label: string; decisions: Decision[]; notes: Note[] }[] };

const task = defineChangeTask({
  name: 'backup:prune',
  summary: 'Deletes backups that no rule of the retention keeps, and what broken ones left behind.',
  description:
    'Prints what stays and goes, with the reason of each. Never goes: the newest that is good, one that is held, locked by the store, or\n' +
    'proved by a drill; marks are read again right before anything is deleted. What is damaged, or dated later than now, takes no place of\n' +
    'a good one. More than half at once only with --force. Leftovers without a manifest go after 24 hours.',
  examples: [
    'npm run backup:prune -- --env production --plan',
    'npm run backup:prune -- --env production --yes --confirm production --reason retention',
  ],
  flags: { force: flag.boolean({ about: 'delete although it is more than half of them' }) },
  lock: 'environment',
  onlyReads: true,
  onFailure: 'keep',
  async plan({ config, environment, env, flags }): Promise<Plan> {
    const now = new Date();
    const pinned = signersOf(config, environment);
    const shelf = { env, product: config.product };
    const stores = await Promise.all(
      openStores(config, environment).map(async (store) => {
        const { backups, findings } = await judgeBackups(store, shelf, pinned, now);
        const decisions = planPrune(backups, backupsSection.of(config).retention, now);
        if (!flags.force && deletesMost(decisions, backups)) throw refuseMost(store, decisions, backups.length);
        return { label: store.label, decisions, notes: findings };
      }),
    );
    return { stores };
  },
  describe: ({ stores }) =>
    stores.flatMap(({ label, decisions }) =>
      decisions.map(
        ({ id, keep, reasons }) => `${keep ? 'keep  ' : 'delete'} ${id}  ${reasons.join(', ')}  (${label})`,
      ),
    ),
  steps({ config, environment, env }, { stores }) {
    const pruned = openStores(config, environment).map((store) =>
      defineStep<Pruned>({
        name: store.label,
        run: () =>
          pruneStore(
            store,
            { env, product: config.product },
            stores.find(({ label }) => label === store.label)?.decisions ?? [],
          ),
      }),
    );
    return { nodes: pruned, pruned };
  },
  outcome({ env }, { stores }, results, steps) {
    const pruned = steps.pruned.map((step) => results.of(step));
    const sum = (key: 'deleted' | 'swept') => pruned.reduce((all, one) => all + one[key], 0);
    const refused = pruned.flatMap((one) => one.refused);
    const spared = pruned.flatMap((one) => one.spared);
    const kept = stores.reduce((all, { decisions }) => all + decisions.filter(({ keep }) => keep).length, 0);
    return {
      verdict: `Of ${env} ${counted(sum('deleted'), 'backup is', 'backups are')} deleted, ${kept + spared.length} kept${sum('swept') > 0 ? `, ${counted(sum('swept'), 'broken upload')} dropped` : ''}.`,
      data: { stores: pruned } as unknown as Json,
      findings: [
        ...stores.flatMap(({ notes }) => notes),
        ...spared.map(
          ({ id, reason }): Note => ({
            level: 'warn',
            code: 'MARKED_MEANWHILE',
            message: `${id} was to go, and stays: ${reason}.`,
          }),
        ),
        ...steps.pruned.flatMap((step): Note[] =>
          results.of(step).versioned
            ? [
                {
                  level: 'warn',
                  code: 'VERSIONS_KEPT',
                  message: `${step.name} keeps versions: what was deleted is hidden by a marker, and frees nothing.`,
                  hint: 'Give the bucket a lifecycle rule with NoncurrentVersionExpiration.',
                },
              ]
            : [],
        ),
        ...refused.slice(0, 5).map(
          ({ key, reason }): Note => ({
            level: 'warn',
            code: 'NOT_DELETED',
            message: `The store keeps ${key}: ${reason}.`,
          }),
        ),
      ],
    };
  },
});

function refuseMost({ label }: Store, decisions: Decision[], of: number): OpsError {
  const gone = decisions.filter(({ keep }) => !keep).length;
  return new OpsError({
    code: 'PRUNES_MOST',
    message: `Of ${of} backups in ${label} ${gone} would be deleted at once.`,
    hint: 'Look at the plan (--plan --force) and at backups.retention; if it is meant, add --force.',
    exit: EXIT.refused,
  });
}

export default task;
await main(task, import.meta);
