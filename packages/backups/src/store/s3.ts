import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { command, hint, OpsError } from '@drydock/kit';
import { missing } from './errors.ts';
import { checkedKey } from './keys.ts';
import type { Store, StoredObject, WriteOptions } from './types.ts';

export interface S3Settings {
  bucket: string;
  prefix: string;
  pathStyle: boolean;
  region: string;
  endpoint: string | undefined;
  /** Without them the SDK looks where it always does: instance role, profile, web identity. */
  credentials: { accessKeyId: string; secretAccessKey: string } | undefined;
  serverSideEncryption: 'AES256' | 'aws:kms' | undefined;
  kmsKeyId: string | undefined;
  conditionalWrites: boolean;
  /** A store that says nothing for so long has stopped answering. */
  silenceMs?: number;
}

/** Two are under way at once: memory stays flat, and the network busy. 10,000 parts of it are 156 GiB. */
const PART_BYTES = 16 * 1_024 ** 2;
const PARTS_AT_ONCE = 2;
/** DeleteObjects takes this many. */
const DELETE_AT_ONCE = 1_000;
const CONNECT_MS = 10_000;
const SILENCE_MS = 60_000;

/** Any server that speaks S3. The SDK retries, checks what arrives, and aborts an upload that fails. */
export class S3Store implements Store {
  readonly label: string;
  readonly #settings: S3Settings;
  #client: Promise<S3Client> | undefined;

  constructor(settings: S3Settings) {
    this.#settings = settings;
    this.label = `s3:${[settings.bucket, settings.prefix].filter(Boolean).join('/')}`;
  }

  async write(key: string, body: AsyncIterable<Uint8Array>, { signal, retainUntil }: WriteOptions): Promise<void> {
    const { Upload } = await import('@aws-sdk/lib-storage');
    const { bucket, serverSideEncryption, kmsKeyId, conditionalWrites } = this.#settings;
    // What the source says is the reason, whatever the server then says to the abort.
    let broken: unknown;
    const watched = async function* () {
      try {
        yield* body;
      } catch (error) {
        broken = error;
        throw error;
      }
    };
    const upload = new Upload({
      client: await this.#connect(),
      partSize: PART_BYTES,
      queueSize: PARTS_AT_ONCE,
      params: {
        Bucket: bucket,
        Key: this.#keyOf(key),
        Body: Readable.from(watched(), { objectMode: false }),
        ChecksumAlgorithm: 'CRC32',
        ...(serverSideEncryption ? { ServerSideEncryption: serverSideEncryption } : {}),
        ...(kmsKeyId ? { SSEKMSKeyId: kmsKeyId } : {}),
        ...(conditionalWrites ? { IfNoneMatch: '*' } : {}),
        ...(retainUntil ? { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: retainUntil } : {}),
      },
    });
    const stop = () => void upload.abort();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await upload.done();
    } catch (cause) {
      throw broken ?? this.#failed(cause);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async read(key: string): Promise<Readable> {
    const { GetObjectCommand } = await import('@aws-sdk/client-s3');
    try {
      const client = await this.#connect();
      const { Body } = await client.send(
        new GetObjectCommand({ Bucket: this.#settings.bucket, Key: this.#keyOf(key) }),
      );
      return Body as Readable;
    } catch (cause) {
      throw isNoSuchKey(cause) ? missing(this.label, key, cause) : this.#failed(cause);
    }
  }

  async readText(key: string): Promise<string | undefined> {
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of await this.read(key)) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString('utf8');
    } catch (error) {
      if (error instanceof OpsError && error.code === 'BACKUP_MISSING') return undefined;
      throw error;
    }
  }

