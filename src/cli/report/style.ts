/** The style of the page: light and dark, wide and narrow, on paper. No information is in a colour alone. */
export const STYLE = `
:root { color-scheme: light dark; --page: #fff; --text: #1c2128; --soft: #565f6a; --line: #d0d7de; --panel: #f6f8fa;
  --mark: #0b57d0; --good: #116329; --bad: #a40e26; --odd: #e4ecf7; --even: #f3f6fb; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1419; --text: #e6edf3; --soft: #9fabb8; --line: #38424d; --panel: #171e26;
  --mark: #79b8ff; --good: #56d364; --bad: #ff8a80; --odd: #22303f; --even: #1a232d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main, footer { max-width: 68rem; margin: 0 auto; padding: 1.5rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.25rem; }
p, ul, ol { margin: .5rem 0; max-width: 48rem; } ol, ul { padding-left: 1.5rem; }
code, .kid { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
.soft, figcaption, footer { color: var(--soft); font-size: .9rem; }
.verdict { display: inline-block; margin: .75rem 0 0; padding: .15rem .75rem; border: 2px solid; border-radius: 1rem; font-weight: 600; }
.good { color: var(--good); } .bad { color: var(--bad); }
.note { margin: 1rem 0; padding: .75rem 1rem; border-left: 4px solid var(--line); background: var(--panel); max-width: none; overflow-wrap: anywhere; }
.note.bad { border-color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; margin: 1rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { padding: .4rem 1rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; }
th[scope=row] { font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
th.number:first-child, td.number:first-child { width: 1%; }
td.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
figure { margin: 0; }
.row { display: grid; grid-template-columns: 17rem 1fr; align-items: center; font-size: .85rem; line-height: 22px; }
.row > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; padding-right: .75rem; }
.service { margin-top: .35rem; font-weight: 600; } .pod > span { padding-left: 1rem; color: var(--soft); }
svg { display: block; overflow: visible; } svg text { fill: var(--text); font-size: 12px; }
svg .stamp, svg .proved { fill: var(--mark); } svg .concluded { fill: var(--page); stroke: var(--mark); stroke-width: 2; }
svg line { stroke: var(--mark); stroke-width: 1.5; } .odd { fill: var(--odd); } .even { fill: var(--even); }
figcaption { margin-top: .75rem; } .key { display: block; }
.emergency main { border-top: .75rem solid var(--bad); } .emergency h1 { margin-top: .25rem; }
.alarm { margin: 0 0 .75rem; max-width: none; color: var(--bad); font-weight: 700; font-size: 1.25rem; text-transform: uppercase; letter-spacing: .04em; }
.verdict.burnt { border-color: var(--bad); border-radius: .25rem; background: var(--bad); color: var(--page); }
.losses { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr)); gap: 1rem; margin: 1.5rem 0 0; }
.losses section { padding: 1rem; border: 1px solid var(--bad); background: var(--panel); overflow-wrap: anywhere; }
.losses h2 { margin: 0 0 .5rem; font-size: 1.1rem; }
@media (max-width: 44rem) { main, footer { padding: 1rem; } h1 { font-size: 1.4rem; } dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; } table { font-size: .85rem; } th, td { padding-right: .75rem; } .row { grid-template-columns: 1fr; } .row:first-child > span { display: none; }
  .wide { display: none; } .pod > span { padding-left: 0; } }
@media print { :root { color-scheme: light; --page: #fff; --text: #000; --soft: #444; --line: #999; --panel: #fff;
  --mark: #000; --good: #000; --bad: #000; --odd: #e4e4e4; --even: #f4f4f4; }
  .verdict.burnt { background: none; color: var(--text); }
  body { font-size: 10pt; } main, footer { max-width: none; padding: 0; } .scroll { overflow: visible; } h2 { break-after: avoid; }
  tr, .row, figure { break-inside: avoid; } svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`;
