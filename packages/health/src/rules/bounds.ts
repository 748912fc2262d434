import { type Environment, type Finding, type LoadedConfig, toOpsError } from '@drydock/kit';
import { healthSection } from '../config/health.ts';
import { doubtFinding } from '../metrics/doubt.ts';
import { type Names, namesOf, selectorsOf } from '../metrics/names.ts';
import { vainDoubt } from '../metrics/observe.ts';
import { parseValue } from '../metrics/parse.ts';
import { instanceOf } from '../metrics/processes.ts';
import { openHistogram } from '../metrics/requests.ts';
import type { Scrape } from '../metrics/scrape.ts';
import { select } from '../metrics/selector.ts';
import { milliseconds } from '../objectives/list.ts';
import type { ShareObjective } from '../objectives/types.ts';
import { openSource } from '../source/open.ts';

/** Ends of the histogram's buckets in seconds, from the product or from Prometheus; a finding where neither answers. */
export async function readBounds(
  config: LoadedConfig,
  environment: Environment,
  signal: AbortSignal,
): Promise<{ bounds: number[] | undefined; findings: Finding[] }> {
  const names = namesOf(healthSection.of(config).metrics, healthSection.of(config).prometheus.instanceLabel);
  try {
    const source = openSource(config, environment, { signal, stepSeconds: 30 });
    const scrape = (await source.next()).at(-1);
    const ends = new Set(
      (scrape ? select(scrape, names.buckets) : []).map(({ labels }) => parseValue(labels.le ?? '')),
    );
    const bounds = [...ends].flatMap((end) => (end === undefined ? [] : [end * names.scale])).sort((a, b) => a - b);
    const findings = scrape ? doubtful(scrape, names) : [];
    if (bounds.length > 0) return { bounds, findings };
    return { bounds: undefined, findings: [unknown('no request has been counted yet'), ...findings] };
  } catch (error) {
    signal.throwIfAborted();
    return { bounds: undefined, findings: [unknown(toOpsError(error).message)] };
  }
}

/** What a rule would ask for in vain: it never goes off. */
function doubtful(scrape: Scrape, names: Names): Finding[] {
  const open = openHistogram(scrape, names);
  const vain = selectorsOf(names).flatMap(({ key, selector }) => {
    const doubt = vainDoubt(key, selector, { after: scrape, instanceOf: (labels) => instanceOf(labels, names) });
    return doubt ? [doubt] : [];
  });
  const first = vain.filter(({ key }, at) => vain.findIndex((one) => one.key === key) === at);
  return [...(open ? [open] : []), ...first].map(doubtFinding);
}

function unknown(why: string): Finding {
  return {
    level: 'warn',
    code: 'BUCKETS_UNKNOWN',
    message: `Whether a bucket of the histogram ends at each latency bound could not be asked: ${why}`,
    hint: 'An alert on a bucket that does not exist never goes off. Run it again where the product can be reached.',
  };
}

/** A bound inside a bucket is moved up to its end; better is a bucket that ends there. */
export function movedBounds(shares: readonly ShareObjective[], bounds: readonly number[] | undefined): Finding[] {
  return shares.flatMap(({ source, title, wanted }): Finding[] => {
    if (source.of !== 'latency' || !bounds) return [];
    const end = bounds.find((bound) => bound >= source.seconds) ?? Number.POSITIVE_INFINITY;
    if (Math.abs(end - source.seconds) < 1e-9) return [];
    const to = Number.isFinite(end) ? `counts what takes longer than ${milliseconds(end)}` : 'never goes off';
    return [
      {
        level: 'warn',
        code: 'BOUND_INSIDE_BUCKET',
        message: `No bucket ends at the bound of ${title} (${wanted}): its alert ${to}.`,
        hint: `Give the histogram a bucket that ends at ${milliseconds(source.seconds)}.`,
      },
    ];
  });
}
