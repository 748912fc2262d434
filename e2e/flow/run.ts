import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts';
import { Api } from './api.ts';
import { chainReader } from './chain.ts';

export interface FlowInput {
  baseUrl: string;
  rpcUrl: string;
  say(line: string): void;
}

interface Job {
  id: string;
  status: string;
  escrowDeployed: boolean;
  escrowAddress: string | null;
  certificateTokenId: string | null;
}
interface Person {
  api: Api;
  wallet: string;
}

const AMOUNTS = [250_000_000_000_000n, 750_000_000_000_000n];
const WAIT_MS = 60_000;

/**
 * The runbook's flow (section 2, step 7): register → post job → apply → accept → escrow → milestone release → review →
 * certificate. Money and certificate are checked on the chain. Throws an Error that names the stage.
 */
export async function runFlow({ baseUrl, rpcUrl, say }: FlowInput): Promise<void> {
  const api = new Api(baseUrl);
  const chain = chainReader(rpcUrl);
  const stage = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    try {
      const result = await work();
      say(`${name}: ${Math.round(performance.now() - started)} ms`);
      return result;
    } catch (cause) {
      throw new Error(`The flow failed at "${name}": ${(cause as Error).message}`, { cause });
    }
  };
  const client = await stage('register the client', () => person(api, 'client'));
  const freelancer = await stage('register the freelancer', () => person(api, 'freelancer'));
  const job = await stage('post a job', async () => {
    const milestones = AMOUNTS.map((amount, i) => ({ title: `Part ${i + 1}`, amount: String(amount) }));
    const posted = await client.api.post<{ job: Job }>('/api/jobs', {
      title: 'Paint the hull',
      description: 'Two coats, port side first.',
      milestones,
    });
    const { jobs } = await api.get<{ jobs: Job[] }>('/api/jobs');
    if (!jobs.some(({ id }) => id === posted.job.id)) throw new Error('the job is not in the list');
    return posted.job;
  });
  const application = await stage('apply', async () => {
    const applied = await freelancer.api.post<{ application: { id: string } }>(`/api/jobs/${job.id}/applications`, {
      coverLetter: 'I have a brush.',
    });
    return applied.application;
  });
  await stage('accept', () => client.api.post(`/api/applications/${application.id}/accept`));
  const funded = await stage('create the escrow', async () => {
    await client.api.post(`/api/jobs/${job.id}/escrow`);
    const ready = await until(
      () => readJob(api, job.id),
      ({ escrowDeployed }) => escrowDeployed,
    );
    const balance = await chain.balanceOf(ready.escrowAddress ?? '');
    const expected = sum(AMOUNTS);
    if (balance !== expected) throw new Error(`the escrow holds ${balance} wei, expected ${expected}`);
    return ready;
  });
  await stage('release the milestones', async () => {
    for (const i of AMOUNTS.keys()) await client.api.post(`/api/jobs/${job.id}/milestones/${i}/release`);
    const left = await chain.balanceOf(funded.escrowAddress ?? '');
    const paid = await chain.balanceOf(freelancer.wallet);
    if (left !== 0n || paid !== sum(AMOUNTS)) throw new Error(`${left} wei are left, ${paid} wei were paid`);
  });
  await stage('review', () =>
    client.api.post(`/api/jobs/${job.id}/reviews`, { rating: 5, comment: 'Even on the waterline.' }),
  );
  await stage('mint the certificate', async () => {
    await freelancer.api.post(`/api/jobs/${job.id}/certificate`);
    const { certificateTokenId } = await until(
      () => readJob(api, job.id),
      (now) => now.certificateTokenId !== null,
    );
    const contract = process.env.CERTIFICATE_ADDRESS;
    if (!contract) return;
    const owner = await chain.ownerOf(contract, certificateTokenId ?? '');
    if (owner !== freelancer.wallet) throw new Error(`the certificate belongs to ${owner}`);
  });
}

async function person(api: Api, role: string): Promise<Person> {
  const wallet = privateKeyToAddress(generatePrivateKey());
  const email = `${role}-${randomBytes(6).toString('hex')}@example.test`;
  const password = randomBytes(12).toString('base64url');
  await api.post('/api/register', { email, password, displayName: `Flow ${role}`, wallet });
  const { accessToken } = await api.post<{ accessToken: string }>('/api/login', { email, password });
  return { api: api.as(accessToken), wallet };
}

async function readJob(api: Api, id: string): Promise<Job> {
  return (await api.get<{ job: Job }>(`/api/jobs/${id}`)).job;
}

async function until<T>(read: () => Promise<T>, done: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const value = await read();
    if (done(value)) return value;
    if (Date.now() > deadline) throw new Error(`it did not happen within ${WAIT_MS / 1_000} s`);
    await sleep(150);
  }
}

function sum(amounts: bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}
