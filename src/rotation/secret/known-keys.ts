/**
 * Keys of documentation and tutorials, which some services therefore use. They are kept as SHA-256 of the text, so that
 * nobody takes them for real secrets or copies them.
 */
export const KNOWN_KEYS: ReadonlySet<string> = new Set([
  // docs of FastAPI, OAuth2 with JWT
  '570dad43de1af4c925f92c16a68a50936da42b7dd6fdeb24850507a1199aac89',
  // tutorials of Spring Boot
  '3354cfcf65c7b2e6840ea6f880aede239750cb1d063950c4e8fd9fbf9ec73a32',
  // tutorials of Spring Boot
  '5df73e1aa59d8f332c2f5fd6ea1c37d0f2266b623ea3c4efe6cb3d577fd6a5e1',
  // tutorials of Spring Boot
  '594c081d23de22b178ba34a9c8551fe23d3a7034d92717a5cb4a054337a4c714',
  // docs of Flask
  '2598f7d6adc142d88161630f3db12ab2bd3403521c281811e5e1ce60d4ac5d76',
  // jwt.io
  '465d9ad5d5528ebe287b5dce4fb51620833d09b290e49ddcc70ca6c4a0aea01b',
  // jwt.io
  '730d21a80e61a8de82d12cb4c0b8057cff5a30e2dec50ce7a773513374f9164a',
  // jwt.io
  'db6833593279d7373592ef70e51f3daf048c04475739f8ed024b0821fd9e7fde',
  // jwt.io
  'f7d838701b86c5dfb57bf95fbc5ce6df204cfc9f15ad6cdb39fd22f8776e47b6',
  // jwt.io
  'dfd7dc439654f313f3bb7734b467e71d701b6982cd4cb31cf7d555e723c223e9',
  // jwt.io
  '5eef83fe7cb71e2da053f846a07ecf933f49b66ef755ef8627be5e2fe94d7e84',
  // docs of PostgREST
  'fd4dec75abc2df7e4f8776e246ce733d29690230695c4ce8ea7a207eb3a939ab',
]);
