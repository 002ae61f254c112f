/** Files that rekey.yaml may be, and may not be, for the parser and for the schema of editors alike. */

const SERVICE = `
    names: [JWT_SECRET_KEY]
    files: { development: main/.env, production: main/.env.production }`;

const with_ = (service: string, top = '') => `maxTokenTTL: 24h
${top}services:
  main:${service}
`;
const serviceWith = (fields: string) => with_(`${SERVICE}\n    ${fields}`);
const fileAt = (path: string) => with_(`\n    names: [JWT_SECRET_KEY]\n    files: { production: ${path} }`);

export const VALID: Readonly<Record<string, string>> = {
  'the least': with_(SERVICE),
  all: `period: 90d
maxTokenTTL: 24h
clockSkew: 0s
slack: 1h30m
algorithm: HS384
keyBytes: 48
fallbacks: OLD_KEYS
sourceOfTruth: main
canary: { issuer: shop, audience: shop, claims: { roles: [admin], level: 3 } }
services:
  main:${SERVICE}
    roles: [Signer, Verifier]
    readsFallbacks: true
    reload: docker compose up -d main
    canary: http://127.0.0.1:8000/auth/verify?deep=1
  admin.web-2:
    names: [JWT_SECRET, SECRET_KEY]
    files: { production: admin/.env.production, qa_2: "admin/.env qa" }
    roles: [Verifier]
    readsFallbacks: false
    reload: { production: systemctl restart admin }
    canary: { qa_2: https://qa.example.com/verify }
    canaryRequest:
      method: POST
      token: { in: Body }
      body: token=$(TOKEN)
      contentType: application/x-www-form-urlencoded
      host: qa.example.com
      headers: [{ name: X-Tenant, value: shop }]
      insecureSkipTLSVerify: true
      acceptStatuses: [206]
      refuseStatuses: [302]
      response: { accepted: { pointer: /active, value: true }, refused: { pointer: /active, value: false } }
`,
  'a path in its own folder': fileAt('./main/.env..x'),
};

