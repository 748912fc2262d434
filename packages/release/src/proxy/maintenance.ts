import { existsSync } from 'node:fs';
import { OpsError, proxyFilesOf, writeDurably } from '@drydock/kit';
import type { Maintenance } from '../driver/types.ts';
import { type Haproxy, notSetUp } from './haproxy.ts';

/** Undefined while the product is there for people. */
export async function readMaintenance(proxy: Haproxy): Promise<(Maintenance & { since: string }) | undefined> {
  const held = await mapOf(proxy);
  const since = held.get('on');
  if (since === undefined) return undefined;
  return {
    since,
    reason: Buffer.from(held.get('reason') ?? '', 'base64').toString(),
    retryAfterSeconds: Number(held.get('retry-after')),
  };
}

/** Kept before it is done: a proxy that starts again is as it was. Every request after the return meets it. */
export async function writeMaintenance(proxy: Haproxy, on: Maintenance | undefined): Promise<void> {
  await proxy.refuseAnother();
  const held = await mapOf(proxy);
  const encoded = (text: string) => Buffer.from(text).toString('base64');
  const entries: Record<string, string | undefined> = {
    'retry-after': on && String(on.retryAfterSeconds),
    reason: on && encoded(on.reason),
    shown: on && encoded(asHtml(on.reason)),
    on: on && (held.get('on') ?? new Date().toISOString()),
  };
  const kept = Object.entries({ ...Object.fromEntries(held), ...entries }).filter(([, value]) => value !== undefined);
  const before = textOf([...held]);
  keep(proxy, textOf(kept as [string, string][]));
  try {
    await proxy.setMap(proxyFilesOf(proxy).map, entries);
  } catch (error) {
    keep(proxy, before);
    throw error;
  }
}

async function mapOf(proxy: Haproxy): Promise<Map<string, string>> {
  const { map } = proxyFilesOf(proxy);
  const held = await proxy.map(map);
  if (held && existsSync(map)) return held;
  throw notSetUp(`HAProxy at ${proxy.socket} does not go by ${map}: it knows no maintenance.`);
}

function textOf(entries: [string, string][]): string {
  return entries.map(([key, value]) => `${key} ${value}\n`).join('');
}

function keep(proxy: Haproxy, text: string): void {
  const { map } = proxyFilesOf(proxy);
  try {
    writeDurably(map, text, 0o644);
  } catch (cause) {
    throw new OpsError({
      code: 'PROXY_STATE_NOT_WRITABLE',
      message: `${map} cannot be written (${(cause as NodeJS.ErrnoException).code}): a proxy that starts again would not know whether it is maintenance.`,
      hint: 'Make it writable for you, or free disk space.',
      cause,
    });
  }
}

function asHtml(text: string): string {
  const signs: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (sign) => signs[sign] ?? sign);
}
