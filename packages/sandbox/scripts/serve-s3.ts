#!/usr/bin/env node
import { serveS3 } from '../src/serve/s3.ts';

const [port, directory] = process.argv.slice(2);
await serveS3(Number(port), String(directory));
