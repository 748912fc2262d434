import { usageError } from './errors.ts';

/** Sentry takes monitor names of 50 letters, Kubernetes 52 of a CronJob: this leaves room for what is added. */
const LONGEST = 30;

/** The product's name as units, monitors and stanzas may be called: `My Shop` → `my-shop`. */
export function slugOf(product: string): string {
  const slug = product
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST)
    .replaceAll(/^-+|-+$/g, '');
  if (slug) return slug;
  throw usageError(
    'PRODUCT_UNNAMEABLE',
    `The product's name "${product}" has no letter from a to z and no digit, which names of units need.`,
    'Give it such a name: product in drydock.config.ts',
  );
}
