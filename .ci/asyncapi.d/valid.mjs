// Checks that files are valid AsyncAPI 3: `node valid.mjs FILE…` prints each error, and fails if there is one.
import { readFile } from 'node:fs/promises';
import { Parser } from '@asyncapi/parser';

// Errors and warnings. The parser also has hints, such as that a newer version of AsyncAPI exists.
const WARNING = 1;

let failed = false;
for (const file of process.argv.slice(2)) {
    const { diagnostics } = await new Parser().parse(await readFile(file, 'utf8'));
    for (const { severity, code, path, message } of diagnostics) {
        if (severity > WARNING) continue;
        failed = true;
        console.log(`${file}: ${path.join('.')}: ${message} (${code})`);
    }
}
process.exit(failed ? 1 : 0);
