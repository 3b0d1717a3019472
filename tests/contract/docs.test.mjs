// What the documentation names is there: routes, and files of this repository. The original's described clients and routes
// that nobody had written.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Contract, roles } from './contract.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((name) => name && fs.existsSync(path.join(root, name)));
const pages = tracked.filter((name) => name.endsWith('.md') && !name.startsWith('skills/') && !name.includes('corpus'));
const linesOf = (page) => fs.readFileSync(path.join(root, page), 'utf8').split('\n');

const operations = roles.flatMap((role) => new Contract(role).operations);
const shape = (route) => route.replace(/\{[^}]*\}|<[^>]*>|\b(agent|sess|run|multi|vm|inst|appr)_\w+/g, 'x').replace(/\/$/, '');
const isThere = (method, route) =>
  operations.some((one) => (!method || one.method === method) && one.pattern.test(shape(route)));

test('every route that a page names is served', () => {
  const unknown = [];
  let count = 0;
  for (const page of pages)
    linesOf(page).forEach((line, index) => {
      for (const [, method, route] of line.matchAll(/(?:\b(GET|POST|PUT|PATCH|DELETE) )?(?:https?:\/\/(?:localhost|127\.0\.0\.1)(?::\d+|:\$\w+)?)?(\/(?:api\/)?v1\/[\w/{}<>.-]+)/g)) {
        ++count;
        const whole = route.replace(/[.,]+$/, '');
        // "/api/v1/agents/..." speaks of all below it.
        if (!/\.\.|…|\*/.test(line.slice(line.indexOf(route), line.indexOf(route) + route.length + 4)) && !isThere(method, whole))
          unknown.push(`${page}:${index + 1}: ${method ?? ''} ${whole}`);
      }
    });
  assert.ok(count > 5, `only ${count} routes were found`);
  assert.deepEqual(unknown, []);
});

test('every file that a page names is there', () => {
  const missing = [];
  let count = 0;
  for (const page of pages)
    linesOf(page).forEach((line, index) => {
      for (const [, file] of line.matchAll(/`((?:src|tests|docs|api|deploy|examples|bench|templates|skills)\/[\w./-]+\.\w+)`/g)) {
        ++count;
        if (!fs.existsSync(path.join(root, file))) missing.push(`${page}:${index + 1}: ${file}`);
      }
    });
  assert.ok(count > 20, `only ${count} files were found`);
  assert.deepEqual(missing, []);
});

// "`file`: *name*, *name*": of a test in C++ Suite.Name, of one in Node.js its name or the part of it that is fixed.
test('every test that a page cites is in the file that it names', () => {
  const missing = [];
  let count = 0;
  for (const page of pages)
    for (const [, file, names] of fs.readFileSync(path.join(root, page), 'utf8').matchAll(/`([\w./-]+)`: ((?:\*[^*\n]+\*(?:, )?)+)/g)) {
      const text = fs.existsSync(path.join(root, file)) ? fs.readFileSync(path.join(root, file), 'utf8') : '';
      for (const [, name] of names.matchAll(/\*([^*]+)\*/g)) {
        ++count;
        const there = file.endsWith('.cpp') ? `(${name.replace('.', ', ')})` : name;
        if (!text.includes(there)) missing.push(`${page}: ${file}: ${name}`);
      }
    }
  assert.ok(count > 50, `only ${count} citations were found`);
  assert.deepEqual(missing, []);
});

test('the rule about routes can fail', () => {
  assert.equal(isThere('POST', '/api/v1/agents/orchestrate'), false);
  assert.equal(isThere('GET', '/api/v1/agents/configs/{id}'), true);
});
