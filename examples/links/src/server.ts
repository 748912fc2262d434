import Fastify from 'fastify';
import { close, follow, ping, shorten } from './store.ts';

const app = Fastify({ logger: { level: 'warn' } });

app.get('/', async () => 'Short links: POST / with { "target": "https://…" }');

app.get('/ping', async () => {
  await ping();
  return 'OK';
});

app.post<{ Body: { target?: string } | null }>('/', async (request, reply) => {
  const target = request.body?.target;
  if (!target || !URL.canParse(target)) return reply.code(400).send({ error: 'target must be an address' });
  return shorten(target);
});

app.get<{ Params: { slug: string } }>('/:slug', async (request, reply) => {
  const target = await follow(request.params.slug);
  return target ? reply.redirect(target) : reply.code(404).send({ error: 'no such link' });
});

await app.listen({ port: Number(process.env.HTTP_PORT ?? 4000), host: '0.0.0.0' });
process.on('SIGTERM', () => void app.close().then(close));
