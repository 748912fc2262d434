#!/usr/bin/env node
import { createResumeTask } from '../src/ops/resume.ts';
import { main } from '../src/task/main.ts';
import { findTask } from '../src/task/wired.ts';

const task = createResumeTask(findTask);

export default task;
await main(task, import.meta);
