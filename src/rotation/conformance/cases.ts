/** The questions that show whether a service is ready for a rotation: a table of tokens, with the meaning of each answer. */

/** The expected answer. */
export type Expected = 'accepted' | 'refused';

export interface Case {
  /** What is sent, for people. */
  readonly sends: string;
  readonly expects: Expected;
  /** Whether a promise of rekey depends on it. Other cases are advice. */
  readonly required: boolean;
  /** What follows if the service answers otherwise. */
  readonly why: string;
  /** What to change, whatever the language. */
  readonly change: string;
  /** The lines to change, by library. */
  readonly lines?: readonly (readonly [library: string, line: string])[];
  /** A page of the documentation, relative to its root. */
  readonly page: string;
}

const FALLBACKS = 'docs/services/keyring.md';
const LIBRARIES = 'docs/services.md#by-library-and-framework';

const ALGORITHM_LINES = [
  ['jsonwebtoken', "jwt.verify(token, key, { algorithms: ['HS256'] })"],
  ['jose', "jwtVerify(token, key, { algorithms: ['HS256'] })"],
  ['fast-jwt', "createVerifier({ key, algorithms: ['HS256'] })"],
  ['PyJWT, python-jose', "jwt.decode(token, key, algorithms=['HS256'])"],
  ['golang-jwt', 'jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}))'],
  ['ruby-jwt', "JWT.decode(token, key, true, { algorithm: 'HS256' })"],
] as const;

const VERIFY_LINES = [
  ['jsonwebtoken', 'jwt.verify(…), not jwt.decode(…), which checks nothing'],
  ['jose', 'jwtVerify(…), not decodeJwt(…), which checks nothing'],
  ['PyJWT', "jwt.decode(…) without options={'verify_signature': False}"],
  ['golang-jwt', 'parser.Parse(…), not ParseUnverified(…)'],
  ['ruby-jwt', 'JWT.decode(token, key, true, …): the third argument is the check'],
] as const;

const EXPIRY_LINES = [
  ['jsonwebtoken', 'remove ignoreExpiration: true'],
  ['jose', 'jwtVerify(…) checks exp; remove a currentDate of your own'],
  ['fast-jwt', 'remove ignoreExpiration: true'],
  ['PyJWT', "remove options={'verify_exp': False}"],
  ['golang-jwt', 'remove jwt.WithoutClaimsValidation()'],
  ['ruby-jwt', 'remove verify_expiration: false'],
] as const;

const NOT_BEFORE_LINES = [
  ['jsonwebtoken', 'remove ignoreNotBefore: true'],
  ['fast-jwt', 'remove ignoreNotBefore: true'],
  ['PyJWT', "remove options={'verify_nbf': False}"],
  ['golang-jwt', 'remove jwt.WithoutClaimsValidation()'],
  ['ruby-jwt', 'remove verify_not_before: false'],
] as const;

const REQUIRE_EXPIRY_LINES = [
  ['jsonwebtoken', 'jwt.verify does not ask for exp: refuse the payload if it has none, or pass maxAge'],
  ['jose', "jwtVerify(token, key, { requiredClaims: ['exp'] })"],
  ['fast-jwt', "createVerifier({ key, requiredClaims: ['exp'] })"],
  ['PyJWT', "jwt.decode(token, key, algorithms=['HS256'], options={'require': ['exp']})"],
  ['golang-jwt', 'jwt.NewParser(jwt.WithExpirationRequired())'],
  ['ruby-jwt', "JWT.decode(token, key, true, { algorithm: 'HS256', required_claims: ['exp'] })"],
] as const;

/** An unsigned token. A service that accepts it would let anybody in. */
const unsigned = (sends: string): Case => ({
  sends,
  expects: 'refused',
  required: true,
  why: 'anybody can write such a token: whoever accepts it checks no signature, and no rotation protects it',
  change: 'name the one algorithm that is allowed where tokens are verified',
  lines: ALGORITHM_LINES,
  page: LIBRARIES,
});

const forged = (sends: string): Case => ({
  sends,
  expects: 'refused',
  required: true,
  why: 'the path checks no signature: anybody gets in, and rekey cannot find out from it which key a service has',
  change: 'verify the signature before anything else; if the path is not meant to be protected, name another one',
  lines: VERIFY_LINES,
  page: 'docs/services/canary.md',
});

const hinted = (sends: string): Case => ({
  sends,
  expects: 'accepted',
  required: false,
  why: 'kid is a hint and not proof: a service that asks for an id it knows refuses tokens which others have signed with its key',
  change: 'try every key when the id is unknown or missing',
  page: FALLBACKS,
});

/**
 * In the order of the questions. The good token comes first and last, so a token that is refused in between is refused
 * for its fault.
 */
