// A process of a product: a pool of node-postgres, and queries at a fixed rate, whatever their answers take. Ends as a product does: what is begun is finished.
import pg from 'pg';

const EVERY_MS = 10;
const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: 5,
  // As pools do, it connects anew now and then: with the login that it was started with.
  maxLifetimeSeconds: 2,
  application_name: 'shop',
});
pool.on('error', () => {});
const counts = { done: 0, failed: 0, errors: {} as Record<string, number> };
const running = new Set<Promise<void>>();

async function query(): Promise<void> {
  try {
    await pool.query(
      counts.done % 2 === 0 ? 'INSERT INTO things VALUES (1)' : 'SELECT count(*) FROM (SELECT FROM things LIMIT 10) t',
    );
    counts.done++;
  } catch (error) {
    counts.failed++;
    const { code, message } = error as { code?: string; message: string };
    counts.errors[code ?? message] = (counts.errors[code ?? message] ?? 0) + 1;
  }
}

function begin(): void {
  const one = query().finally(() => running.delete(one));
  running.add(one);
}

await query();
process.send?.({ ready: counts.failed === 0 });
let due = performance.now();
const timer = setInterval(() => {
  for (; due <= performance.now(); due += EVERY_MS) begin();
}, EVERY_MS);
async function end(): Promise<void> {
  clearInterval(timer);
  await Promise.all(running);
  await pool.end();
  process.send?.(counts, () => process.disconnect());
}
process.once('SIGTERM', () => void end());
process.on('message', () => process.send?.(counts));
