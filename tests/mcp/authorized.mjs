// An MCP server that wants OAuth: server-everything behind a door that opens to the tokens of an authorization server of
// npm (oidc-provider), both behind TLS; and a browser in which somebody agrees to everything.
import http from 'node:http';
import https from 'node:https';
import fs from 'node:fs';
import path from 'node:path';

import { FarServer } from './servers.mjs';

const hosts = ['mcp.test', 'auth.test'];
const lasting = ['Interaction', 'Session', 'Grant', 'AuthorizationCode', 'RefreshToken'];

function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

// oidc-provider says on the console what every test server of it would be told.
async function loadProvider() {
  const { warn, info } = console;
  console.warn = console.info = () => {};
  const { Provider } = await import('oidc-provider');
  return {
    make: (...args) => new Provider(...args),
    done: () => Object.assign(console, { warn, info }),
  };
}

export class AuthorizedServer extends FarServer {
  static names = hosts;
  texts = new Set(); // Of every token, code and client secret that there was.
  grants = new Set();
  renewals = 0;
  refusals = 0; // Of the token endpoint.
  tokenSeconds = 600;
  robot = { client_id: 'robot', client_secret: 'robot-secret-0123456789abcdef' };

  static async start(folder) {
    const far = await super.start(folder);
    far.url = `https://mcp.test:${far.front.address().port}/mcp`;
    await far.openAuthority(folder);
    far.certificate = far.settings['cloud_os.egress_ca'];
    far.settings['cloud_os.egress_hosts'] = hosts.map((name) => `${name}=127.0.0.1`).join(',');
    // For programs outside of the platform, which ask the system for names.
    far.hostsFile = path.join(folder, 'hosts');
    fs.writeFileSync(far.hostsFile, `127.0.0.1 localhost ${hosts.join(' ')}\n`);
    return far;
  }

  async openAuthority(folder) {
    const [key, cert] = ['key', 'crt'].map((name) => fs.readFileSync(path.join(folder, name)));
    let answer;
    this.back = https.createServer({ key, cert }, (request, response) => answer(request, response));
    this.issuer = `https://auth.test:${await listen(this.back)}`;
    const { make, done } = await loadProvider();
    this.provider = make(this.issuer, this.configuration());
    const rest = this.provider.callback();
    done();
    answer = (request, response) => {
      if (request.url === '/token') this.count(response);
      return request.url.startsWith('/interaction/') ? this.agree(request, response) : rest(request, response);
    };
    for (const event of ['access_token.saved', 'refresh_token.saved', 'authorization_code.saved', 'client_credentials.saved'])
      this.provider.on(event, (token) => {
        this.texts.add(token.jti);
        if (token.grantId) this.grants.add(token.grantId);
      });
    this.provider.on('registration_create.success', (context, client) => client.clientSecret && this.texts.add(client.clientSecret));
    this.texts.add(this.robot.client_secret);
  }

  configuration() {
    const resource = () => ({ scope: 'mcp', accessTokenTTL: this.tokenSeconds, accessTokenFormat: 'opaque' });
    return {
      clients: [{ ...this.robot, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
      findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
      interactions: { url: (context, { uid }) => `/interaction/${uid}` },
      rotateRefreshToken: true,
      ttl: { ...Object.fromEntries(lasting.map((kind) => [kind, 3600])), AccessToken: () => this.tokenSeconds, ClientCredentials: () => this.tokenSeconds },
      features: {
        devInteractions: { enabled: false },
        registration: { enabled: true },
        clientCredentials: { enabled: true },
        resourceIndicators: { enabled: true, getResourceServerInfo: resource, useGrantedResource: () => true },
      },
    };
  }

  count(response) {
    response.on('finish', () => {
      if (response.statusCode === 200) this.renewals += 1;
      else this.refusals += 1;
    });
  }

  // Somebody signs in as ada, and agrees.
  async agree(request, response) {
    const { prompt, params, session } = await this.provider.interactionDetails(request, response);
    if (prompt.name === 'login')
      return this.provider.interactionFinished(request, response, { login: { accountId: 'ada' } });
    const grant = new this.provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope('openid offline_access');
    grant.addResourceScope(params.resource, 'mcp');
    const consent = { grantId: await grant.save() };
    return this.provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
  }

  async find(text) {
    const kinds = [this.provider.AccessToken, this.provider.ClientCredentials];
    const found = await Promise.all(kinds.map((kind) => kind.find(text)));
    return found.find((token) => token && !token.isExpired);
  }

  async admits({ headers: { authorization = '' } }) {
    const token = await this.find(authorization.replace(/^Bearer /, ''));
    return token !== undefined && [token.aud].flat().includes(this.url) && token.scope === 'mcp';
  }

  refuse(response) {
    const place = `${new URL(this.url).origin}/.well-known/oauth-protected-resource/mcp`;
    response.writeHead(401, { 'WWW-Authenticate': `Bearer resource_metadata="${place}", scope="mcp"` }).end();
  }

  async pass(port, request, response) {
    if (request.url !== '/.well-known/oauth-protected-resource/mcp') return super.pass(port, request, response);
    response.setHeader('Content-Type', 'application/json');
    return response.end(JSON.stringify({ resource: this.url, authorization_servers: [this.issuer], scopes_supported: ['mcp'] }));
  }

  // Before their time, as an administrator does.
  async revokeAccessTokens() {
    for (const text of this.texts) await (await this.find(text))?.destroy();
  }

  async revokeGrants() {
    for (const grant of this.grants) {
      for (const kind of ['AccessToken', 'RefreshToken']) await this.provider[kind].revokeByGrantId(grant);
      await this.provider.Grant.adapter.destroy(grant);
    }
  }

  stop() {
    super.stop();
    this.back.closeAllConnections();
    this.back.close();
  }
}

// Follows an address as a browser does, with cookies: { status, text, url } of where that ends.
export async function browse(url, certificateFile) {
  const ca = fs.readFileSync(certificateFile);
  const here = { address: '127.0.0.1', family: 4 };
  const lookup = (host, options, done) => (options.all ? done(null, [here]) : done(null, here.address, here.family));
  const cookies = new Map();
  for (let hops = 0; hops < 20; ++hops) {
    const { protocol, host } = new URL(url);
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = host.startsWith('auth.test') ? { cookie } : {};
    const answer = await new Promise((resolve, reject) => {
      const { get } = protocol === 'https:' ? https : http;
      get(url, { ca, lookup, headers, agent: false }, resolve).on('error', reject);
    });
    const chunks = [];
    for await (const chunk of answer) chunks.push(chunk);
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value) cookies.set(name, value);
      else cookies.delete(name);
    }
    const location = answer.headers.location;
    if (!location) return { status: answer.statusCode, text: Buffer.concat(chunks).toString(), url };
    url = new URL(location, url).href;
  }
  throw new Error(`too many redirects, the last to ${url}`);
}
