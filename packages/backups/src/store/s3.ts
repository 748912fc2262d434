import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { OpsError } from '@drydock/kit';
import { missing, taken } from './errors.ts';
import { checkedKey } from './keys.ts';
import { isNoSuchKey, isNotImplemented, isTaken, storeFailed } from './s3-failures.ts';
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
  /** The bucket was made with Object Lock: another one refuses what asks for a lock. */
  objectLock?: boolean;
  /** A CRC32 with each request; not every server knows them. */
  checksums?: boolean;
  /** A store that says nothing for so long has stopped answering. */
  silenceMs?: number;
}

/** Two are under way at once: memory stays flat, and the network busy. 10,000 parts of it are 156 GiB. */
const PART_BYTES = 16 * 1_024 ** 2;
const PARTS_AT_ONCE = 2;
/** DeleteObjects takes this many. */
const DELETE_AT_ONCE = 1_000;
const DELETE_ALONE = 16;
const CONNECT_MS = 10_000;
const SILENCE_MS = 60_000;

/** Any server that speaks S3. The SDK retries, checks what arrives, and aborts an upload that fails. */
export class S3Store implements Store {
  readonly label: string;
  readonly #settings: S3Settings;
  /** Before every key; after the first, where things may lie that a version before this one wrote. */
  readonly #prefixes: [string, ...string[]];
  #client: Promise<S3Client> | undefined;
  keepsVersions = false;
  readonly locks: boolean;

  constructor(settings: S3Settings) {
    this.#settings = settings;
    this.locks = settings.objectLock ?? false;
    const prefix = settings.prefix.split('/').filter(Boolean).join('/');
    // It went into keys as it was written, slashes and all; not every server takes two in a row.
    this.#prefixes = [prefix, ...(settings.prefix === prefix ? [] : [settings.prefix])];
    this.label = `s3:${[settings.bucket, prefix].filter(Boolean).join('/')}`;
  }

