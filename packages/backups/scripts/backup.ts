#!/usr/bin/env node
import {
  command,
  defineChangeTask,
  type Finding,
  flag,
  hint,
  type Json,
  main,
  oldPgDump,
  temporaryFolder,
  withPostgres,
} from '@drydock/kit';
import { backupStep } from '../src/backup.ts';
import { backupsSection } from '../src/config/backups.ts';
import { shownBytes } from '../src/pace.ts';
import { backupTarget } from '../src/target.ts';
import { nobodyPinned } from '../src/trust.ts';

const task = defineChangeTask({
  name: 'db:backup',
  summary: 'Backs up the database: one snapshot, compressed and encrypted while it streams.',
  description:
    'The host needs public keys only. The artefact opens with stock tools:\n' +
    '  age -d -i key.txt database.dump.zst.age | zstd -d | pg_restore -d NEWDB\n' +
    'Rows and a checksum of every table are taken from the dump as it passes, and kept in the manifest: a restore and a drill compare with\n' +
    'them. The database is read once.',
  examples: [
    'npm run db:backup -- --env staging',
    'npm run db:backup -- --env production --yes --confirm production --reason "before the hotfix"',
  ],
  flags: {
    checksums: flag.choice(['on', 'off'], {
      about: 'count and sum every table, in the dump as it passes',
      fallback: 'on',
    }),
  },
  lock: 'environment',
  onlyReads: true,
  plan: async (ctx) => {
    temporaryFolder();
    const { env, stores, signer, url } = backupTarget(ctx);
    const old = await withPostgres(url, 'drydock db:backup', oldPgDump);
    if (old) throw old;
    return { env, stores: stores.map(({ label }) => label), signed: signer !== undefined };
  },
  describe: ({ env, stores, signed }) => [
    `back up ${env} into ${stores.join(' and ')}${signed ? '' : ', signed by nobody'}`,
  ],
  steps: (ctx) => {
    const backup = backupStep(backupTarget(ctx, ctx.flags.checksums === 'on'));
    return { nodes: [backup], backup };
  },
  outcome: ({ env, config, flags }, { signed }, results, { backup }) => {
    const manifest = results.of(backup);
    const { id } = manifest;
    const stored = manifest.objects.reduce((all, { bytes }) => all + bytes, 0);
    const perSecond = Math.round(manifest.plain.bytes / (manifest.durationMs / 1_000));
    return {
      verdict: `${env} is backed up as ${id}: ${shownBytes(manifest.plain.bytes)} in ${shownBytes(stored)}, ${shownBytes(perSecond)}/s.`,
      data: { ...manifest, storedBytes: stored, bytesPerSecond: perSecond } as unknown as Json,
      findings: [
        ...(signed && backupsSection.of(config).signers.length > 0 ? [] : [unsigned(signed, env)]),
        ...(flags.checksums === 'on' && manifest.tables === null ? [notSummed(manifest.dumpVersion)] : []),
      ],
      next: command('backup:verify', { env, id }),
    };
  },
});

function notSummed(version: string): Finding {
  return {
    level: 'warn',
    code: 'NOT_SUMMED',
    message: `pg_dump ${version} writes archives that are not known here: the rows were neither counted nor summed, and no drill can prove them.`,
    hint: 'Install the client of PostgreSQL 12 to 18, or name one: PG_DUMP_PATH',
  };
}

function unsigned(signed: boolean, env: string): Finding {
  if (signed) return nobodyPinned(env);
  return {
    level: 'warn',
    code: 'UNSIGNED',
    message: 'Nobody signed it: whoever can write to the store can put another in its place.',
    hint: hint`Make a signing key, put it on this host, and name it in drydock.config.ts: ${command('backup:keygen')}`,
  };
}

export default task;
await main(task, import.meta);
