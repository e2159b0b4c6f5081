// Verifies and signs with npm's mailauth; one JSON object in, one out. Run by test_dkim_mailauth.py.
// In: { records: {name: text}, verify: [base64], sign: [{message: base64, key: PEM, domain, selector, algorithm, form}] }
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

const require = createRequire(import.meta.url);
const { dkimVerify } = require(`${process.argv[2]}/lib/dkim/verify.js`);
const { dkimSign } = require(`${process.argv[2]}/lib/dkim/sign.js`);

const asked = JSON.parse(await text(process.stdin));
const resolver = async name => {
    if (asked.records[name] !== undefined) return [[asked.records[name]]];
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
};

const verified = [];
for (const message of asked.verify) {
    const { results } = await dkimVerify(Buffer.from(message, 'base64'), { resolver });
    verified.push(results.map(one => one.status.result));
}
const signed = [];
for (const { message, key, domain, selector, algorithm, form } of asked.sign) {
    const octets = Buffer.from(message, 'base64');
    const { signatures, errors } = await dkimSign(octets, {
        canonicalization: form, algorithm, signTime: new Date(),
        signatureData: [{ signingDomain: domain, selector, privateKey: key }],
    });
    if (errors.length) throw errors[0];
    signed.push(Buffer.concat([Buffer.from(signatures, 'binary'), octets]).toString('base64'));
}
console.log(JSON.stringify({ verified, signed }));
