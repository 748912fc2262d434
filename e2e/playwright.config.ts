import { findTool } from '@drydock/kit';
import { defineConfig } from '@playwright/test';

const executablePath = findTool('chromium');
/** As root Chromium has no sandbox; without a network its own background requests only fail, many at a time. */
const args = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
];

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  outputDir: '../test-results',
  globalSetup: './setup.ts',
  workers: 1,
  timeout: 60_000,
  use: {
    screenshot: 'only-on-failure',
    launchOptions: { args, ...(executablePath ? { executablePath } : {}) },
  },
});
