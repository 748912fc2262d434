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

/** The switch lies in the database, so that every instance obeys it within half a second, and a restart keeps it. */
export function createMaintenance({ db }: Pick<Services, 'db'>) {
  let known: Maintenance = OFF;
  let readAt = 0;
  return {
    async read(): Promise<Maintenance> {
      if (Date.now() - readAt < FRESH_MS) return known;
      readAt = Date.now();
      // While the database is away what was last known holds: a restore happens in maintenance, and must not end it.
      const row = await db.switch.findUnique({ where: { key: KEY } }).catch(() => undefined);
      if (row === undefined) return known;
      const parsed = maintenanceInput.safeParse(row?.value);
      known = parsed.success ? parsed.data : OFF;
      return known;
    },
    async set(value: Maintenance): Promise<void> {
      await db.switch.upsert({ where: { key: KEY }, create: { key: KEY, value }, update: { value } });
      readAt = 0;
    },
  };
}