/** Both refuse them; the parser with a message that matches. */
export const INVALID: Readonly<Record<string, readonly [text: string, message: RegExp]>> = {
  'no maxTokenTTL': [with_(SERVICE).replace('maxTokenTTL: 24h\n', ''), /^rekey\.yaml:1: maxTokenTTL: it is missing/],
  'no service': ['maxTokenTTL: 24h\n', /services: it is missing/],
  'an empty list of services': ['maxTokenTTL: 24h\nservices: {}\n', /^rekey\.yaml:2: services: it is empty/],
  'a list of services': ['maxTokenTTL: 24h\nservices: [main]\n', /services: expected fields/],
  'not a mapping': ['- maxTokenTTL\n', /expected fields/],
  'an unknown field': [with_(SERVICE, 'perid: 90d\n'), /^rekey\.yaml:2: perid: unknown field; did you mean period\?/],
  'an unknown field of a service': [
    serviceWith('reads: true'),
    /^rekey\.yaml:6: services\.main\.reads: unknown field; expected one of/,
  ],
  'an unknown field of canary': [
    with_(SERVICE, 'canary: { isuer: x }\n'),
    /canary\.isuer: unknown field; did you mean issuer\?/,
  ],
  'a number as duration': [with_(SERVICE, 'period: 90\n'), /^rekey\.yaml:2: period: expected a duration such as 90d/],
  'no time as period': [with_(SERVICE, 'period: 0d\n'), /period: expected a duration longer than 0s/],
  'no time as life': [with_(SERVICE).replace('24h', '0h'), /maxTokenTTL: expected a duration longer/],
  'another algorithm': [with_(SERVICE, 'algorithm: RS256\n'), /algorithm: expected HS256 or HS384 or HS512/],
  'a short key': [with_(SERVICE, 'keyBytes: 16\n'), /keyBytes: expected a whole number from 32 to 128/],
  'a key too short for the algorithm': [
    with_(SERVICE, 'algorithm: HS512\nkeyBytes: 48\n'),
    /keyBytes: expected a whole number from 64/,
  ],
  'a part of a byte': [with_(SERVICE, 'keyBytes: 33.5\n'), /keyBytes: expected a whole number/],
  'a name with a dash': [
    with_('\n    names: [JWT-SECRET]\n    files: { production: a }'),
    /^rekey\.yaml:4: services\.main\.names\[0\]: expected names of variables/,
  ],
  'the name of the key id among the names': [
    with_('\n    names: [A, JWT_KEY_ID]\n    files: { production: a }'),
    /^rekey\.yaml:4: services\.main\.names\[1\]: rekey writes the id of the key to JWT_KEY_ID, and no key; expected names/,
  ],
  'the name of the key id for the fallbacks': [
    with_(SERVICE, 'fallbacks: JWT_KEY_ID\n'),
    /^rekey\.yaml:2: fallbacks: rekey writes the id of the key to JWT_KEY_ID, and no key; expected the name/,
  ],
  'no names': [with_('\n    files: { production: a }'), /services\.main\.names: it is missing/],
  'no name in names': [
    with_('\n    names: []\n    files: { production: a }'),
    /services\.main\.names: expected a list of names/,
  ],
  'a name twice': [with_('\n    names: [A, A]\n    files: { production: a }'), /names\[1\]: it is listed twice/],
  'no files': [with_('\n    names: [A]'), /services\.main\.files: it is missing/],
  'no file in files': [with_('\n    names: [A]\n    files: {}'), /services\.main\.files: it is empty/],
  'a service without fields': [with_(' ~'), /services\.main: expected fields: names, files/],
  'a service with a slash': [
    'maxTokenTTL: 24h\nservices:\n  a/b: { names: [A], files: { x: y } }\n',
    /^rekey\.yaml:3: services\.a\/b: expected names of services/,
  ],
  'an environment with a slash': [
    with_('\n    names: [A]\n    files: { eu/production: a }'),
    /^rekey\.yaml:5: services\.main\.files\.eu\/production: expected names of environments/,
  ],
  'an environment with a capital': [
    with_('\n    names: [A]\n    files: { Production: a }'),
    /files\.Production: expected names/,
  ],
  'an absolute path': [
    fileAt('/etc/main.env'),
    /^rekey\.yaml:5: services\.main\.files\.production: "\/etc\/main\.env" is absolute/,
  ],
  'a path of Windows': [fileAt('C:/main.env'), /is absolute/],
  'a path from home': [fileAt('~/main.env'), /is absolute/],
  'a path that leaves the root': [fileAt('main/../../.env'), /goes up by \.\./],
  'a path that goes up only': [fileAt('..'), /goes up by \.\./],
  'a backslash': [fileAt("'main\\.env'"), /expected the path of a file/],
  'a folder': [fileAt('main/'), /expected the path of a file/],
  'a control character': [fileAt('"main\\u001b.env"'), /expected the path of a file/],
  'an empty path': [fileAt('""'), /expected the path of a file/],
  'an unknown role': [serviceWith('roles: [Singer]'), /roles\[0\]: expected Signer or Verifier/],
  'no role': [serviceWith('roles: []'), /roles: expected a list/],
  'a word as flag': [serviceWith('readsFallbacks: maybe'), /readsFallbacks: expected true or false/],
  'an empty command': [serviceWith('reload: " "'), /reload: expected a command/],
  'no command': [serviceWith('reload: {}'), /reload: it is empty/],
  'a URL of files': [serviceWith('canary: file:///etc/passwd'), /canary: expected a URL/],
  'a URL with a password': [serviceWith('canary: http://a:b@host/'), /canary: expected a URL/],
  'a claim that rekey sets': [
    with_(SERVICE, 'canary: { claims: { exp: 1 } }\n'),
    /^rekey\.yaml:2: canary\.claims\.exp: rekey sets this claim/,
  ],
  'an unknown field of a request': [
    serviceWith('canaryRequest: { metod: POST }'),
    /^rekey\.yaml:6: services\.main\.canaryRequest\.metod: unknown field; did you mean method\?/,
  ],
  'a method that changes things': [serviceWith('canaryRequest: { method: DELETE }'), /method: expected GET or POST/],
  'a place for the token that there is not': [
    serviceWith('canaryRequest: { token: { in: Query } }'),
    /token\.in: expected Header or Cookie or Body/,
  ],
  'a header over two lines': [
    serviceWith('canaryRequest: { headers: [{ name: X-A, value: "b\\r\\nX-C: d" }] }'),
    /headers\[0\]\.value: expected printable ASCII/,
  ],
  'a header that is none': [
    serviceWith('canaryRequest: { headers: [{ name: "X A", value: b }] }'),
    /headers\[0\]\.name: not a header name/,
  ],
  'a success that is refused': [
    serviceWith('canaryRequest: { refuseStatuses: [200] }'),
    /refuseStatuses\[0\]: expected a whole number from 300 to 499/,
  ],
  'a pointer without a slash': [
    serviceWith('canaryRequest: { response: { accepted: { pointer: data } } }'),
    /response\.accepted\.pointer: not a JSON pointer/,
  ],
  'a fallback that can be no variable': [
    with_(SERVICE, 'fallbacks: OLD KEYS\n'),
    /fallbacks: expected the name of a variable/,
  ],
};

