import { gunzipSync } from 'node:zlib';
import type { FastifyRequest } from 'fastify';
import type { SinkToken } from './world.ts';

/** Clients compress as they please, and not all say so. */
export function textOf(body: unknown): string {
  if (!Buffer.isBuffer(body)) return '';
  const gzipped = body[0] === 0x1f && body[1] === 0x8b;
  return (gzipped ? gunzipSync(body) : body).toString('utf8');
}

/** A body, of which nothing is believed; none is an empty object. */
export function jsonOf(body: unknown): unknown {
  const text = textOf(body);
  return text === '' ? {} : JSON.parse(text);
}

/** The bearer token: one that is known, `unknown`, or none. */
export function bearerOf(request: FastifyRequest, tokens: readonly SinkToken[]): SinkToken | 'unknown' | undefined {
  const given = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given === undefined) return undefined;
  return tokens.find(({ token }) => token === given) ?? 'unknown';
}
