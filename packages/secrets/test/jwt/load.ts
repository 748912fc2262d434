// Signed-in people at a fixed rate, with tokens of any age that have not ended.
import { decodeJwt } from 'jose';
import { kidOf, type Signed } from './people.ts';

/** On a machine that cannot answer as many, fewer are asked: it is no test of its speed. */
const MOST_UNDER_WAY = 40;
/** Nobody sends a token that ends while the answer is on its way. */
const SLACK_SECONDS = 4;

export interface Failed {
  what: string;
  kid: string;
  at: string;
  answer: string;
}

export interface Load {
  /** Somebody who signed in just now. */
  join(signed: Signed): void;
  /** `late`: answers that came after the token had ended by itself. */
  stop(): Promise<{ asked: number; late: number; failed: Failed[]; kids: ReadonlyMap<string, number> }>;
}

type Answer = { status: number; signed?: Signed };

export function startLoad(urls: () => string[], perSecond: number): Load {
  const [access, refresh, browsers]: [string[], string[], Map<string, string>[]] = [[], [], []];
  const failed: Failed[] = [];
  const kids = new Map<string, number>();
  const under = new Set<Promise<void>>();
  let [asked, late, going] = [0, 0, true];
  const join = ({ accessToken, refreshToken }: Signed) => {
    if (!accessToken || !refreshToken) throw new Error('Somebody could not sign in.');
    access.push(accessToken);
    refresh.push(refreshToken);
  };

  const ask = async (what: string, token: string, send: (url: string) => Promise<Answer>): Promise<void> => {
    const at = anyOf(urls()) ?? '';
    asked += 1;
    kids.set(kidOf(token), (kids.get(kidOf(token)) ?? 0) + 1);
    const { status, signed } = await send(at).catch((error: Error) => ({ status: 0, signed: undefined, error }));
    if (status !== 200 && !lives(token, 0)) late += 1;
    else if (status !== 200) failed.push({ what, kid: kidOf(token), at, answer: String(status) });
    if (signed) join(signed);
  };
  const me = async () => {
    const token = livingOf(access);
    if (token) await ask('GET /api/me', token, (url) => get(`${url}/api/me`, { authorization: `Bearer ${token}` }));
  };
  const renew = async () => {
    const token = livingOf(refresh);
    if (token) await ask('POST /api/refresh', token, (url) => renewed(url, token));
  };
  const browse = async () => {
    const jar = anyOf(browsers.filter((one) => lives(one.get('refresh') ?? '', SLACK_SECONDS)));
    if (jar) await ask('GET /jobs/new', jar.get('refresh') ?? '', (url) => page(url, jar));
  };
  const one = (n: number) => (n % 20 === 0 ? renew() : n % 20 === 10 ? browse() : me());

  const began = Date.now();
  let sent = 0;
  const timer = setInterval(() => {
    for (; sent < ((Date.now() - began) / 1_000) * perSecond; sent++) {
      if (under.size >= MOST_UNDER_WAY) continue;
      const answer = one(sent);
      under.add(answer);
      void answer.finally(() => under.delete(answer));
    }
  }, 5);
  return {
    join(signed) {
      join(signed);
      if (browsers.length < 5)
        browsers.push(
          new Map([
            ['access', signed.accessToken],
            ['refresh', signed.refreshToken],
          ]),
        );
    },
    async stop() {
      if (going) clearInterval(timer);
      going = false;
      await Promise.all(under);
      return { asked, late, failed, kids };
    },
  };
}

function anyOf<T>(list: readonly T[]): T | undefined {
  return list[Math.floor(Math.random() * list.length)];
}

/** One of those that have not ended; those that have are forgotten. */
function livingOf(tokens: string[]): string | undefined {
  const token = anyOf(tokens);
  if (!token || lives(token, SLACK_SECONDS)) return token;
  tokens.splice(0, tokens.length, ...tokens.filter((one) => lives(one, SLACK_SECONDS)));
  return anyOf(tokens);
}

function lives(token: string, seconds: number): boolean {
  return (decodeJwt(token).exp ?? 0) - Date.now() / 1_000 > seconds;
}

async function get(url: string, headers: Record<string, string>): Promise<Answer> {
  const answer = await fetch(url, { headers });
  await answer.text();
  return { status: answer.status };
}

async function renewed(url: string, refreshToken: string): Promise<Answer> {
  const answer = await fetch(`${url}/api/refresh`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken }),
  });
  const body = (await answer.json()) as Signed;
  return answer.ok ? { status: answer.status, signed: body } : { status: answer.status };
}

/** A page that leads to the sign-in where nobody is signed in; a browser keeps what it is given. */
async function page(url: string, jar: Map<string, string>): Promise<Answer> {
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  const answer = await fetch(`${url}/jobs/new`, { headers: { cookie }, redirect: 'manual' });
  await answer.text();
  for (const line of answer.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    jar.set(name, value);
  }
  return { status: answer.status };
}
