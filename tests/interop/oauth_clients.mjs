// Signs in by a token with the libraries of npm: imapflow (OAUTHBEARER) and nodemailer (XOAUTH2). Run by test_oauth.py:
// node oauth_clients.mjs FOLDER-OF-PACKAGES IMAPS-PORT SUBMISSIONS-PORT USER; the token comes on standard input.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, imaps, submissions, user] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${folder}/`));
const { ImapFlow } = require('imapflow');
const nodemailer = require('nodemailer');
const accessToken = readFileSync(0, 'utf8').trim();
const tls = { rejectUnauthorized: false };
const seen = {};

const client = new ImapFlow({ host: '127.0.0.1', port: Number(imaps), secure: true, auth: { user, accessToken }, tls, logger: false });
try {
    await client.connect();
    seen.imap = 'ok';
    seen.mechanism = client.authCapabilities ? [...client.authCapabilities.keys()] : [];
    await client.logout();
} catch (error) {
    seen.imap = `${error.authenticationFailed ? 'refused' : 'failed'}: ${error.responseText || error.message}`;
}

const transport = nodemailer.createTransport({ host: '127.0.0.1', port: Number(submissions), secure: true, tls, auth: { type: 'OAuth2', user, accessToken } });
try {
    await transport.sendMail({ from: user, to: user, subject: 'sent by a token', text: 'Hello' });
    seen.smtp = 'ok';
} catch (error) {
    seen.smtp = `${error.code}: ${error.message}`;
}
transport.close();
console.log(JSON.stringify(seen));
