import { createServer } from 'node:http';
import { db } from './db.js';
import { readNote } from './notes.js';

const { PORT = '3000' } = process.env;

const routes = {
  'GET /': () => ({ name: 'notes', notes: '/notes' }),
  'GET /health': async () => {
    await db.$queryRaw`SELECT 1`;
    return { status: 'ok' };
  },
  'GET /notes': () =>
    db.note.findMany({ include: { tags: true }, orderBy: [{ pinned: 'desc' }, { createdAt: 'desc' }], take: 50 }),
  'POST /notes': async (text) => {
    const note = readNote(text);
    if (!note) return undefined;
    const tags = note.tags.map((name) => ({ where: { name }, create: { name } }));
    return db.note.create({ data: { ...note, tags: { connectOrCreate: tags } } });
  },
};

const server = createServer(async (request, response) => {
  const route = routes[`${request.method} ${request.url.split('?')[0]}`];
  const answer = (status, body) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (!route) return answer(404, { error: 'there is no such page' });
  try {
    let text = '';
    for await (const chunk of request) text += chunk;
    const body = await route(text);
    answer(body === undefined ? 400 : 200, body ?? { error: 'a note has a title' });
  } catch (error) {
    console.error(error);
    answer(503, { error: 'try again later' });
  }
});
server.listen(Number(PORT), () => console.log(`notes-api listens on ${PORT}`));

process.on('SIGTERM', () => server.close(() => db.$disconnect()));
