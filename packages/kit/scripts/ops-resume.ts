#!/usr/bin/env node
import { resumeTask } from '../src/ops/resume.ts';
import { main } from '../src/task/main.ts';

await main(resumeTask);
