import type { Secret } from './secret.ts';

/**
 * The header of a bearer token. Of a list (`new,old`, while one takes the other's place) the first is sent: no token has a comma in
 * it (RFC 6750, 2.1), and whoever checks them takes all.
 */
export function bearer(token: Secret): string {
  const [first = ''] = token.reveal().split(',');
  return `Bearer ${first.trim()}`;
}
