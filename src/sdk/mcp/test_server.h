// For tests: an MCP server that is a real process, in Python, as good or bad as its first argument says.
#pragma once

#include "base/testing.h"
#include "sdk/mcp/client.h"
#include "sdk/mcp/stdio_transport.h"

#include <fstream>
#include <string>
#include <vector>

namespace isa::sdk::mcp::testing {

inline constexpr const char* kServerProgram = R"PY(
import json, os, signal, sys, time
mode, notes = sys.argv[1], sys.argv[2]
modern = mode == 'modern'
calls = 0

def send(message):
    sys.stdout.write(json.dumps(dict(message, jsonrpc='2.0')) + '\n')
    sys.stdout.flush()

def note(text):
    with open(notes, 'a') as file:
        file.write(text + '\n')

def error(id, code, text, data=None):
    send({'id': id, 'error': dict({'code': code, 'message': text}, **({'data': data} if data else {}))})

def read():
    line = sys.stdin.readline()
    if not line:
        if mode == 'stubborn':
            time.sleep(600)  # Until it is killed.
        sys.exit(0)
    return json.loads(line)

def tool(name, **more):
    return dict({'name': name, 'inputSchema': {'type': 'object'}}, **more)

def listed(params):
    if mode == 'endless':
        page = int(params.get('cursor', '0'))
        return {'tools': [tool('t%d_%d' % (page, i)) for i in range(50)], 'nextCursor': str(page + 1)}
    if mode == 'circle':
        return {'tools': [tool('t')], 'nextCursor': 'same'}
    tools = [tool('echo', annotations={'readOnlyHint': True}, description='Says it again'), tool('write.it'),
             tool('die'), tool('slow'), tool('many'), tool('ask'), tool('env'), tool('restless'), {'name': 'broken'}]
    half = 5
    if 'cursor' in params:
        return {'tools': tools[half:]}
    return {'tools': tools[:half], 'nextCursor': 'rest'}

def done(id, result):
    send({'id': id, 'result': dict(result, resultType='complete') if modern else result})

def text(value):
    return {'content': [{'type': 'text', 'text': value}]}

def call(id, params):
    global calls
    calls += 1
    name, arguments = params['name'], params.get('arguments', {})
    if name == 'echo':
        done(id, text(json.dumps(arguments)))
    elif name == 'env':
        done(id, text(json.dumps(dict(os.environ))))
    elif name == 'write.it':
        done(id, dict(text('it cannot be written'), isError=True))
    elif name == 'die':
        sys.stderr.write('out of cheese\n')
        sys.exit(3)
    elif name == 'slow':
        token = params['_meta'].get('progressToken') if '_meta' in params else None
        for step in range(3):
            if token is not None:
                send({'method': 'notifications/progress', 'params': {'progressToken': token, 'progress': step, 'total': 3}})
        while True:
            message = read()
            if message.get('method') == 'notifications/cancelled':
                note('cancelled %s' % (message['params']['requestId'] == id))
                return
    elif name == 'many':
        done(id, text('x' * 300000))
    elif name == 'restless':
        send({'method': 'notifications/tools/list_changed'})
        done(id, text('changed'))
    elif name == 'ask' and modern:
        if 'inputResponses' in params:
            done(id, text(json.dumps([params['inputResponses'], params['requestState']])))
        else:
            send({'id': id, 'result': {'resultType': 'input_required', 'requestState': 's1', 'inputRequests':
                  {'q': {'method': 'elicitation/create', 'params': {'message': 'sure?'}}}}})
    elif name == 'ask':
        send({'id': 'q', 'method': 'elicitation/create', 'params': {'message': 'sure?'}})
        answer = read()
        send({'id': 'r', 'method': 'sampling/createMessage', 'params': {}})
        done(id, text(json.dumps([answer['result'], read()['error']['code']])))
    else:
        error(id, -32602, 'unknown tool')

if mode == 'stubborn':
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode == 'dead':
    sys.stderr.write('cannot start: no licence\n')
    sys.exit(7)
if mode == 'loud':
    print('Welcome to the server!', flush=True)
if mode == 'flood':
    sys.stdout.write('x' * (5 << 20))
    sys.stdout.flush()
note('started')
while True:
    message = read()
    if mode == 'silent':
        continue
    id, method, params = message.get('id'), message['method'], message.get('params', {})
    if method == 'server/discover':
        if modern:
            note('modern ' + params['_meta']['io.modelcontextprotocol/protocolVersion'])
            done(id, {'supportedVersions': ['2026-07-28'], 'capabilities': {'tools': {}},
                      'serverInfo': {'name': 'test', 'version': '1'}})
        elif mode != 'mute':
            error(id, -32601, 'Method not found')
    elif method == 'initialize':
        version = '1999-01-01' if mode == 'odd' else params['protocolVersion']
        done(id, {'protocolVersion': version, 'capabilities': {'tools': {'listChanged': True}, 'resources': {}, 'prompts': {}},
                  'serverInfo': {'name': 'test', 'version': '1'}})
    elif method == 'tools/list':
        note('listed')
        done(id, listed(params))
    elif method == 'tools/call':
        call(id, params)
    elif method == 'resources/list':
        done(id, {'resources': [{'uri': 'note://1', 'name': 'first', 'mimeType': 'text/plain'}]})
    elif method == 'resources/read':
        done(id, {'contents': [{'uri': params['uri'], 'text': 'the text'}, {'uri': 'b:1', 'mimeType': 'image/png', 'blob': 'AAAA'}]})
    elif method == 'prompts/list':
        done(id, {'prompts': [{'name': 'greet', 'arguments': [{'name': 'who', 'required': True}]}]})
    elif method == 'prompts/get':
        done(id, {'messages': [{'role': 'user', 'content': {'type': 'text', 'text': 'Hello ' + params['arguments']['who']}}]})
    elif id is not None:
        error(id, -32601, 'Method not found')
)PY";

// The program in a folder of its own, and what it noted down there.
class Script {
 public:
  Script() { std::ofstream(folder_ / "server.py") << kServerProgram; }

  std::vector<std::string> arguments(std::string mode) const {
    return {"-S", (folder_ / "server.py").string(), std::move(mode), (folder_ / "notes").string()};
  }
  StdioServer server(std::string mode) const {
    StdioServer server;
    server.name = "test";
    server.command = "python3";
    server.args = arguments(std::move(mode));
    server.env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
    server.folder = folder_.path().string();
    server.patience = std::chrono::milliseconds(500);
    return server;
  }
  std::string folder() const { return folder_.path().string(); }
  std::size_t noted(std::string_view line) const {
    std::ifstream notes(folder_ / "notes");
    std::size_t count = 0;
    for (std::string one; std::getline(notes, one);) count += one == line ? 1 : 0;
    return count;
  }

 private:
  isa::testing::TempFolder folder_;
};

}  // namespace isa::sdk::mcp::testing
