// Servers of npm for the tests: as programs that a sandbox can start, and one over HTTP behind TLS and a token.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { backend, noSandbox, until } from '../e2e/harness.mjs';
import { hasPackages } from './files.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const noNodeInside = (() => {
  // A sandbox of the backend bubblewrap sees the host's /usr, and nothing else of its programs; what an image of Docker
  // has in it, tests/with_docker took from there.
  if (backend === 'docker' && !process.env.ISA_TEST_IMAGE_HAS_NODE) return 'there is no node in the image';
  const found = spawnSync('sh', ['-c', 'PATH=/usr/local/bin:/usr/bin command -v node'], { encoding: 'utf8' });
  return found.status === 0 ? false : 'node is not under /usr, which is what a sandbox sees';
})();
export const skip = noSandbox || (hasPackages ? false : 'run npm ci in tests/mcp');
export const skipInside = skip || noNodeInside;
export const secret = 'mcp-token-0123456789abcdef';

const packages = '/workspace/node_modules/@modelcontextprotocol';
export const servers = {
  files: { command: 'node', args: [`${packages}/server-filesystem/dist/index.js`, '/workspace/shared'] },
  everything: { command: 'node', args: [`${packages}/server-everything/dist/index.js`, 'stdio'], env: { MARK: 'of the config' } },
};

function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

const answers = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(Boolean(socket.destroy()))).on('error', () => resolve(false));
  });

export function certificate(folder, ...names) {
  const [key, crt] = ['key', 'crt'].map((name) => path.join(folder, name));
  const subject = `/CN=${names[0]} -addext subjectAltName=${names.map((name) => `DNS:${name}`)}`;
  execFileSync(
    'openssl',
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj ${subject} -keyout ${key} -out ${crt}`.split(' '),
    { stdio: 'ignore' },
  );
  return { key: fs.readFileSync(key), cert: fs.readFileSync(crt), file: crt };
}

// server-everything over HTTP, a process of this machine, with TLS before it that lets nobody through without the token.
export class FarServer {
  seen = []; // { method, authorization } of each request.

  static async start(folder) {
    const far = new this();
    const port = await freePort();
    const program = path.join(here, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
    far.upstream = spawn(process.execPath, [program, 'streamableHttp'], { env: { ...process.env, PORT: `${port}` }, stdio: 'ignore' });
    await until('server-everything', () => answers(port));
    const { key, cert, file } = certificate(folder, ...this.names);
    far.front = https.createServer({ key, cert }, (request, response) => far.pass(port, request, response));
    await new Promise((resolve) => far.front.listen(0, '127.0.0.1', resolve));
    far.settings = { 'cloud_os.egress_hosts': `mcp.test=127.0.0.1:${far.front.address().port}`, 'cloud_os.egress_ca': file };
    return far;
  }

  static names = ['mcp.test'];
  admits(request) {
    return request.headers.authorization === `Bearer ${secret}`;
  }
  refuse(response) {
    response.writeHead(401).end();
  }

  async pass(port, request, response) {
    const seen = { method: request.method, authorization: request.headers.authorization };
    this.seen.push(seen);
    seen.isAdmitted = await this.admits(request);
    if (!seen.isAdmitted) return this.refuse(response);
    const { authorization, ...headers } = request.headers;
    const inner = http.request({ port, method: request.method, path: request.url, headers: { ...headers, host: `localhost:${port}` } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    response.on('close', () => inner.destroy());
    inner.on('error', () => response.destroy());
    return request.pipe(inner);
  }

  stop() {
    this.upstream.kill('SIGKILL');
    this.front.closeAllConnections();
    this.front.close();
  }
}

// Writes a file into the sandbox that answered this session.
export async function putIntoSandbox(platform, session, name, bytes) {
  const cloud_os = platform.internal('cloud_os');
  const sandbox = await until('the sandbox in the audit trail', async () => {
    const { json } = await cloud_os.get(`/api/v1/audit?session_id=${session}`);
    return json.entries.find(({ sandbox_id }) => sandbox_id)?.sandbox_id;
  });
  return cloud_os.put(`/api/v1/vms/${sandbox}/files/${name}`, bytes);
}
