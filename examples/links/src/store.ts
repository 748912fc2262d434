import { PrismaPg } from '@prisma/adapter-pg';
import { Redis } from 'ioredis';
import { PrismaClient } from './generated/prisma/client.ts';
import { makeSlug } from './slug.ts';

const { DATABASE_URL, REDIS_URL = '' } = process.env;
const db = new PrismaClient({ adapter: new PrismaPg({ connectionString: DATABASE_URL }) });
const redis = new Redis(REDIS_URL);
const FOR_SECONDS = 300;

export function shorten(target: string) {
  return db.link.create({ data: { slug: makeSlug(), target } });
}

/** Where a link leads, out of the cache where it is there; the click counts. */
export async function follow(slug: string): Promise<string | undefined> {
  const cached = await redis.get(`link:${slug}`);
  const target = cached ?? (await db.link.findUnique({ where: { slug } }))?.target;
  if (target === undefined) return undefined;
  if (cached === null) await redis.set(`link:${slug}`, target, 'EX', FOR_SECONDS);
  await db.link.update({ where: { slug }, data: { clicks: { increment: 1 } } });
  return target;
}

/** Throws where the product cannot do its work. */
export async function ping(): Promise<void> {
  await Promise.all([db.link.count(), redis.ping()]);
}

export async function close(): Promise<void> {
  redis.disconnect();
  await db.$disconnect();
}
