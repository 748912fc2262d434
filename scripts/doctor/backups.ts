import { command, counted, findTool, hint, OpsError } from '@drydock/kit';
import type { Patient, Probe } from './probe.ts';

/** Keys and stores; nothing of it where the product has no backups. */
export async function backupProbes({ config, environment }: Patient): Promise<Probe[]> {
  const { backupsSection, backupTarget, makesBackups, openStores, requireIdentity } = await import('@drydock/backups');
  if (!makesBackups(config, environment)) return [];
  return [
    {
      what: 'keys of backups',
      async ask() {
        const { recipients, signer } = backupTarget({ config, environment, actor: '', reason: undefined });
        if (!findTool('pg_dump'))
          throw new OpsError({
            code: 'TOOL_MISSING',
            message: 'pg_dump is not on this machine.',
            hint: command('doctor'),
          });
        return `${counted(recipients.length, 'recipient')}, ${signer ? 'signed' : 'not signed'}`;
      },
    },
    {
      what: 'store of backups',
      next: hint`${command('env:check')} shows where its address comes from.`,
      async ask() {
        const stores = openStores(config, environment);
        const kept = await Promise.all(
          stores.map(async (store) => `${store.label} (${(await store.list(`${environment.name}/`)).length} objects)`),
        );
        return kept.join(', ');
      },
    },
    {
      what: 'key that opens backups',
      async ask() {
        if (!environment.has(backupsSection.of(config).identity)) return [];
        await requireIdentity(config, environment);
        return 'is one of age';
      },
    },
  ];
}
