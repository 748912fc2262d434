import {
  command,
  copySource,
  databaseOf,
  EXIT,
  environmentSettings,
  hint,
  OpsError,
  type Secret,
  type TaskContext,
  temporaryFolder,
  usageError,
  withDatabase,
} from '@drydock/kit';
import type { Client } from 'pg';
import { requireIdentity } from '../crypt/identity.ts';
import type { Note } from '../trust.ts';
import { foreseeRefused } from './beyond.ts';
import { exists, named, onServer, refuseNoDatabase, taken } from './databases.ts';
import { refuseOwners } from './foreseen.ts';
import { describeHeld, readHeld } from './held.ts';
import { refuseInTheWay } from './in-the-way.ts';
import { foreseeLeftOut } from './left-out.ts';
import { type BackupSource, type Found, openSource } from './source.ts';

/** Journalled: a resumed run restores what it began with, to where it began. */
export type RestorePlan = {
  /** `production/20261124T020000Z-…`, or a path. */
  from: string;
  label: string;
  /** SHA-256 of its manifest: what was looked at is what is restored. Null for a bare dump. */
  digest: string | null;
  /** Why it was let in, and what speaks against it, where nobody stands for it. */
  trusted: { reason: string; why: string } | null;
  /** What was passed over on the way to it. */
  notes: Note[];
  /** The database that is made. Its name has the run's in it: whatever an attempt before left of it is ours. */
  fresh: string;
  /** The name that it gets once it is proved, and that of what has the name until then (in place). */
  name: string;
  before: string | null;
  table: string | null;
  /** With its keys and indexes. Plans of before have none, as of what follows. */
  keys?: boolean;
  /** What may be missing, as it was named. */
  accept?: string[];
  /** What an operator should know of it before it begins. */
  told?: string[];
  anonymise: string | null;
  noOwner: boolean;
  /** Go on without what the role may not put on the database itself. */
  skipRefused: boolean;
  jobs: number;
  /** What it will not show of what was backed up; see left-out.ts. */
  leftOut: string[];
};

export interface RestoreWish {
  from: string | undefined;
  to: string | undefined;
  inPlace: boolean;
  table: string | undefined;
  keys: boolean;
  accept: string[];
  anonymise: string | undefined;
  foreign: boolean;
  /** Reason for opening what nobody stands for. */
  trust: string | undefined;
  noOwner: boolean;
  skipRefused: boolean;
  jobs: number | undefined;
}

const JOBS = 2;

/** Where to, and what does not go together. */
export function refuseWish({ env }: Pick<TaskContext, 'env'>, wish: RestoreWish): void {
  if ((wish.to === undefined) === !wish.inPlace)
    throw usageError('USAGE', 'Say where to: either --to NEWDB or --in-place.', command('db:restore', { help: true }));
  if (wish.table && wish.inPlace)
    throw usageError(
      'USAGE',
      'One table is restored into another database, from where its rows can be taken.',
      command('db:restore', { env, from: 'latest', to: 'NEWDB', table: wish.table }),
    );
  if (wish.keys && !wish.table)
    throw usageError(
      'USAGE',
      '--keys belongs to --table: of all tables they come anyway.',
      command('db:restore', { help: true }),
    );
}

export async function planRestore(ctx: TaskContext, url: Secret, wish: RestoreWish): Promise<RestorePlan> {
  await requireIdentity(ctx.config, ctx.environment);
  temporaryFolder();
  const { source, from, findings, trusted } = await chooseSource(ctx, wish);
  const name = wish.to ?? databaseOf(url);
  refuseForeign(ctx, source, wish);
  if (wish.inPlace) refuseElsewhere(ctx, source, { ...wish, name });
  const { leftOut, told } = await onServer(url, async (client) => {
    if (wish.to && (await exists(client, wish.to))) throw taken(wish.to);
    if (wish.inPlace) await refuseNotOurs(client, name);
    if (wish.inPlace) await refuseInTheWay(client, name, ctx.signal);
    await refuseStandby(client);
    if (source.manifest) await refuseUnfit(client, source, wish);
    if (!wish.noOwner && !wish.table) await refuseOwners(client, source.manifest?.owners ?? [], source.label);
    await refuseNoDatabase(client, ctx, named(name, 'restore', ctx.run));
    const held = wish.inPlace ? describeHeld(await readHeld(client, name)) : [];
    const told = [...held, ...(await foreseeRefused(client, url, source.manifest, { ...wish, name }))];
    if (wish.table) return { leftOut: [], told };
    const copies = copySource(ctx.config, ctx.environment);
    const options = { noOwner: wish.noOwner, beside: !wish.inPlace, copies };
    return { leftOut: await foreseeLeftOut(client, source.manifest, options), told };
  });
  return {
    from,
    label: source.label,
    digest: source.digest ?? null,
    trusted: trusted === undefined ? null : { reason: wish.trust ?? '', why: trusted },
    notes: findings,
    fresh: named(name, 'restore', ctx.run),
    name,
    before: wish.inPlace ? named(name, 'before', ctx.run) : null,
    table: wish.table ?? null,
    keys: wish.keys,
    accept: wish.accept,
    told,
    anonymise: wish.anonymise ?? null,
    noOwner: wish.noOwner,
    skipRefused: wish.skipRefused,
    jobs: wish.jobs ?? JOBS,
    leftOut,
  };
}

