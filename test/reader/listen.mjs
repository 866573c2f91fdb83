// Listens on a channel through the client driver, as a company's own alerting does, and prints a line a notification.
// test/tap/sla.pl gives the arguments: the folder with the driver, the database, the channel.
import { createRequire } from 'node:module';

const [folder, database, channel] = process.argv.slice(2);
const { Client, escapeIdentifier } = createRequire(folder + '/')('pg');
const client = new Client({ host: process.env.PGHOST, port: +process.env.PGPORT, database, user: process.env.PGUSER });

client.on('notification', (message) => process.stdout.write(message.payload + '\n'));
client.on('error', () => process.exit(0));
await client.connect();
await client.query(`LISTEN ${escapeIdentifier(channel)}`);
process.stdout.write('listening\n');
