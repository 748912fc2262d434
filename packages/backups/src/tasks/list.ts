import { defineReadTask, flag, type Json } from '@drydock/kit';
import { readFinished } from '../backup.ts';
import { type Listed, listBackups, type Mark } from '../catalogue.ts';
import type { Manifest } from '../manifest.ts';
import { mebibytes } from '../pace.ts';
import { openStores } from '../store/open.ts';
import type { Store } from '../store/types.ts';

/** So many manifests are opened: the rest is told from the listing alone. */
const OPENED = 20;

export const listTask = defineReadTask({
  name: 'backup:list',
  summary: 'Lists the finished backups of an environment, newest first, in every store.',
  description: `Of the newest ${OPENED} the manifest is read as well; the others are told from the store's listing.`,
  examples: ['npm run backup:list -- --env production', 'npm run backup:list -- --env production --limit 500 --json'],
  flags: { limit: flag.integer({ about: 'show at most this many (default 30)', min: 1 }) },
  async run({ config, environment, env, out, flags: { limit = 30 } }) {
    const stores = await Promise.all(
      openStores(config, environment).map(async (store) => {
        const listed = await listBackups(store, env);
        const finished = listed.filter((backup) => backup.finished);
        return {
          store,
          finished,
          unfinished: listed.length - finished.length,
          shown: await open(store, env, finished.slice(0, limit)),
        };
      }),
    );
    for (const { store, shown, finished, unfinished } of stores) {
      out.line(`${store.label}${unfinished > 0 ? `  (${unfinished} unfinished)` : ''}`);
      if (shown.length > 0) out.table(['id', 'size', 'took', 'rows', 'migration', ''], shown.map(row));
      if (finished.length > shown.length)
        out.line(`and ${finished.length - shown.length} more: --limit ${finished.length}`);
    }
    const most = Math.max(...stores.map(({ finished }) => finished.length));
    return {
      verdict: most === 0 ? `${env} has no backup.` : `${most} ${most === 1 ? 'backup' : 'backups'} of ${env}.`,
      data: {
        stores: stores.map(({ store, shown, finished, unfinished }) => ({
          store: store.label,
          count: finished.length,
          unfinished,
          backups: shown.map(({ listed, manifest }) => ({
            ...listed,
            at: listed.at.toISOString(),
            manifest: manifest ?? null,
          })),
        })),
      } as unknown as Json,
      ...(most === 0 ? { next: `npm run db:backup -- --env ${env}` } : {}),
    };
  },
});

type Shown = { listed: Listed; manifest: Manifest | undefined };

async function open(store: Store, env: string, listed: Listed[]): Promise<Shown[]> {
  return Promise.all(
    listed.map(async (backup, at) => ({
      listed: backup,
      manifest: at < OPENED ? await readFinished(store, env, backup.id) : undefined,
    })),
  );
}

function row({ listed: { id, bytes, marks }, manifest }: Shown): string[] {
  const rows = manifest?.tables?.reduce((all, table) => all + table.rows, 0);
  return [
    id,
    mebibytes(bytes),
    manifest ? `${(manifest.durationMs / 1_000).toFixed(1)} s` : '',
    rows === undefined ? '' : rows.toLocaleString('en'),
    manifest?.migrationHead ?? '',
    marks.map(describe).join(', '),
  ];
}

function describe(mark: Mark): string {
  if (mark.kind === 'hold') return 'held';
  return mark.kind === 'drill' ? `drilled ${mark.at.slice(0, 8)}` : `locked until ${mark.until.slice(0, 8)}`;
}