  async list(prefix: string): Promise<StoredObject[]> {
    const { paginateListObjectsV2 } = await import('@aws-sdk/client-s3');
    const found: StoredObject[] = [];
    try {
      const pages = paginateListObjectsV2(
        { client: await this.#connect() },
        { Bucket: this.#settings.bucket, Prefix: this.#keyOf(prefix) },
      );
      for await (const { Contents } of pages)
        for (const { Key = '', Size = 0 } of Contents ?? []) found.push({ key: this.#withoutPrefix(Key), bytes: Size });
    } catch (cause) {
      throw this.#failed(cause);
    }
    return found;
  }

  async remove(keys: string[]): Promise<{ key: string; reason: string }[]> {
    const { DeleteObjectsCommand } = await import('@aws-sdk/client-s3');
    const stays: { key: string; reason: string }[] = [];
    for (let at = 0; at < keys.length; at += DELETE_AT_ONCE) {
      const Objects = keys.slice(at, at + DELETE_AT_ONCE).map((key) => ({ Key: this.#keyOf(key) }));
      try {
        const client = await this.#connect();
        const { Errors } = await client.send(
          new DeleteObjectsCommand({ Bucket: this.#settings.bucket, Delete: { Objects, Quiet: true } }),
        );
        for (const { Key = '', Code, Message } of Errors ?? [])
          stays.push({ key: this.#withoutPrefix(Key), reason: Message ?? Code ?? 'refused' });
      } catch (cause) {
        throw this.#failed(cause);
      }
    }
    return stays;
  }

  /** Uploads that were begun and neither completed nor aborted: they cost, and no listing of objects shows them. */
  async sweep(prefix: string, before: Date, which = (_: string) => true): Promise<string[]> {
    const { AbortMultipartUploadCommand, ListMultipartUploadsCommand } = await import('@aws-sdk/client-s3');
    const { bucket: Bucket } = this.#settings;
    const client = await this.#connect();
    const swept: string[] = [];
    try {
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: this.#keyOf(prefix) }));
      for (const { Key, UploadId, Initiated } of Uploads ?? []) {
        if (!Key || !UploadId || !Initiated || Initiated >= before || !which(this.#withoutPrefix(Key))) continue;
        await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
        swept.push(this.#withoutPrefix(Key));
      }
    } catch (cause) {
      // Not every server can list them; then its own lifecycle rule has to.
      if (!isNotImplemented(cause)) throw this.#failed(cause);
    }
    return swept;
  }

  #keyOf(key: string): string {
    return [this.#settings.prefix, checkedKey(this.label, key)].filter(Boolean).join('/');
  }

  #withoutPrefix(key: string): string {
    return this.#settings.prefix ? key.slice(this.#settings.prefix.length + 1) : key;
  }

  #connect(): Promise<S3Client> {
    const { silenceMs = SILENCE_MS } = this.#settings;
    this.#client ??= import('@aws-sdk/client-s3').then(
      ({ S3Client: Client }) =>
        new Client({
          region: this.#settings.region,
          forcePathStyle: this.#settings.pathStyle,
          maxAttempts: 4,
          requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: silenceMs, throwOnRequestTimeout: true },
          ...(this.#settings.endpoint ? { endpoint: this.#settings.endpoint } : {}),
          ...(this.#settings.credentials ? { credentials: this.#settings.credentials } : {}),
        }),
    );
    return this.#client;
  }

  #failed(cause: unknown): unknown {
    const { name, message, $metadata } = cause as Error & { $metadata?: { httpStatusCode?: number } };
    if (cause instanceof OpsError || name === 'AbortError') return cause;
    const said = name === 'Error' ? message : `${name} ${message}`.trim();
    if (REFUSALS.has(name))
      return new OpsError({
        code: 'STORE_REFUSED',
        message: `${this.label} refuses it: ${said}`,
        hint: hint`Check bucket and keys: ${command('env:check')} shows where their values come from.`,
        cause,
      });
    if ($metadata?.httpStatusCode)
      return new OpsError({
        code: 'STORE_FAILED',
        message: `${this.label} answers ${$metadata.httpStatusCode}: ${said}`,
        hint: 'Look at the store, then run it again; what lay there before is untouched.',
        cause,
      });
    if (!isNetwork(cause)) return cause;
    return new OpsError({
      code: 'STORE_UNREACHABLE',
      message: `${this.label} does not answer: ${said}`,
      hint: 'Check the endpoint and the network, then run it again; what lay there before is untouched.',
      cause,
    });
  }
}

const REFUSALS = new Set(['AccessDenied', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'NoSuchBucket']);

function isNoSuchKey(cause: unknown): boolean {
  return ['NoSuchKey', 'NotFound'].includes((cause as Error).name);
}

function isNotImplemented(cause: unknown): boolean {
  const { name, $metadata } = cause as Error & { $metadata?: { httpStatusCode?: number } };
  return name === 'NotImplemented' || [404, 405, 501].includes($metadata?.httpStatusCode ?? 0);
}

function isNetwork(cause: unknown): boolean {
  const { code, name } = cause as NodeJS.ErrnoException;
  return (
    name === 'TimeoutError' || ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EPIPE', 'ETIMEDOUT'].includes(code ?? '')
  );
}
