// Who uses the product with tokens.
import { decodeProtectedHeader } from 'jose';

export interface Signed {
  accessToken: string;
  refreshToken: string;
}

export async function signIn(url: string): Promise<Signed> {
  return (await (await fetch(`${url}/login`, { method: 'POST' })).json()) as Signed;
}

export const me = async (url: string, token: string): Promise<number> => {
  const answer = await fetch(`${url}/api/me`, { headers: { authorization: `Bearer ${token}` } });
  await answer.body?.cancel();
  return answer.status;
};

export async function renew(url: string, refreshToken: string): Promise<Signed & { status: number }> {
  const answer = await fetch(`${url}/api/refresh`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken }),
  });
  return { ...((await answer.json()) as Signed), status: answer.status };
}

export const kidOf = (token: string) => `${decodeProtectedHeader(token).kid} ${decodeProtectedHeader(token).alg}`;
