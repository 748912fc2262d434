import { redact } from '../redact.ts';

/** From here on nothing that is a known secret leaves through this stream, whoever writes to it. */
export function redactStream(stream: NodeJS.WriteStream): void {
  const write = stream.write.bind(stream) as (chunk: unknown, ...rest: unknown[]) => boolean;
  stream.write = ((chunk: unknown, ...rest: unknown[]) => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk as Uint8Array).toString('utf8');
    return write(redact(text), ...rest);
  }) as typeof stream.write;
}
