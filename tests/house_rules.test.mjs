// What CONTRIBUTING.md and the architecture promise about the source, held by a test.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter(
    (name) => name && fs.existsSync(path.join(root, name)) && fs.statSync(path.join(root, name)).isFile(),
  );
const read = (name) => fs.readFileSync(path.join(root, name), 'utf8');
const sources = tracked.filter((name) => /^src\/.*\.(h|cpp|c)$/.test(name));
const modules = [...new Set(sources.map((name) => name.split('/')[1]))];

// "file:line: text" of every line of `files` for which `isBroken` says so. Comments count: a rule about words is
// about them too.
function findings(files, isBroken) {
  const found = [];
  for (const name of files) {
    read(name)
      .split('\n')
      .forEach((line, index) => {
        if (isBroken(line, name)) found.push(`${name}:${index + 1}: ${line.trim()}`);
      });
  }
  return found;
}

const layers = ['base', 'net', 'store', 'sdk'];
const roles = ['auth', 'model', 'cloud_os', 'pool', 'agent', 'runtime'];
const facesOfRoles = { cloud_os: ['cloud_os/client.h', 'cloud_os/vm.h'] };

// A test may put the real parts of other roles together; the layers hold for it all the same.
function mayInclude(module, header, isTest = false) {
  const other = header.split('/')[0];
  if (other === module || module === 'app' || !modules.includes(other)) return true;
  if (other === 'app') return false;
  if (roles.includes(other))
    return (
      roles.includes(module) && (isTest || (facesOfRoles[other] ?? [`${other}/client.h`]).includes(header))
    );
  return roles.includes(module) || layers.indexOf(other) < layers.indexOf(module);
}

test('every folder of src is a layer, a role, or the program', () => {
  assert.deepEqual(
    modules.filter((name) => ![...layers, ...roles, 'app'].includes(name)),
    [],
  );
});

test('includes point down the layers only, and a role sees nothing of another but its client', () => {
  const upward = findings(sources, (line, name) => {
    const [, header] = /^\s*#include "([^"]+)"/.exec(line) ?? [];
    return (
      header && header.includes('/') && !mayInclude(name.split('/')[1], header, name.endsWith('_test.cpp'))
    );
  });
  assert.deepEqual(upward, []);
});

test('the rule about includes can fail', () => {
  assert.equal(mayInclude('base', 'net/http.h'), false);
  assert.equal(mayInclude('net', 'store/run.h'), false);
  assert.equal(mayInclude('agent', 'pool/lease.h'), false);
  assert.equal(mayInclude('pool', 'cloud_os/vm.h'), true);
  assert.equal(mayInclude('sdk', 'model/client.h'), false);
  assert.equal(mayInclude('sdk', 'model/service.h', true), false);
  assert.equal(mayInclude('pool', 'cloud_os/service.h', true), true);
  assert.equal(mayInclude('pool', 'app/serve.h'), false);
});

test('Beast and OpenSSL are included under src/net only', () => {
  const heavy = /#include <(boost\/beast|boost\/asio\/ssl|openssl\/)/;
  assert.deepEqual(
    findings(sources, (line, name) => heavy.test(line) && !name.startsWith('src/net/')),
    [],
  );
});

test('Beast is not in a header that a handler sees', () => {
  const beast = /#include <boost\/(beast|asio\/ssl)/;
  const everybodys = [
    'http.h',
    'router.h',
    'server.h',
    'client.h',
    'sse.h',
    'endpoint.h',
    'event_loop.h',
  ].map((name) => `src/net/${name}`);
  assert.deepEqual(
    findings(
      sources.filter((name) => everybodys.includes(name)),
      (line) => beast.test(line),
    ),
    [],
  );
});

