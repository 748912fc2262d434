#!/usr/bin/env node
import { command, defineChangeTask, defineStep, flag, main, usageError } from '@drydock/kit';
import { markName, noBytes } from '../src/catalogue.ts';
import { listOwn, type Shelf } from '../src/reader.ts';
import { openStores } from '../src/store/open.ts';
import type { Store } from '../src/store/types.ts';

const task = defineChangeTask({
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
  onlyReads: true,
  // Keeping the backups of a database that is lost is where mending it begins.
  mendsDatabase: true,
  refuseFlags({ env, flags }) {
    if (!flags.id) throw usageError('USAGE', 'Say which: --id ID.', command('backup:list', { env }));
  },
  async plan({ config, environment, env, flags: { id = '', release } }) {
    const shelf = { env, product: config.product };
    const found = await Promise.all(openStores(config, environment).map((store) => finishedOne(store, shelf, id)));
    if (!found.some(Boolean))
      throw usageError('BACKUP_UNKNOWN', `${env} has no backup ${id}.`, command('backup:list', { env }));
    return { id, release };
  },
  describe: ({ id, release }) => [`${release ? 'give free' : 'hold'} ${id}`],
  steps: ({ config, environment, env }, { id, release }) =>
    openStores(config, environment).map((store) =>
      defineStep({
        name: store.label,
        async run({ signal }) {
          const listed = await finishedOne(store, { env, product: config.product }, id);
          if (!listed) return null;
          if (release) await store.remove(listed.marks.filter(({ kind }) => kind !== 'locked').map(({ key }) => key));
          else if (!listed.marks.some(({ kind }) => kind === 'hold'))
            await store.write(`${listed.folder}/${markName.hold}`, noBytes(), { signal });
          return null;
        },
      }),
    ),
  outcome: ({ env }, { id, release }) => ({
    verdict: release ? `${id} of ${env} goes when its time has come.` : `${id} of ${env} is held: it is never pruned.`,
    data: { id, held: !release },
  }),
});

async function finishedOne(store: Store, shelf: Shelf, id: string | undefined) {
  return (await listOwn(store, shelf)).find((backup) => backup.finished && backup.id === id);
}

export default task;
await main(task, import.meta);
