import { defineChangeTask, defineStep, flag, usageError } from '@drydock/kit';
import { listBackups, markName } from '../catalogue.ts';
import { keyOf } from '../names.ts';
import { openStores } from '../store/open.ts';

export const holdTask = defineChangeTask({
  name: 'backup:hold',
  summary: 'Keeps a backup from being pruned, or gives it free again.',
  description: '--release also takes away the marks of drills that proved it.',
  examples: [
    'npm run backup:hold -- --env production --id 20261124T021700Z-01J…',
    'npm run backup:hold -- --env production --id ID --release',
  ],
  flags: {
    id: flag.text({ value: 'ID', about: 'the backup' }),
    release: flag.boolean({ about: 'give it free again' }),
  },
  lock: 'environment',
  // Keeping the backups of a database that is lost is where mending it begins.
  mendsDatabase: true,
  async plan({ config, environment, env, flags }) {
    if (!flags.id) throw usageError('USAGE', 'Say which: --id ID.', `npm run backup:list -- --env ${env}`);
    const found = await Promise.all(openStores(config, environment).map((store) => listBackups(store, env)));
    if (!found.flat().some(({ id, finished }) => finished && id === flags.id))
      throw usageError('BACKUP_UNKNOWN', `${env} has no backup ${flags.id}.`, `npm run backup:list -- --env ${env}`);
    return { id: flags.id, release: flags.release };
  },
  describe: ({ id, release }) => [`${release ? 'give free' : 'hold'} ${id}`],
  steps: ({ config, environment, env }, { id, release }) =>
    openStores(config, environment).map((store) =>
      defineStep({
        name: store.label,
        async run({ signal }) {
          const listed = (await listBackups(store, env)).find((backup) => backup.id === id);
          if (!listed) return null;
          if (release) await store.remove(listed.marks.filter(({ kind }) => kind !== 'locked').map(({ key }) => key));
          else if (!listed.marks.some(({ kind }) => kind === 'hold'))
            await store.write(keyOf(env, id, markName.hold), nothing(), { signal });
          return null;
        },
      }),
    ),
  outcome: ({ env }, { id, release }) => ({
    verdict: release ? `${id} of ${env} goes when its time has come.` : `${id} of ${env} is held: it is never pruned.`,
    data: { id, held: !release },
  }),
});

/** A mark has no content. */
export async function* nothing(): AsyncIterable<Uint8Array> {}
