import { setTimeout as sleep } from 'node:timers/promises';
import { createApp } from './app.ts';
import { startWorker } from './chain/worker.ts';
import { type AppConfig, readConfig } from './config.ts';
import { createServices, type Services } from './services.ts';

/** Starts the product, and ends it without dropping a request: not ready → wait for the proxy to notice → finish → close. */
async function serve(config: AppConfig): Promise<void> {
  let ready = false;
  const services = createServices(config);
  if (config.NODE_ENV !== 'development') await needsRedis(services);
  const app = await createApp(services, () => ready);
  const worker = startWorker(services, (err, task) =>
    app.log.error(
      { err, task: task?.kind, job: task?.jobId },
      task ? 'chain task failed' : 'chain queue cannot be read',
    ),
  );
  await app.listen({ host: config.HOST, port: config.PORT });
  ready = true;

  const stop = async () => {
    if (!ready) process.exit(1);
    ready = false;
    await sleep(config.DRAIN_DELAY_MS);
    await Promise.all([app.close(), worker.stop()]);
    await services.close();
    process.exit(0);
  };
  const stopOrFail = () =>
    void stop().catch((err) => {
      app.log.error({ err }, 'the end was not a clean one');
      process.exit(1);
    });
  process.on('SIGTERM', stopOrFail);
  process.on('SIGINT', stopOrFail);
}

/** A command has a second, which a machine that is busy with our own start may well take. */
const TRIES = 4;

/** Outside development nothing starts on a Redis that is not there: rate limits would be off without anybody noticing. */
async function needsRedis({ redis }: Services): Promise<void> {
  for (let tried = 1; ; tried++)
    try {
      await redis?.ping();
      return;
    } catch (cause) {
      if (tried === TRIES || /WRONGPASS|NOAUTH/.test((cause as Error).message))
        throw new Error('The marketplace cannot start: Redis at REDIS_URL does not answer, or refuses the password.', {
          cause,
        });
      await sleep(250);
    }
}

try {
  await serve(readConfig(process.env));
} catch (error) {
  const { message, code } = error as { message: string; code?: string };
  const taken = code === 'EADDRINUSE' ? `Port ${process.env.PORT} is taken by another process.` : message;
  process.stderr.write(`${taken}\n`);
  process.exit(2);
}
