import * as assert from 'uvu/assert';
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts';

export interface Job {
  id: string;
  status: string;
  escrowPending: boolean;
  escrowDeployed: boolean;
  escrowTxHash: string | null;
  escrowAddress: string | null;
}

export const post = (url: string, path: string, body: object, token?: string) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  });

export const wallet = () => privateKeyToAddress(generatePrivateKey());

/** Somebody registered and signed in. */
export async function person(url: string): Promise<{ email: string; accessToken: string; refreshToken: string }> {
  const email = `${crypto.randomUUID()}@example.test`;
  const password = 'a good password';
  await post(url, '/api/register', { email, password, displayName: 'Somebody', wallet: wallet() });
  const answer = await post(url, '/api/login', { email, password });
  return { email, ...((await answer.json()) as { accessToken: string; refreshToken: string }) };
}

/** A job up to the point where its escrow is asked for. */
export async function acceptedJob(url: string): Promise<{ id: string; client: string; freelancer: string }> {
  const [client, freelancer] = await Promise.all([person(url), person(url)]);
  const milestones = [{ title: 'All', amount: '1000' }];
  const posted = await post(
    url,
    '/api/jobs',
    { title: 'Scrape', description: 'Keel.', milestones },
    client.accessToken,
  );
  const { job } = (await posted.json()) as { job: Job };
  const applied = await post(url, `/api/jobs/${job.id}/applications`, { coverLetter: 'Me.' }, freelancer.accessToken);
  const { application } = (await applied.json()) as { application: { id: string } };
  assert.is((await post(url, `/api/applications/${application.id}/accept`, {}, client.accessToken)).status, 200);
  return { id: job.id, client: client.accessToken, freelancer: freelancer.accessToken };
}

export const readJob = async (url: string, id: string) =>
  ((await (await fetch(`${url}/api/jobs/${id}`)).json()) as { job: Job }).job;
