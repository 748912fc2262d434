import type { TaskContext } from '@drydock/kit';
import type { Doors } from '@drydock/secrets';

/** What rotations need of other features. Each is opened when a rotation needs it. */
export function doorsOf({
  config,
  environment,
  out,
  signal,
}: Pick<TaskContext, 'config' | 'environment' | 'out' | 'signal'>): Doors {
  const detail = (text: string) => out.line(`    ${text}`);
  return {
    async chain({ contracts }) {
      const { openRights } = await import('@drydock/escrow/rights');
      return openRights({ config, environment, out, signal, detail, contracts });
    },
  };
}