export const CASES = {
  'signing-key': {
    sends: 'a good token, signed with the signing key',
    expects: 'accepted',
    required: true,
    why: 'either the service has another key, or it asks for more than a signature; nothing else can be judged before it accepts this one',
    change:
      'compare the claims that it asks for: issuer, audience, a subject that exists, a role; and where it has its key from. With a URL, give the claims by --issuer, --audience, --subject and --claim; with a NAME, in spec.targets[].canary.claims',
    page: 'docs/services/canary.md#the-subject-must-exist',
  },
  fallback: {
    sends: 'the same, signed with a fallback',
    expects: 'accepted',
    required: true,
    why: 'the service knows one key: in a rotation it would refuse tokens which others have signed with the other one',
    change:
      'verify with JWT_SECRET_KEY and with each entry of JWT_SECRET_KEY_FALLBACKS, in turn, while the signature is wrong',
    lines: [
      ['Node, Python, Go', 'the keyring library: docs/services/keyring.md'],
      ['no change of the code', 'the preload, for Node, Python and Ruby: docs/services/preload.md'],
      ['Auth.js, Django, PostgREST, …', 'spec.secretKeys.layout: docs/services/frameworks.md'],
    ],
    page: FALLBACKS,
  },
  'unknown-key-id': hinted('signed with the signing key, under a key id (kid) that nobody knows'),
  'no-key-id': hinted('signed with the signing key, without a key id'),
  'made-up-key': forged('signed with a made-up key, under an id that nobody knows'),
  'made-up-key-known-id': {
    ...forged('signed with a made-up key, under the id of the signing key'),
    why: 'the service looks at the key id and not at the signature: anybody gets in who has seen one token',
  },
  'empty-key': {
    ...forged('signed with an empty key'),
    why: 'an entry of the list is empty, or the variable is missing: anybody can sign with an empty key',
    change: 'leave out empty entries when the list is split, and refuse to start without a key',
    lines: [
      ['Node', "(process.env.JWT_SECRET_KEY_FALLBACKS ?? '').split(',').filter(Boolean)"],
      ['Python', "[*filter(None, os.environ.get('JWT_SECRET_KEY_FALLBACKS', '').split(','))]"],
    ],
  },
  garbage: forged('a text that is no token'),
  none: unsigned('alg: none, with an empty signature'),
  'none-without-part': unsigned('alg: none, without the part of the signature'),
  'none-with-signature': unsigned('alg: none, with a signature of a made-up key'),
  'none-upper-case': unsigned('alg: NONE, with an empty signature'),
  'none-capital': unsigned('alg: None, with an empty signature'),
  'none-mixed-case': unsigned('alg: nOnE, with an empty signature'),
  'other-algorithm': {
    sends: 'signed with the signing key, by another algorithm',
    expects: 'refused',
    required: false,
    why: 'the token chooses the algorithm, not the service (RFC 8725 section 3.1). Only who has the key can sign so, and no rotation is in danger; but the next mistake in a library may be',
    change: 'name the one algorithm that is allowed where tokens are verified',
    lines: ALGORITHM_LINES,
    page: LIBRARIES,
  },
  expired: {
    sends: 'expired an hour ago, signed with the signing key',
    expects: 'refused',
    required: true,
    why: 'tokens never end for this service, so maxTokenTTL is not true: it uses tokens that are refused once their key is retired',
    change: 'check exp, with the leeway of the clocks and no more',
    lines: EXPIRY_LINES,
    page: LIBRARIES,
  },
  'not-yet-valid': {
    sends: 'not valid before an hour has passed (nbf), signed with the signing key',
    expects: 'refused',
    required: false,
    why: 'it uses tokens before their time (RFC 7519 section 4.1.5). No rotation is in danger',
    change: 'check nbf, with the leeway of the clocks and no more',
    lines: NOT_BEFORE_LINES,
    page: LIBRARIES,
  },
  'issued-in-future': {
    sends: 'issued an hour from now (iat), signed with the signing key',
    expects: 'refused',
    required: false,
    why: 'RFC 7519 asks nobody to refuse it, and most libraries do not. It would show a clock that is wrong',
    change: 'nothing, unless you want to know of wrong clocks',
    page: LIBRARIES,
  },
  'no-expiry': {
    sends: 'without exp, signed with the signing key',
    expects: 'refused',
    required: false,
    why: 'nothing bounds the life of such a token. If anybody issues one, maxTokenTTL cannot hold, and it is refused once its key is retired',
    change: 'ask for exp where tokens are verified, and make sure that whoever signs sets it',
    lines: REQUIRE_EXPIRY_LINES,
    page: LIBRARIES,
  },
  'no-token': {
    sends: 'no token at all',
    expects: 'refused',
    required: false,
    why: 'the path also serves whoever has no token. rekey can use it all the same, if it refuses a bad one',
    change: 'nothing, if this is meant; otherwise protect the path, or name another one',
    page: 'docs/services/canary.md',
  },
  'signing-key-again': {
    sends: 'a good token once more, at the end',
    expects: 'accepted',
    required: true,
    why: 'the service has accepted one before: it may limit how often it is asked, and then what it refused meanwhile proves nothing',
    change: 'except the path from a limit by address, or ask again later',
    page: 'docs/services/canary.md',
  },
} as const satisfies Readonly<Record<string, Case>>;

export type CaseName = keyof typeof CASES;

/** @returns the case of this name */
export function caseOf(name: CaseName): Case {
  return CASES[name];
}
