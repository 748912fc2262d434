import { defineStep, OpsError, type Step } from '@drydock/kit';
import type { Driver, Maintenance } from './driver/types.ts';

/** Turns maintenance on or off; what was before comes back when a later step fails. */
export function maintenanceStep(
  driver: Driver,
  wanted: Maintenance | undefined,
  before: Maintenance | null,
): Step<null> {
  const isSo = async () => {
    const on = await driver.maintenance();
    return on?.reason === wanted?.reason && on?.retryAfterSeconds === wanted?.retryAfterSeconds;
  };
  return defineStep({
    name: wanted ? 'maintenance on' : 'maintenance off',
    check: async () => ((await isSo()) ? null : undefined),
    async run() {
      await driver.setMaintenance(wanted);
      return null;
    },
    async verify() {
      if (await isSo()) return;
      throw new OpsError({ code: 'MAINTENANCE_NOT_SET', message: 'The proxy does not say so.' });
    },
    undo: () => driver.setMaintenance(before ?? undefined),
  });
}
