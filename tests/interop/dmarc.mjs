// Verdicts of mailauth (npm) on the cases in a file: [{from, spf, dkim, records}, …]; prints [[result, policy], …].
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { dmarc } = createRequire(import.meta.url)('mailauth/lib/dmarc');
const verdicts = [];
for (const one of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  const resolver = async name => {
    const text = one.records[name.replace(/^_dmarc\./, '')];
    if (text === undefined) {
      throw Object.assign(new Error(name), { code: 'ENOTFOUND' });
    }
    return [[text]];
  };
  const found = await dmarc({
    headerFrom: [one.from],
    spfDomains: one.spf.map(domain => ({ domain })),
    dkimDomains: one.dkim.map(domain => ({ domain })),
    resolver,
  });
  verdicts.push([found.status.result, found.policy ?? null]);
}
console.log(JSON.stringify(verdicts));
