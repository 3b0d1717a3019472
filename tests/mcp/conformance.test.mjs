// The official conformance suite of MCP against our client, in both generations of the protocol.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { binary, temporaryFolder } from '../e2e/harness.mjs';
import { node22, noNode22 } from './node22.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const suite = path.join(here, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const client = path.join(path.dirname(binary), 'tests/mcp/isa-mcp-client');
const skip = noNode22 || (fs.existsSync(suite) ? false : 'run npm ci in tests/mcp');

function run(args, folder) {
  return new Promise((resolve, reject) => {
    const child = spawn(node22, [suite, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output }));
  });
}

// What each scenario's checks came to: { scenario: [names of what failed] }.
function outcomes(folder) {
  const found = {};
  const walk = (at, name) => {
    for (const entry of fs.readdirSync(at, { withFileTypes: true })) {
      const inner = path.join(at, entry.name);
      if (entry.isDirectory()) walk(inner, name ? `${name}/${entry.name}` : entry.name);
      if (entry.name !== 'checks.json') continue;
      const scenario = name.replace(/-\d{4}-\d\d-\d\dT.*$/, '');
      const checks = JSON.parse(fs.readFileSync(inner, 'utf8'));
      found[scenario] = checks.filter(({ status }) => status === 'FAILURE').map(({ id }) => id);
    }
  };
  walk(folder, '');
  return found;
}

// The scenarios that a revision requires, and how many of them are about authorization, where the expected failures are.
for (const { revision, required, authorization } of [
  { revision: '2025-11-25', required: 18, authorization: 14 },
  { revision: '2026-07-28', required: 32, authorization: 25 },
])
  test(`the client does what ${revision} requires of it`, { skip, timeout: 300_000 }, async () => {
    const folder = temporaryFolder();
    const { status, output } = await run(
      [
        ...['client', '--command', client, '--requirements', revision, '-o', folder],
        ...['--expected-failures', path.join(here, `expected-failures-${revision}.yaml`)],
      ],
      folder,
    );
    assert.equal(status, 0, output.slice(-6000));
    const found = Object.entries(outcomes(folder)).filter(([name]) => !name.startsWith('auth/'));
    assert.deepEqual(
      found.filter(([, failed]) => failed.length > 0),
      [],
    );
    assert.ok(found.length >= required - authorization, `only ${found.length} scenarios were run`);
  });
