import { BUCKET } from '../services/node-services.ts';

/** An S3 endpoint on loopback; objects are files below `directory`. */
export async function serveS3(port: number, directory: string): Promise<void> {
  const { default: S3rver } = await import('s3rver');
  await new S3rver({
    address: '127.0.0.1',
    port,
    directory,
    silent: true,
    vhostBuckets: false,
    configureBuckets: [{ name: BUCKET, configs: [] }],
  }).run();
}
