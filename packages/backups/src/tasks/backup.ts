import { defineChangeTask, flag, type Json } from '@drydock/kit';
import { backupStep } from '../backup.ts';
import type { Manifest } from '../manifest.ts';
import { newBackupId } from '../names.ts';
import { mebibytes } from '../pace.ts';
import { backupTarget } from '../target.ts';

export const backupTask = defineChangeTask({
  name: 'db:backup',
  summary: 'Backs up the database: one snapshot, compressed and encrypted while it streams.',
  description:
    'The host needs public keys only. The artefact opens with stock tools:\n' +
    '  age -d -i key.txt database.dump.zst.age | zstd -d | pg_restore -d NEWDB\n' +
    'Rows and a checksum of every table, of the same snapshot, are kept in the manifest: a restore and a drill compare with them.',
  examples: [
    'npm run db:backup -- --env staging',
    'npm run db:backup -- --env production --yes --confirm production --reason "before the hotfix"',
  ],
  flags: { checksums: flag.choice(['on', 'off'], { about: 'count and sum every table', fallback: 'on' }) },
  lock: 'environment',
  plan: async (ctx) => {
    backupTarget(ctx);
    return { id: newBackupId() };
  },
  describe: ({ id }) => [`backup ${id}`],
  steps: (ctx, { id }) => [backupStep(backupTarget(ctx, ctx.flags.checksums === 'on'), id)],
  outcome: ({ env }, { id }, results) => {
    const manifest = results.get<Manifest>('backup');
    const stored = manifest.objects.reduce((all, { bytes }) => all + bytes, 0);
    const perSecond = Math.round(manifest.plain.bytes / (manifest.durationMs / 1_000));
    return {
      verdict: `${env} is backed up as ${id}: ${mebibytes(manifest.plain.bytes)} in ${mebibytes(stored)}, ${mebibytes(perSecond)}/s.`,
      data: { ...manifest, storedBytes: stored, bytesPerSecond: perSecond } as unknown as Json,
      next: `npm run backup:verify -- --env ${env} ${id}`.replace(` ${id}`, ` --id ${id}`),
    };
  },
});
