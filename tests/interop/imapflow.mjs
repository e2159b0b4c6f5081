// Drives imapflow against a server; prints one JSON object of what was seen. Run by test_imapflow.py.
import { ImapFlow } from 'imapflow';

const [port, user, pass] = process.argv.slice(2);
const seen = { events: [], idle: [] };
const make = () =>
    new ImapFlow({ host: '127.0.0.1', port: Number(port), secure: true, auth: { user, pass }, qresync: true,
                   tls: { rejectUnauthorized: false }, logger: false });
const letter = number => `From: a@x.test\r\nTo: ${user}\r\nSubject: flow ${number}\r\nDate: Mon, 7 Feb 2022 21:52:25 -0800\r\n\r\nBody ${number}\r\n`;
const until = async (what, test) => {
    for (let turn = 0; turn < 500 && !test(); turn++) await new Promise(resolve => setTimeout(resolve, 20));
    if (!test()) throw new Error(`${what} did not happen`);
};

const one = make();
await one.connect();
seen.enabled = [...one.enabled];
seen.compressed = !!one._inflate;
for (let number = 1; number <= 6; number++) await one.append('Archive', letter(number), number % 2 ? ['\\Seen'] : []);
let box = await one.mailboxOpen('Archive');
seen.exists = box.exists;
seen.found = await one.search({ subject: 'flow 3' }, { uid: true });
seen.subjects = [];
for await (const message of one.fetch('1:*', { envelope: true, flags: true, bodyStructure: true, uid: true, threadId: true }))
    seen.subjects.push([message.uid, message.envelope.subject, [...message.flags], !!message.emailId]);
seen.source = (await one.fetchOne('2', { source: true })).source.toString();
const { content } = await one.download('1');
seen.download = '';
for await (const piece of content) seen.download += piece;

// IDLE: what another session does arrives without asking
for (const name of ['exists', 'expunge', 'flags']) one.on(name, event => seen.idle.push([name, event.count || event.uid]));
const idling = one.idle();
const two = make();
await two.connect();
await two.mailboxOpen('Archive');
await two.append('Archive', letter(7));
await until('EXISTS', () => seen.idle.some(([name]) => name === 'exists'));
await two.messageFlagsAdd('1', ['\\Flagged'], { uid: true });
await until('flags', () => seen.idle.some(([name]) => name === 'flags'));
await two.messageDelete('2', { uid: true });
await until('expunge', () => seen.idle.some(([name, uid]) => name === 'expunge' && uid === 2));
await one.noop();
await idling;

// QRESYNC: away, and back with the difference only
const { uidValidity, highestModseq } = one.mailbox;
await one.logout();
await two.messageFlagsAdd('4', ['$Work'], { uid: true });
await two.messageMove('5', 'Trash', { uid: true });
await two.messageDelete('6', { uid: true });
const three = make();
for (const name of ['expunge', 'flags']) three.on(name, event => seen.events.push([name, event.uid, event.vanished || false]));
await three.connect();
box = await three.mailboxOpen('Archive', { changedSince: highestModseq, uidValidity });
seen.resynced = box.qresync;
await until('resync', () => seen.events.length >= 3);
seen.quota = await three.getQuota('Archive');
seen.status = await three.status('Archive', { messages: true, unseen: true, highestModseq: true });
seen.list = (await three.list({ statusQuery: { messages: true } })).map(entry => [entry.path, entry.specialUse || '', entry.status.messages]);
await three.mailboxCreate('Bücher & mehr');
seen.created = (await three.list()).map(entry => entry.path).includes('Bücher & mehr');
await three.mailboxDelete('Bücher & mehr');
await three.logout();
await two.logout();
console.log(JSON.stringify(seen, (key, value) => (typeof value === 'bigint' ? Number(value) : value)));
