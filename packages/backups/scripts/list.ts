#!/usr/bin/env node
import { command, defineReadTask, type Finding, flag, type Json, main } from '@drydock/kit';
import type { Listed, Mark } from '../src/catalogue.ts';
import { notes } from '../src/notes.ts';
import { shownBytes } from '../src/pace.ts';
import { isAhead, listOwn, type Opened, openAll, type Shelf } from '../src/reader.ts';
import { openStores } from '../src/store/open.ts';
import type { Store } from '../src/store/types.ts';
import { type Pinned, signersOf } from '../src/trust.ts';

/** So many manifests are opened: the rest is told from the listing alone. */
const OPENED = 20;

const task = defineReadTask({
  name: 'backup:list',
  summary: 'Lists the finished backups of an environment, newest first, in every store.',
  description:
    `Of the newest ${OPENED} the manifest is read as well; the others are told from the store's listing. Those of another product in\n` +
    'the same store are left out.',
  examples: ['npm run backup:list -- --env production', 'npm run backup:list -- --env production --limit 500 --json'],
  flags: { limit: flag.integer({ about: 'show at most this many (default 30)', min: 1 }) },
  async run({ config, environment, env, out, flags: { limit = 30 } }) {
    const shelf = { env, product: config.product };
    const [now, pinned] = [new Date(), signersOf(config, environment)];
    const stores = await Promise.all(
      openStores(config, environment).map(async (store) => {
        const listed = await listOwn(store, shelf);
        const finished = listed.filter((backup) => backup.finished);
        return {
          store,
          finished,
          unfinished: listed.length - finished.length,
          shown: await open(store, shelf, finished.slice(0, limit)),
        };
      }),
    );
    for (const { store, shown, finished, unfinished } of stores) {
      out.line(`${store.label}${unfinished > 0 ? `  (${unfinished} unfinished)` : ''}`);
      if (shown.length > 0)
        out.table(
          ['id', 'size', 'took', 'rows', 'migration', ''],
          shown.map((one) => row(one, pinned, now)),
        );
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
          backups: shown.map(({ opened, ...listed }) => ({
            ...listed,
            at: listed.at.toISOString(),
            state: isAhead(listed, now) ? 'ahead' : (opened?.state ?? null),
            signer: signerOf(opened, pinned) ?? null,
            manifest: opened?.state === 'good' ? opened.manifest : null,
          })),
        })),
      } as unknown as Json,
      findings: stores.flatMap(({ store, shown }) => shown.flatMap((one) => findingsOf(one, store, shelf, now))),
      ...(most === 0 ? { mark: 'warning', next: command('db:backup', { env }) } : {}),
    };
  },
});

type Shown = Listed & { opened: Opened | undefined };

async function open(store: Store, shelf: Shelf, listed: Listed[]): Promise<Shown[]> {
  const opened = await openAll(store, shelf, listed.slice(0, OPENED));
  const ours = opened.filter(({ opened: { state } }) => state !== 'foreign');
  return [...ours, ...listed.slice(OPENED).map((one) => ({ ...one, opened: undefined }))];
}

function row(shown: Shown, pinned: Pinned[], now: Date): string[] {
  const { id, bytes, marks, opened } = shown;
  const manifest = opened?.state === 'good' ? opened.manifest : undefined;
  const rows = manifest?.tables?.reduce((all, table) => all + table.rows, 0);
  const state = opened && opened.state !== 'good' ? [opened.state] : [];
  const signed = manifest ? [signerOf(opened, pinned) ?? 'signed by nobody we know'] : [];
  return [
    id,
    shownBytes(bytes),
    manifest ? `${(manifest.durationMs / 1_000).toFixed(1)} s` : '',
    rows === undefined ? '' : rows.toLocaleString('en'),
    manifest?.migrationHead ?? '',
    [...state, ...(isAhead(shown, now) ? ['dated later than now'] : []), ...signed, ...marks.map(describe)].join(', '),
  ];
}

function signerOf(opened: Opened | undefined, pinned: Pinned[]): string | undefined {
  if (opened?.state !== 'good' || opened.signedBy === undefined) return undefined;
  const signer = pinned.find(({ key }) => key === opened.signedBy);
  return signer && `signed by ${signer.name}`;
}

function findingsOf(shown: Shown, store: Store, { env }: Shelf, now: Date): Finding[] {
  const label = `${shown.id} in ${store.label}`;
  const ahead = isAhead(shown, now) ? [notes.ahead(shown.id)] : [];
  return [...ahead, ...(shown.opened ? notes.broken(label, shown.opened, env) : [])];
}

function describe(mark: Mark): string {
  if (mark.kind === 'hold') return 'held';
  return mark.kind === 'drill' ? `drilled ${mark.at.slice(0, 8)}` : `locked until ${mark.until.slice(0, 8)}`;
}

export default task;
await main(task, import.meta);
