// What the report shows of other features: each is asked here, since features do not know each other.
import type { Readers } from '@drydock/health/report';
import { chainSection, command, exec, typed } from '@drydock/kit';
import { taskFile } from '@drydock/kit/cli';

export const readers: Readers = {
  async migrations(config, environment) {
    const { readState, targetOf } = await import('@drydock/db');
    const { pending, failed, edited, missing, partly, doubled } = await readState(targetOf(config, environment));
    const unsound = [...[...failed, ...partly].map(({ name }) => name), ...edited, ...missing, ...doubled];
    return { pending, unsound };
  },
  async backups(config, environment) {
    const { makesBackups, readBackupStatus } = await import('@drydock/backups');
    if (!makesBackups(config, environment)) return undefined;
    const { statuses, findings } = await readBackupStatus(config, environment, new Date());
    const stores = statuses.map(({ store, newest, lastDrill }) => ({ store, newest, lastDrill }));
    return { stores, overdue: findings.map(({ message }) => message) };
  },
  async secrets(config, environment) {
    if (config.written.secrets === undefined) return undefined;
    const { secretAges } = await import('@drydock/secrets');
    const { secrets, unrotated } = await secretAges(config, environment);
    return {
      secrets: secrets.map(({ name, since, due, overdue }) => ({ name, since, due, overdue })),
      unrotated: unrotated.map(({ variable }) => variable),
    };
  },
  async escrow(config, environment, signal) {
    if (!chainSection.of(config)) return undefined;
    // A process of its own: its heap is kept small for hundreds of thousands of jobs.
    const args = [taskFile('escrow:reconcile'), '--json', '--env', environment.name, '--config', config.file];
    const { stdout, stderr } = await exec(process.execPath, args, { signal, okCodes: [0, 1, 2, 3] });
    if (!stdout.trim()) throw new Error(`escrow:reconcile did not answer (${stderr.trim().split('\n').at(-1)}).`);
    const { ok, findings, error } = JSON.parse(stdout);
    if (error) throw new Error(error.message);
    if (ok) return { differ: 0, verdict: 'Every job is as the chain has it.' };
    const errors = findings.filter(({ level }: { level: string }) => level === 'error').length;
    const differ = Math.max(1, errors);
    return {
      differ,
      verdict: `${differ} ${differ === 1 ? 'job differs' : 'jobs differ'} from the chain: ${typed(command('escrow:reconcile', { env: environment.name }))}`,
    };
  },
};
