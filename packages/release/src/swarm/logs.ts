import type { Engine } from './engine.ts';

interface LogOptions {
  lines: number;
  follow: boolean;
  signal: AbortSignal;
}

/** A line that an instance wrote, and which task of the service it was. */
export interface LogLine {
  task: string;
  text: string;
}

const HEADER = 8;
const TASK = /^\S*com\.docker\.swarm\.task\.id=(\w+)\S* /;

/**
 * What a service wrote, on whatever machines. It comes in frames of a stream, a length and as many bytes (Docker Engine API, "Attach to a
 * container"); a line may be in several.
 */
export async function* serviceLogs(engine: Engine, service: string, options: LogOptions): AsyncGenerator<LogLine> {
  const { lines, follow, signal } = options;
  const query = { stdout: true, stderr: true, details: true, tail: lines, follow };
  try {
    const answer = await engine.stream(`/services/${encodeURIComponent(service)}/logs`, query, signal);
    for await (const frame of framesOf(answer)) {
      const [told = '', task = ''] = TASK.exec(frame) ?? [];
      for (const text of frame.slice(told.length).replace(/\n$/, '').split('\n')) yield { task, text };
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function* framesOf(answer: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of answer) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= HEADER) {
      const end = HEADER + rest.readUInt32BE(4);
      if (rest.length < end) break;
      yield rest.toString('utf8', HEADER, end);
      rest = rest.subarray(end);
    }
  }
}