/** What the schema of editors cannot say. */
export const REFUSED_BY_PARSER: Readonly<Record<string, readonly [text: string, message: RegExp]>> = {
  'a status that means both': [
    serviceWith('canaryRequest: { acceptStatuses: [403], refuseStatuses: [403] }'),
    /^rekey\.yaml:6: services\.main\.canaryRequest\.refuseStatuses: 403 cannot mean both/,
  ],
  'a body without a method that has one': [
    serviceWith('canaryRequest: { body: x }'),
    /body: a body needs method: POST/,
  ],
  'a certificate of http': [
    serviceWith('canary: "http://a/"\n    canaryRequest: { insecureSkipTLSVerify: true }'),
    /insecureSkipTLSVerify: it needs https; the canary of development is http/,
  ],
  'the audience twice': [
    with_(SERVICE, 'canary: { audience: a, claims: { aud: [a] } }\n'),
    /^rekey\.yaml:2: canary\.claims\.aud: canary\.audience sets this claim too/,
  ],
  'two services with one file': [
    `${with_(SERVICE, 'sourceOfTruth: main\n')}  admin:\n    names: [A]\n    files: { staging: ./main/.env }\n`,
    /^rekey\.yaml:9: services\.admin\.files\.staging: "main\/\.env" is the file of main in development already/,
  ],
  'one file in two environments': [
    with_('\n    names: [A]\n    files:\n      staging: main/.env\n      production: main//.env'),
    /^rekey\.yaml:7: services\.main\.files\.production: "main\/\.env" is the file of main in staging already/,
  ],
  'a source of truth that is not there': [
    with_(SERVICE, 'sourceOfTruth: mian\n'),
    /^rekey\.yaml:2: sourceOfTruth: expected a service: did you mean main\?/,
  ],
  'no source of truth of two': [
    `${with_(SERVICE)}  admin:\n    names: [A]\n    files: { staging: a }\n`,
    /sourceOfTruth: it is missing; expected a service: main, admin/,
  ],
  'a period in which no token expires': [
    with_(SERVICE, 'period: 24h\n'),
    /period: expected more than the time in which old tokens expire, 1d 6h 1m \(1d tokens \+ 1m skew \+ 6h slack\)/,
  ],
  'a fallback that is a key': [
    with_(SERVICE, 'fallbacks: JWT_SECRET_KEY\n'),
    /fallbacks: it is a name of the signing key of main too/,
  ],
  'a command for an environment without a file': [
    serviceWith('reload: { staging: make }'),
    /reload\.staging: files has no staging; expected one of development, production/,
  ],
  'a field twice': [
    with_(SERVICE, 'period: 90d\nperiod: 30d\n'),
    /^rekey\.yaml:3: this is not YAML: duplicated mapping key/,
  ],
  'something else': ['maxTokenTTL: [24h\n', /^rekey\.yaml:\d+: this is not YAML: /],
  'two documents': [`${with_(SERVICE)}---\n${with_(SERVICE)}`, /second document/],
};
