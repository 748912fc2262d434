// `npm run seed`, or `npx prisma db seed`: an author with two notes to look at. Again, it changes nothing.
import { db } from '../src/db.js';

const author = await db.user.upsert({
  where: { email: 'ada@notes.example' },
  create: { email: 'ada@notes.example' },
  update: {},
});
if ((await db.note.count()) === 0) {
  const tag = { connectOrCreate: { where: { name: 'welcome' }, create: { name: 'welcome' } } };
  await db.note.create({ data: { title: 'Hello', body: 'A first note.', authorId: author.id, tags: tag } });
  await db.note.create({ data: { title: 'Groceries', pinned: true, authorId: author.id } });
}
await db.$disconnect();