/** `latest`, an id, `production/latest`, or a path. What is returned names one backup for good. */
async function chooseSource(
  ctx: TaskContext,
  { from = 'latest', trust }: RestoreWish,
): Promise<Found & { from: string }> {
  const found = await openSource(ctx, from, trust);
  const { manifest, label } = found.source;
  return { ...found, from: label === from || !manifest ? from : `${manifest.env}/${manifest.id}` };
}

/** The one that the plan is about, to the letter of its manifest, whatever lies there by now. */
export async function openPlanned(
  ctx: Pick<TaskContext, 'config' | 'env' | 'environmentOf'>,
  { from, digest, trusted }: Pick<RestorePlan, 'from' | 'digest' | 'trusted'>,
): Promise<BackupSource> {
  const { source } = await openSource(ctx, from, trusted?.reason);
  if ((source.digest ?? null) === digest) return source;
  throw new OpsError({
    code: 'BACKUP_CHANGED',
    message: `The manifest of ${source.label} is another one than when this run was planned.`,
    hint: hint`Find out who writes to the store: ${command('backup:verify', { env: ctx.env, all: true })}`,
    exit: EXIT.refused,
  });
}

/** People's data stay where they are, unless somebody says otherwise in so many words. */
function refuseForeign(ctx: TaskContext, { manifest, label }: BackupSource, wish: RestoreWish): void {
  const foreign = manifest && (manifest.env !== ctx.env || manifest.product !== ctx.config.product);
  if (!foreign || wish.foreign || wish.anonymise) return;
  throw new OpsError({
    code: 'FOREIGN_BACKUP',
    message: `${label} is of ${manifest.product} ${manifest.env}, not of ${ctx.config.product} ${ctx.env}.`,
    hint: 'Give a script that makes its people unrecognisable (--anonymise FILE.sql), or say that it is meant: --foreign',
    exit: EXIT.refused,
  });
}

/**
 * In place means: instead of what is there. A backup of something else than what is there is a mistake unless it is said,
 * with the reason; making people unrecognisable is no reason to put staging in the place of production.
 */
function refuseElsewhere(
  ctx: TaskContext,
  { manifest, label }: BackupSource,
  { name, foreign, anonymise }: RestoreWish & { name: string },
): void {
  if (!manifest) return;
  const { env, product, database } = manifest;
  const guarded = environmentSettings(ctx.config, ctx.env).guard === 'confirm';
  const elsewhere = product !== ctx.config.product || (env !== ctx.env ? guarded || !anonymise : database !== name);
  if (!elsewhere || (foreign && ctx.reason)) return;
  throw new OpsError({
    code: 'FOREIGN_BACKUP',
    message: `${label} is of the database ${database} of ${product} ${env}, and would be put in the place of ${name} of ${ctx.config.product} ${ctx.env}.`,
    hint: hint`Restore it beside: ${command('db:restore', { env: ctx.env, from: ctx.flags.from as string, to: 'NEWDB' })}   If it is meant, say why: --foreign --reason TEXT`,
    exit: EXIT.refused,
  });
}

/** Of one table it is seen in the archive what it needs. */
async function refuseUnfit(
  client: Client,
  { manifest, label }: BackupSource,
  { noOwner, table }: Pick<RestoreWish, 'noOwner' | 'table'>,
): Promise<void> {
  const { rows: extensions } = await client.query<{ name: string }>(
    'SELECT name FROM unnest($1::text[]) AS name WHERE name NOT IN (SELECT name FROM pg_available_extensions)',
    [table ? [] : (manifest?.extensions ?? [])],
  );
  if (extensions[0])
    throw new OpsError({
      code: 'EXTENSION_MISSING',
      message: `This server does not have the extension ${extensions[0].name}, which ${label} needs.`,
      hint: 'Install it on the server (on Debian: apt-get install postgresql-VERSION-NAME), then run it again.',
    });
  const { rows: roles } = await client.query<{ name: string }>(
    'SELECT name FROM unnest($1::text[]) AS name WHERE name NOT IN (SELECT rolname FROM pg_roles)',
    [noOwner ? [] : (manifest?.roles ?? [])],
  );
  if (roles[0])
    throw new OpsError({
      code: 'ROLE_MISSING',
      message: `This server does not have the role ${roles.map(({ name }) => name).join(', ')}, to which objects of ${label} belong.`,
      hint: 'Make them (globals.sql.zst.age in the backup shows how), or restore for yourself alone: --no-owner',
    });
}

/** It takes no database but those of its primary. */
async function refuseStandby(client: Client): Promise<void> {
  const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
  if (rows[0]?.standby)
    throw new OpsError({
      code: 'DATABASE_READ_ONLY',
      message: 'The server is a standby: no database can be made there. Nothing was changed.',
      hint: 'Restore on the primary, or on any other server.',
    });
}

/** PostgreSQL renames a database for its owner: said now, not after the hours of restoring. */
async function refuseNotOurs(client: Client, name: string): Promise<void> {
  const { rows } = await client.query<{ owner: string; ours: boolean }>(
    `SELECT pg_get_userbyid(datdba) AS owner, pg_has_role(datdba, 'USAGE') AS ours FROM pg_database WHERE datname = $1`,
    [name],
  );
  if (!rows[0] || rows[0].ours) return;
  throw new OpsError({
    code: 'NOT_OWNER',
    message: `${name} belongs to ${rows[0].owner}, whose rights this role does not have: it could not be renamed.`,
    hint: `Grant them (GRANT ${rows[0].owner} TO the operator's role), or restore beside it: --to NEWDB --no-owner`,
  });
}

/** The URL of the database that is made. */
export function freshUrl(url: Secret, { fresh }: RestorePlan): Secret {
  return withDatabase(url, fresh);
}
