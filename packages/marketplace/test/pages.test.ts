// Uses PostgreSQL, Redis and anvil; the product runs as a process of its own.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { wallet } from './people.ts';
import { startProduct, startWorld } from './world.ts';

const test = suite('marketplace pages');
let world: Awaited<ReturnType<typeof startWorld>>;
let product: Awaited<ReturnType<typeof startProduct>>;
test.before(async () => {
  world = await startWorld();
  product = await startProduct(world.env);
});
test.after(async () => {
  await product?.stop();
  await world?.stop();
});

/** A browser as far as forms go: it keeps cookies, and sends the token of the page it loaded. */
function browser() {
  const cookies = new Map<string, string>();
  const keep = (answer: Response) => {
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';')[0]?.split('=') ?? [];
      cookies.set(name, value);
    }
    return answer;
  };
  const cookie = () => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  return {
    cookies,
    load: async (path: string) => {
      const answer = keep(await fetch(`${product.url}${path}`, { headers: { cookie: cookie() } }));
      const text = await answer.text();
      return { answer, text, token: /name="_csrf" value="([^"]+)"/.exec(text)?.[1] ?? '' };
    },
    send: async (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) => {
      const answer = await fetch(`${product.url}${path}`, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie: cookie(), origin: product.url, ...headers },
        body: new URLSearchParams(fields),
      });
      return keep(answer);
    },
  };
}

async function registered() {
  const person = browser();
  const { token } = await person.load('/register');
  const fields = { displayName: 'Ada <b>', email: `${crypto.randomUUID()}@example.test`, password: 'a good password' };
  const answer = await person.send('/register', { ...fields, wallet: wallet(), _csrf: token });
  assert.is(answer.status, 303);
  return person;
}

test('a form is taken with the token of its page alone, and from this site alone', async () => {
  const person = browser();
  const { token } = await person.load('/login');
  const fields = { email: 'nobody@example.test', password: 'x' };
  assert.is((await person.send('/login', { ...fields, _csrf: token })).status, 422, 'taken, and the password is wrong');
  assert.is((await person.send('/login', fields)).status, 403, 'no token');
  assert.is((await person.send('/login', { ...fields, _csrf: `${token}x` })).status, 403, 'a wrong token');
  assert.is((await browser().send('/login', { ...fields, _csrf: token })).status, 403, "somebody else's token");
  const foreign = await person.send('/login', { ...fields, _csrf: token }, { origin: 'https://evil.example' });
  assert.is(foreign.status, 403);
  assert.match(await foreign.text(), 'not sent from this site');
});

test('the cookies of a sign-in are out of reach for scripts and other sites, and signing out takes them away', async () => {
  const person = await registered();
  const { token, text } = await person.load('/');
  assert.match(text, 'Ada &lt;b&gt;');
  const out = await person.send('/logout', { _csrf: token });
  for (const line of out.headers.getSetCookie()) assert.match(line, /^(access|refresh)=;/);
  assert.match((await person.load('/')).text, 'Sign in');
  const again = await person.send('/jobs/new', { _csrf: token });
  assert.is(again.headers.get('location'), '/login');
  const fresh = browser();
  const login = await fresh.load('/login');
  for (const line of login.answer.headers.getSetCookie()) assert.match(line, /HttpOnly; SameSite=Strict/);
});

test('what is wrong with a form is said at the field, and what was typed is kept', async () => {
  const person = await registered();
  const { token } = await person.load('/jobs/new');
  const answer = await person.send('/jobs/new', {
    ...{ title: 'Caulk', description: '', milestoneTitle: 'Deck', milestoneAmount: 'much', _csrf: token },
  });
  const text = await answer.text();
  assert.is(answer.status, 422);
  assert.match(text, 'Description must not be empty.');
  assert.match(text, 'the amount of milestone 1 must be a number of ether');
  assert.match(text, 'value="Caulk"');
});

test('nothing of a page can be framed, scripted or loaded from elsewhere', async () => {
  const { answer } = await browser().load('/');
  const policy = answer.headers.get('content-security-policy') ?? '';
  assert.match(policy, "default-src 'none'");
  assert.match(policy, "frame-ancestors 'none'");
});

test.run();
