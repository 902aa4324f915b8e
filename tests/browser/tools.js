// The packages of package.json. They are installed outside the checkout, where `import` does not look.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const folder = process.env.BROWSER_TEST_MODULES
  ?? execFileSync(fileURLToPath(new URL('modules.sh', import.meta.url)), { encoding: 'utf8' }).trim();
const require = createRequire(`${folder}/package.json`);

export const { chromium } = require('playwright-core');
export const { AxeBuilder } = require('@axe-core/playwright');
