export interface Load {
  requests: number;
  /** Answers that were not 200, and those that did not come. */
  failed: string[];
  versions: Set<string>;
}

const EVERY_MS = 20;

/**
 * Fifty requests a second while `work` is at work, and a moment longer: each at its time, whether those before it were answered or
 * not, so that a stall is not hidden.
 */
export async function underLoad(url: string, work: () => Promise<void>, { everyMs = EVERY_MS } = {}): Promise<Load> {
  const load: Load = { requests: 0, failed: [], versions: new Set() };
  const under: Promise<void>[] = [];
  const ask = async () => {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
      const said = await response.text();
      if (response.ok) load.versions.add(said);
      else load.failed.push(`${response.status}`);
    } catch (error) {
      load.failed.push(String((error as Error).cause ?? error));
    }
  };
  const began = performance.now();
  const timer = setInterval(() => {
    // A machine that was busy elsewhere owes the requests of that time.
    while (load.requests < (performance.now() - began) / everyMs) {
      load.requests += 1;
      under.push(ask());
    }
  }, everyMs);
  try {
    await work();
    await new Promise((done) => setTimeout(done, 500));
  } finally {
    clearInterval(timer);
  }
  await Promise.all(under);
  return load;
}
