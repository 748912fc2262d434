import {
  command,
  type Environment,
  hint,
  type LoadedConfig,
  OpsError,
  type Secret,
  shownAddress,
  usageError,
} from '@drydock/kit';
import { z } from 'zod';
import { healthSection } from '../config/health.ts';
import { request } from './request.ts';

const sample = z.tuple([z.number(), z.string()]);
const matrix = z.object({
  resultType: z.literal('matrix'),
  result: z.array(z.object({ metric: z.record(z.string(), z.string()), values: z.array(sample) })),
});
const envelope = z.object({ status: z.enum(['success', 'error']), data: z.unknown(), error: z.string().optional() });

export type Matrix = z.infer<typeof matrix>['result'];

/** Prometheus' HTTP API (prometheus.io/docs/prometheus/latest/querying/api), as far as it is needed. */
export interface PrometheusClient {
  /** As much of its address as may be shown. */
  url: string;
  /** Times in milliseconds. */
  range(query: string, range: { from: number; to: number; stepSeconds: number }): Promise<Matrix>;
  /** Names of metrics that its targets announce. */
  announced(): Promise<Set<string>>;
  /** Its own idea of now, in milliseconds. */
  now(): Promise<number>;
  skewSeconds(): number | undefined;
}

/** Undefined where no server is configured. */
export function prometheusClient(
  config: LoadedConfig,
  environment: Environment,
  signal?: AbortSignal,
): PrometheusClient | undefined {
  const { url: variable, token: tokenVariable } = healthSection.of(config).prometheus;
  const base = environment.get(variable);
  if (!base) return undefined;
  if (!URL.canParse(base))
    throw usageError(
      'ADDRESS_WRONG',
      `${variable} is no address.`,
      `It looks like this: ${variable}='http://10.0.0.9:9090'`,
    );
  const token = environment.has(tokenVariable) ? environment.secret(tokenVariable) : undefined;
  return createClient(base, { timeoutMs: healthSection.of(config).timeoutMs, token, ...(signal ? { signal } : {}) });
}

export function createClient(
  base: string,
  { timeoutMs, token, signal }: { timeoutMs: number; token: Secret | undefined; signal?: AbortSignal },
): PrometheusClient {
  let skew: number | undefined;
  const call = async (path: string, body?: Record<string, string>): Promise<unknown> => {
    // A server behind a prefix keeps it.
    const url = new URL(path, base.endsWith('/') ? base : `${base}/`);
    const { text, skewSeconds } = await request(url, {
      ...{ code: 'PROMETHEUS', what: 'Prometheus', timeoutMs, token, tokenKey: 'health.prometheus.token' },
      ...{ accept: [400, 422, 503] },
      ...(body ? { body: new URLSearchParams(body) } : {}),
      ...(signal ? { signal } : {}),
    });
    skew = skewSeconds;
    return read(text, shownAddress(url));
  };
  return {
    url: shownAddress(base),
    skewSeconds: () => skew,
    async range(query, { from, to, stepSeconds }) {
      const times = { start: String(from / 1_000), end: String(to / 1_000), step: String(stepSeconds) };
      return matrix.parse(await call('api/v1/query_range', { query, ...times })).result;
    },
    async announced() {
      return new Set(Object.keys((await call('api/v1/metadata')) as object));
    },
    async now() {
      const scalar = z.object({ result: sample }).parse(await call('api/v1/query', { query: 'time()' }));
      return Number(scalar.result[1]) * 1_000;
    },
  };
}

function read(text: string, address: string): unknown {
  let answer: z.infer<typeof envelope>;
  try {
    answer = envelope.parse(JSON.parse(text));
  } catch (cause) {
    throw new OpsError({
      code: 'PROMETHEUS_ODD',
      message: `What answers at ${address} is no Prometheus.`,
      hint: hint`Check PROMETHEUS_URL: ${command('env:check')}`,
      exit: 2,
      cause,
    });
  }
  if (answer.status === 'success') return answer.data;
  throw new OpsError({
    code: 'PROMETHEUS_FAILED',
    message: `Prometheus at ${address} cannot answer: ${answer.error}.`,
  });
}
