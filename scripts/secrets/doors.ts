import type { TaskContext } from '@drydock/kit';
import type { Doors } from '@drydock/secrets';

type Context = Pick<
  TaskContext,
  'config' | 'env' | 'environment' | 'out' | 'signal' | 'actor' | 'reason' | 'run' | 'task'
>;

/** What rotations need of other features. Each is opened when a rotation needs it. */
export function doorsOf(ctx: Context): Doors {
  const { config, environment, out, signal } = ctx;
  const detail = (text: string) => out.line(`    ${text}`);
  return {
    async chain({ contracts }) {
      const { openRights } = await import('@drydock/escrow/rights');
      return openRights({ config, environment, out, signal, detail, contracts });
    },
    async backups() {
      const { backupsDoor } = await import('@drydock/backups');
      return backupsDoor(ctx);
    },
    async signing() {
      const { signingDoor } = await import('@drydock/backups');
      return signingDoor(ctx);
    },
  };
}
