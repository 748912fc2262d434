import { startProduct, startWorld } from '../packages/marketplace/test/world.ts';

/** The product on throw-away services; with BASE_URL set, whatever runs there. Returns what ends it all. */
export default async function setup(): Promise<() => Promise<void>> {
  if (process.env.BASE_URL) return async () => {};
  const world = await startWorld();
  const product = await startProduct(world.env);
  process.env.BASE_URL = product.url;
  // What an operator of it knows: the report looks behind the pages.
  process.env.PRODUCT_ENV = JSON.stringify(world.env);
  return async () => {
    await product.stop();
    await world.stop();
  };
}
