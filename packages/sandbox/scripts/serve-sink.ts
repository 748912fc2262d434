#!/usr/bin/env node
import { serveSink } from '../src/serve/sink.ts';

const [port, directory] = process.argv.slice(2);
await serveSink(Number(port), String(directory));
