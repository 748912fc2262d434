import { defineChangeTask, defineStep, EXIT, flag, type Json, OpsError } from '@drydock/kit';
import { listBackups } from '../catalogue.ts';
import { MANIFEST } from '../names.ts';
import { type Decision, deletesMost, planPrune } from '../prune/plan.ts';
import { openStores } from '../store/open.ts';
import type { Store } from '../store/types.ts';

type Plan = { stores: { label: string; decisions: Decision[] }[] };
type Pruned = { deleted: number; swept: number; refused: { key: string; reason: string }[] };

export const pruneTask = defineChangeTask({
  name: 'backup:prune',
  summary: 'Deletes backups that no rule of the retention keeps, and what broken ones left behind.',
  description:
    'Prints what stays and goes, with the reason of each. Never goes: the newest, one that is held, locked by the store, or proved by\n' +
    'a drill. More than half at once only with --force. Leftovers without a manifest go after 24 hours.',
  examples: [
    'npm run backup:prune -- --env production --plan',
    'npm run backup:prune -- --env production --yes --confirm production --reason retention',
  ],
  flags: { force: flag.boolean({ about: 'delete although it is more than half of them' }) },
  lock: 'environment',
  onFailure: 'keep',
  async plan({ config, environment, env, flags }): Promise<Plan> {
    const now = new Date();
    const stores = await Promise.all(
      openStores(config, environment).map(async (store) => {
        const backups = await listBackups(store, env);
        const decisions = planPrune(backups, config.backups.retention, now);
        if (!flags.force && deletesMost(decisions, backups)) throw refuseMost(store, decisions, backups.length);
        return { label: store.label, decisions };
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
    return openStores(config, environment).map((store) =>
      defineStep<Pruned>({
        name: store.label,
        run: () => pruneStore(store, env, stores.find(({ label }) => label === store.label)?.decisions ?? []),
      }),
    );
  },
  outcome({ env, config, environment }, { stores }, results) {
    const pruned = openStores(config, environment).map(({ label }) => results.get<Pruned>(label));
    const sum = (key: 'deleted' | 'swept') => pruned.reduce((all, one) => all + one[key], 0);
    const refused = pruned.flatMap((one) => one.refused);
    const kept = stores.reduce((all, { decisions }) => all + decisions.filter(({ keep }) => keep).length, 0);
    return {
      verdict: `Of ${env} ${sum('deleted')} ${sum('deleted') === 1 ? 'backup is' : 'backups are'} deleted, ${kept} kept${sum('swept') > 0 ? `, ${sum('swept')} broken uploads dropped` : ''}.`,
      data: { stores: pruned } as unknown as Json,
      findings: refused.slice(0, 5).map(({ key, reason }) => ({
        level: 'warn',
        code: 'NOT_DELETED',
        message: `The store keeps ${key}: ${reason}.`,
      })),
    };
  },
});

/** Manifests first: what a kill leaves of a backup is then no backup, and goes as a leftover. */
export async function pruneStore(store: Store, env: string, decisions: Decision[]): Promise<Pruned> {
  const going = new Set(decisions.filter(({ keep }) => !keep).map(({ id }) => id));
  const there = (await listBackups(store, env)).filter(({ id }) => going.has(id));
  const keys = there.flatMap((backup) => backup.keys);
  const isManifest = (key: string) => key.endsWith(`/${MANIFEST}`);
  const refused = [
    ...(await removeSome(store, keys.filter(isManifest))),
    ...(await removeSome(
      store,
      keys.filter((key) => !isManifest(key)),
    )),
  ];
  const swept = await store.sweep(`${env}/`, new Date(Date.now() - 86_400_000));
  return { deleted: going.size, swept: swept.length, refused };
}

async function removeSome(store: Store, keys: string[]) {
  return keys.length > 0 ? store.remove(keys) : [];
}

function refuseMost({ label }: Store, decisions: Decision[], of: number): OpsError {
  const gone = decisions.filter(({ keep }) => !keep).length;
  return new OpsError({
    code: 'PRUNES_MOST',
    message: `Of ${of} backups in ${label} ${gone} would be deleted at once.`,
    hint: 'Look at the plan (--plan --force) and at backups.retention; if it is meant, add --force.',
    exit: EXIT.refused,
  });
}
