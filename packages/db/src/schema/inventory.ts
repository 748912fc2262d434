import type { Secret } from '@drydock/kit';
import { type Inventory, readInventory } from '@drydock/kit/inventory';
import { looking } from '../sessions/looking.ts';

/** Opens a connection for it. */
export async function inventoryOf(url: Secret): Promise<Inventory> {
  return looking(url, 'drydock inventory', async (client) => {
    return await readInventory(client);
  });
}
