import { z } from 'zod';
import type { Services } from './services.ts';

const KEY = 'maintenance';
/** How long an instance may go on with what it last read. */
const FRESH_MS = 500;

export const maintenanceInput = z.object({
  on: z.boolean(),
  retryAfterSeconds: z.number().int().min(1).max(86_400).default(60),
  reason: z.string().max(500).default(''),
});
export type Maintenance = z.output<typeof maintenanceInput>;

export const OFF: Maintenance = { on: false, retryAfterSeconds: 60, reason: '' };

/** The switch lies in the database, so that every instance obeys it within half a second. */
export function createMaintenance({ db }: Pick<Services, 'db'>) {
  let known: Maintenance = OFF;
  let readAt = 0;
  return {
    async read(): Promise<Maintenance> {
      if (Date.now() - readAt < FRESH_MS) return known;
      readAt = Date.now();
      // With the database away there is worse to say than maintenance.
      const row = await db.setting.findUnique({ where: { key: KEY } }).catch(() => null);
      const parsed = maintenanceInput.safeParse(row?.value);
      known = parsed.success ? parsed.data : OFF;
      return known;
    },
    async set(value: Maintenance): Promise<void> {
      await db.setting.upsert({ where: { key: KEY }, create: { key: KEY, value }, update: { value } });
      readAt = 0;
    },
  };
}