test('coroutines are spawned in the three files that own them only', () => {
  const owners = /^src\/(base\/task_group|net\/event_loop|base\/testing)\./;
  const call = /\bco_spawn\s*\(|#include <boost\/asio\/(co_spawn|detached)\.hpp>/;
  assert.deepEqual(
    findings(sources, (line, name) => call.test(line) && !owners.test(name)),
    [],
  );
});

test('nothing runs detached', () => {
  const call = /asio::detached|\.detach\(\)/;
  assert.deepEqual(
    findings(
      sources,
      (line, name) => call.test(line) && !/^src\/(base\/task_group|net\/event_loop)\./.test(name),
    ),
    [],
  );
});

test('nothing is marked to be done later', () => {
  const mark = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`);
  const written = tracked.filter((name) =>
    /\.(h|cpp|c|mjs|py|md|yaml|cmake)$|^dev$|CMakeLists\.txt$/.test(name),
  );
  assert.deepEqual(
    findings(written, (line) => mark.test(line)),
    [],
  );
});

test('only programs print: everything else logs', () => {
  const prints =
    /std::(cout|cerr|clog)\b|(?<![\w:])f?printf\s*\(|std::f?printf\s*\(|\bfmt::print\s*\(|\bstd::(fputs|puts)\s*\(/;
  const mayPrint =
    /^src\/app\/|\/main\.cpp$|^src\/base\/log\.cpp$|_test\.cpp$|_fuzz\.cpp$|^src\/cloud_os\/(shim|test_runtime)\//;
  assert.deepEqual(
    findings(sources, (line, name) => prints.test(line) && !mayPrint.test(name)),
    [],
  );
});

test('a thread that sleeps says why on the spot', () => {
  const sleep = /this_thread::sleep_|(?<![\w:.])u?sleep\s*\(|\bnanosleep\s*\(/;
  assert.deepEqual(
    findings(
      sources,
      (line, name) => sleep.test(line) && !line.includes('//') && !name.endsWith('_test.cpp'),
    ),
    [],
  );
});

// Polling in steps of a few milliseconds is how a test waits for what tells nobody.
test('no test waits for time to pass, unless the time is what it tests', () => {
  const longest = 20;
  const tests = tracked.filter((name) => /_test\.cpp$/.test(name));
  const pause = /\b(?:sleep_for|sleep)\((?:std::chrono::)?(?:(milli)?seconds\((\d+)\)|(\d+)(ms|s)\b)/;
  const tooLong = (line) => {
    const [, milli, count, number, unit] = pause.exec(line) ?? [];
    const ms = count ? count * (milli ? 1 : 1000) : (number ?? 0) * (unit === 's' ? 1000 : 1);
    return ms > longest && !line.includes('//');
  };
  assert.deepEqual(findings(tests, tooLong), []);
});

test('no file outgrows its one job', () => {
  const longest = 450;
  const code = tracked.filter((name) => /\.(h|cpp|c|mjs|py)$|^dev$/.test(name) && !name.includes('vendor/'));
  const long = code
    .map((name) => [name, read(name).split('\n').length - 1])
    .filter(([name, lines]) => lines > longest);
  assert.deepEqual(long, []);
});

test('every module has its place in the table of the README', () => {
  const table = read('README.md')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .join('\n');
  const folders = [
    ...modules.map((name) => `src/${name}`),
    ...['templates', 'api', 'tests', 'bench', 'docs'].map((name) => `${name}/`),
  ];
  assert.deepEqual(
    folders.filter((name) => !table.includes(`\`${name}\``)),
    [],
  );
});

test(
  'every setting of the code stands in docs/settings.md, and no other',
  { skip: !tracked.includes('docs/settings.md') && 'there is no docs/settings.md' },
  () => {
    const declared = new Set();
    for (const name of sources.filter(
      (file) => !/_test\.cpp$/.test(file) && file !== 'src/base/settings.h',
    )) {
      for (const [, setting] of read(name).matchAll(/\b(?:setting|secret)\(\s*"([a-z0-9_.]+)"/g))
        declared.add(setting);
    }
    assert.ok(declared.size > 10, 'the settings are declared in a way that this test does not see');
    const page = read('docs/settings.md');
    assert.deepEqual(
      [...page.matchAll(/^([a-z0-9_.]+):/gm)].map(([, setting]) => setting),
      [...declared].sort(),
      'run ./dev docs',
    );
  },
);

test("no file names a package registry or a place on somebody's machine", () => {
  const dot = (...words) => words.join('.').replaceAll('.', '\\.');
  const hosts = [
    dot('registry', 'npmjs', 'org'),
    dot('pypi', 'org'),
    dot('files', 'pythonhosted', 'org'),
    dot('deb', 'debian', 'org'),
    'artifactory',
  ];
  const places = [
    `${['', 'work', ''].join('/')}(main|shared)`,
    ['', 'home', '(?!you/)[a-z]+', ''].join('/'),
    ['', 'Users', '[a-z]+', ''].join('/'),
  ];
  const pattern = new RegExp([...hosts, ...places].join('|'));
  const text = tracked.filter(
    (name) => name !== 'tests/house_rules.test.mjs' && !/\.(png|ico|woff2?)$/.test(name),
  );
  assert.deepEqual(
    findings(text, (line) => pattern.test(line) || (root.length > 5 && line.includes(`${root}/`))),
    [],
  );
});

test('nothing that was built is kept', () => {
  const built = /\.(o|a|so|pyc|class|exe|gch|pch|profraw|log)$|(^|\/)(node_modules|__pycache__|CMakeFiles|build)\//;
  assert.deepEqual(
    tracked.filter((name) => built.test(name)),
    [],
  );
});

test('a lock file pins versions, not where they were fetched from', () => {
  const locks = tracked.filter((name) => name.endsWith('package-lock.json'));
  assert.deepEqual(
    findings(locks, (line) => /"resolved":\s*"(https?|file):/.test(line)),
    [],
  );
});

test('a test in C++ is named by a sentence', () => {
  const tests = sources.filter((name) => name.endsWith('_test.cpp'));
  const named = /^\s*TEST(?:_F|_P)?\(\w+,\s*(\w+)\)/;
  const words = (name) => name.split(/(?=[A-Z])|_/).filter(Boolean).length;
  assert.deepEqual(
    findings(tests, (line) => {
      const found = named.exec(line);
      return found && words(found[1]) < 2;
    }),
    [],
  );
});