  async write(key: string, body: AsyncIterable<Uint8Array>, { signal, retainUntil }: WriteOptions): Promise<void> {
    const { Upload } = await import('@aws-sdk/lib-storage');
    const { bucket, serverSideEncryption, kmsKeyId, conditionalWrites, checksums = true } = this.#settings;
    // What the source says is the reason, whatever the server then says to the abort.
    let broken: unknown;
    const sent = createHash('sha256');
    const watched = async function* () {
      try {
        for await (const piece of body) {
          if (conditionalWrites) sent.update(piece);
          yield piece;
        }
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
        ...(checksums ? { ChecksumAlgorithm: 'CRC32' as const } : {}),
        ...(serverSideEncryption ? { ServerSideEncryption: serverSideEncryption } : {}),
        ...(kmsKeyId ? { SSEKMSKeyId: kmsKeyId } : {}),
        ...(conditionalWrites ? { IfNoneMatch: '*' } : {}),
        ...(retainUntil && this.locks ? { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: retainUntil } : {}),
      },
    });
    const stop = () => void upload.abort();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await upload.done();
    } catch (cause) {
      // An answer that was lost is asked for again, and then it is there already.
      if (broken === undefined && isTaken(cause)) return await this.#refuseOther(key, sent.digest('hex'), cause);
      throw broken ?? this.#failed(cause);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async #refuseOther(key: string, sha256: string, cause: unknown): Promise<void> {
    const there = createHash('sha256');
    for await (const piece of await this.read(key)) there.update(piece as Buffer);
    if (there.digest('hex') !== sha256) throw taken(this.label, key, cause);
  }

  async read(key: string): Promise<Readable> {
    const { GetObjectCommand } = await import('@aws-sdk/client-s3');
    const client = await this.#connect();
    let lacking: unknown;
    for (const prefix of this.#prefixes)
      try {
        const { Body } = await client.send(
          new GetObjectCommand({ Bucket: this.#settings.bucket, Key: this.#keyOf(key, prefix) }),
        );
        return Readable.from(this.#passed(Body as Readable), { objectMode: false });
      } catch (cause) {
        if (prefix === this.#prefixes[0] && !isNoSuchKey(cause)) throw this.#failed(cause);
        lacking = cause;
      }
    throw missing(this.label, key, lacking);
  }

  /** A connection that breaks on the way is the store's failure, and says nothing of what lies there. */
  async *#passed(body: Readable): AsyncIterable<Uint8Array> {
    try {
      yield* body as AsyncIterable<Uint8Array>;
    } catch (cause) {
      throw this.#failed(cause);
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
    const found: StoredObject[] = [];
    for (const before of this.#prefixes)
      try {
        found.push(...(await this.#list(before, prefix)));
      } catch (cause) {
        if (before === this.#prefixes[0]) throw this.#failed(cause);
        // This server has no keys of that form: nothing can lie there.
      }
    return found;
  }

  async #list(before: string, prefix: string): Promise<StoredObject[]> {
    const { paginateListObjectsV2 } = await import('@aws-sdk/client-s3');
    const found: StoredObject[] = [];
    const pages = paginateListObjectsV2(
      { client: await this.#connect() },
      { Bucket: this.#settings.bucket, Prefix: this.#keyOf(prefix, before) },
    );
    for await (const { Contents } of pages)
      for (const { Key = '', Size = 0 } of Contents ?? [])
        found.push({ key: this.#withoutPrefix(Key, before), bytes: Size });
    return found;
  }

  async remove(keys: string[]): Promise<{ key: string; reason: string }[]> {
    const stays: { key: string; reason: string }[] = [];
    const whole = this.#prefixes.flatMap((prefix) => keys.map((key) => this.#keyOf(key, prefix)));
    const { checksums = true } = this.#settings;
    const atOnce = checksums ? DELETE_AT_ONCE : DELETE_ALONE;
    for (let at = 0; at < whole.length; at += atOnce)
      try {
        const some = whole.slice(at, at + atOnce);
        stays.push(...(await (checksums ? this.#removeSome(some) : this.#removeEach(some))));
      } catch (cause) {
        throw this.#failed(cause);
      }
    return stays.map(({ key, reason }) => ({ key: this.#withoutPrefix(key), reason }));
  }

  async #removeSome(keys: string[]): Promise<{ key: string; reason: string }[]> {
    const { DeleteObjectsCommand } = await import('@aws-sdk/client-s3');
    const Objects = keys.map((Key) => ({ Key }));
    const client = await this.#connect();
    const { Errors, Deleted } = await client.send(
      new DeleteObjectsCommand({ Bucket: this.#settings.bucket, Delete: { Objects } }),
    );
    this.keepsVersions ||= Deleted?.some(({ DeleteMarker }) => DeleteMarker) ?? false;
    return (Errors ?? []).map(({ Key = '', Code, Message }) => ({ key: Key, reason: Message ?? Code ?? 'refused' }));
  }

  /** One request each: of many at once S3 wants a checksum. */
  async #removeEach(keys: string[]): Promise<{ key: string; reason: string }[]> {
    const { DeleteObjectCommand } = await import('@aws-sdk/client-s3');
    const client = await this.#connect();
    const removed = await Promise.all(
      keys.map(async (key) => {
        try {
          const { DeleteMarker } = await client.send(
            new DeleteObjectCommand({ Bucket: this.#settings.bucket, Key: key }),
          );
          this.keepsVersions ||= DeleteMarker ?? false;
          return undefined;
        } catch (cause) {
          const { name, message, $metadata } = cause as Error & { $metadata?: { httpStatusCode?: number } };
          if ($metadata?.httpStatusCode !== 403) throw cause;
          return { key, reason: message || name };
        }
      }),
    );
    return removed.filter((one) => one !== undefined);
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

  #keyOf(key: string, prefix: string = this.#prefixes[0]): string {
    return [prefix, checkedKey(this.label, key)].filter(Boolean).join('/');
  }

  #withoutPrefix(key: string, prefix = this.#prefixes.findLast((one) => key.startsWith(`${one}/`))): string {
    return prefix ? key.slice(prefix.length + 1) : key;
  }

  #connect(): Promise<S3Client> {
    const { silenceMs = SILENCE_MS, checksums = true } = this.#settings;
    const endpoint = endpointOf(this.#settings);
    this.#client ??= import('@aws-sdk/client-s3').then(
      ({ S3Client: Client }) =>
        new Client({
          region: this.#settings.region,
          forcePathStyle: this.#settings.pathStyle,
          maxAttempts: 4,
          requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: silenceMs, throwOnRequestTimeout: true },
          ...(checksums
            ? {}
            : { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' }),
          ...(endpoint ? { endpoint } : {}),
          ...(this.#settings.credentials ? { credentials: this.#settings.credentials } : {}),
        }),
    );
    return this.#client;
  }

  #failed(cause: unknown): unknown {
    return storeFailed(this.label, cause);
  }
}

/** Many name the bucket in the address that they give out; it is put before the host by the style. */
function endpointOf({ endpoint, bucket, pathStyle }: S3Settings): string | undefined {
  if (!endpoint || pathStyle || !URL.canParse(endpoint)) return endpoint;
  const url = new URL(endpoint);
  if (url.hostname.startsWith(`${bucket}.`)) url.hostname = url.hostname.slice(bucket.length + 1);
  return url.href;
}
